"""When an alert fires and resolves: the default burn-rate rules, and the life cycle as one pure `step`.

Pure: no IO. May import `app.slo` only. Start at `lifecycle.py`; `alert.py` is what is remembered between two slots,
`reading.py` what is known at one and `measured.py` how it comes from figures, `evidence.py` whether that is enough,
`policy.py` the default rules, `ends.py` why alerts end, `definition.py` what they are judged by, `conditions.py` the
tickets that are not about a burn, `scrape_interval.py` windows for rarely scraped counters, `notifications/` what
receivers are notified of.
"""

from app.alerting.alert import Alert, Transition, TransitionKind, alert_key, slo_of_key
from app.alerting.conditions import (
    ALERTNAMES,
    AlertCondition,
    compose_condition,
    no_data,
    no_traffic,
    of_budget,
    step_conditions,
)
from app.alerting.definition import Definition, definition_of, end_of_member
from app.alerting.ends import (
    GROUP_CHANGED,
    MEMBER_GONE,
    RECEIVER_REMOVED,
    RELABELLED,
    REROUTED,
    SLO_REMOVED,
    End,
    EndCode,
)
from app.alerting.evidence import (
    BudgetCounts,
    WindowCounts,
    hold_time,
    is_estimated,
    lowest_factor,
    may_be_one_failure,
    needed_windows,
    recovery_windows,
)
from app.alerting.lifecycle import freeze_unseen, has_relapsed, long_window, retire, step, step_slo
from app.alerting.measured import MeasuredWindow, MeasuredWindows, are_at_rest, is_stale, reading_of
from app.alerting.normal_rate import LONGEST_HISTORY_DAYS, KnownRates, NormalRate, history_day
from app.alerting.notifications.labels import OVERRIDABLE, RESERVED, sent_labels
from app.alerting.notifications.notification import (
    IncidentErrors,
    Notification,
    NotificationStatus,
    compose,
    notifications_for,
    resolve,
)
from app.alerting.notifications.relabelling import relabel
from app.alerting.notifications.routing import Notified, Route, Routing
from app.alerting.notifications.silences import AlertSilence, AlertSilences
from app.alerting.policy import check_rule, default_policies
from app.alerting.reading import ADEQUATE_COVERAGE, Reading, RuleReading, Verdict, is_calm, judge, trips_as_measured
from app.alerting.scrape_interval import shortest_windows_s, with_windows_of_at_least

__all__ = [
    "ADEQUATE_COVERAGE",
    "ALERTNAMES",
    "GROUP_CHANGED",
    "LONGEST_HISTORY_DAYS",
    "MEMBER_GONE",
    "OVERRIDABLE",
    "RECEIVER_REMOVED",
    "RELABELLED",
    "REROUTED",
    "RESERVED",
    "SLO_REMOVED",
    "Alert",
    "AlertCondition",
    "AlertSilence",
    "AlertSilences",
    "BudgetCounts",
    "Definition",
    "End",
    "EndCode",
    "IncidentErrors",
    "KnownRates",
    "MeasuredWindow",
    "MeasuredWindows",
    "NormalRate",
    "Notification",
    "NotificationStatus",
    "Notified",
    "Reading",
    "Route",
    "Routing",
    "RuleReading",
    "Transition",
    "TransitionKind",
    "Verdict",
    "WindowCounts",
    "alert_key",
    "are_at_rest",
    "check_rule",
    "compose",
    "compose_condition",
    "default_policies",
    "definition_of",
    "end_of_member",
    "freeze_unseen",
    "has_relapsed",
    "history_day",
    "hold_time",
    "is_calm",
    "is_estimated",
    "is_stale",
    "judge",
    "long_window",
    "lowest_factor",
    "may_be_one_failure",
    "needed_windows",
    "no_data",
    "no_traffic",
    "notifications_for",
    "of_budget",
    "reading_of",
    "recovery_windows",
    "relabel",
    "resolve",
    "retire",
    "sent_labels",
    "shortest_windows_s",
    "slo_of_key",
    "step",
    "step_conditions",
    "step_slo",
    "trips_as_measured",
    "with_windows_of_at_least",
]
