"""The read model: one snapshot per SLO, published once an evaluation for everybody who displays.

May import the store, the core and `app.slo`; knows neither HTTP nor Prometheus. Start at `snapshot.py`; `board.py`
hands the newest snapshots to readers without ever making an evaluation wait; `selection.py` chooses and sorts SLOs;
`wording.py` puts figures and what alerts do into words; `incidents.py` has what happened in an incident.
"""

from app.status.adjusted_events import UncountedEventsError, UnknownAdjustedSloError, with_counted_events
from app.status.adjustment_log import AdjustmentLog, TooManyAdjustmentsError
from app.status.board import Board, BoardContent, content_of
from app.status.change_costs import ChangeCost, costs_of_change
from app.status.change_log import ChangeLog, OtherServiceError
from app.status.contributors import MOST_LABELS, ContributorShare, ContributorsInRange, ContributorsState
from app.status.groups import GroupSummary, summed_group
from app.status.incident_views.known import IncidentMemory, KnownIncidents
from app.status.incident_views.live import (
    IncidentState,
    TimelineEntry,
    TimelineKind,
    has_muted_alert,
    live_incidents,
    live_past,
    live_record,
    postmortem_of,
    state_of,
    timeline,
)
from app.status.incident_views.log import IncidentLog, PastAlerts, read_or_known
from app.status.objectives import Reports, StoredReports
from app.status.operations import (
    ConfigSource,
    ConfigStatus,
    DeliveryLog,
    Readiness,
    ReceiverStatus,
    Reloader,
    ReloadOutcome,
    SourceStatus,
)
from app.status.ports import Contributors, Pasts
from app.status.problems import Problem, ProblemCode, ProblemLevel, most_serious_first
from app.status.range_series import (
    BudgetCost,
    DaySummary,
    RangeMark,
    RangeMarkKind,
    RangeSeries,
    round_step,
)
from app.status.recent_changes import CHANGE_KINDS, RECENT, RecentChanges
from app.status.selection import (
    Selection,
    SortColumn,
    alert_states,
    burn_now,
    order_key,
    ordered,
    words_of,
)
from app.status.snapshot import (
    WORST_FIRST,
    AlertView,
    BudgetView,
    DataState,
    HealthState,
    HistoryPoint,
    Progress,
    Snapshot,
    WindowView,
    shown_as,
)
from app.status.stored_adjustments import StoredAdjustments
from app.status.stored_audit import AuditLog, StoredAudit
from app.status.stored_changes import StoredChanges
from app.status.stored_sessions import StoredSessions
from app.status.stored_tokens import StoredTokens, made_token, record_made, revoke_recorded
from app.status.wording import severities_words, sla_words, state_words

__all__ = [
    "CHANGE_KINDS",
    "MOST_LABELS",
    "RECENT",
    "WORST_FIRST",
    "AdjustmentLog",
    "AlertView",
    "AuditLog",
    "Board",
    "BoardContent",
    "BudgetCost",
    "BudgetView",
    "ChangeCost",
    "ChangeLog",
    "ConfigSource",
    "ConfigStatus",
    "ContributorShare",
    "Contributors",
    "ContributorsInRange",
    "ContributorsState",
    "DataState",
    "DaySummary",
    "DeliveryLog",
    "GroupSummary",
    "HealthState",
    "HistoryPoint",
    "IncidentLog",
    "IncidentMemory",
    "IncidentState",
    "KnownIncidents",
    "OtherServiceError",
    "PastAlerts",
    "Pasts",
    "Problem",
    "ProblemCode",
    "ProblemLevel",
    "Progress",
    "RangeMark",
    "RangeMarkKind",
    "RangeSeries",
    "Readiness",
    "ReceiverStatus",
    "RecentChanges",
    "ReloadOutcome",
    "Reloader",
    "Reports",
    "Selection",
    "Snapshot",
    "SortColumn",
    "SourceStatus",
    "StoredAdjustments",
    "StoredAudit",
    "StoredChanges",
    "StoredReports",
    "StoredSessions",
    "StoredTokens",
    "TimelineEntry",
    "TimelineKind",
    "TooManyAdjustmentsError",
    "UncountedEventsError",
    "UnknownAdjustedSloError",
    "WindowView",
    "alert_states",
    "burn_now",
    "content_of",
    "costs_of_change",
    "has_muted_alert",
    "live_incidents",
    "live_past",
    "live_record",
    "made_token",
    "most_serious_first",
    "order_key",
    "ordered",
    "postmortem_of",
    "read_or_known",
    "record_made",
    "revoke_recorded",
    "round_step",
    "severities_words",
    "shown_as",
    "sla_words",
    "state_of",
    "state_words",
    "summed_group",
    "timeline",
    "with_counted_events",
    "words_of",
]
