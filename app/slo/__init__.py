"""The vocabulary of the domain: SLOs, SLIs, windows, severities, event counts.

Plain frozen dataclasses without IO, imported by every other package; imports nothing of the project.
Start at `model.py`.
"""

from app.slo.alerts import (
    AlertState,
    BudgetAlerts,
    BurnRateRule,
    Cause,
    Evidence,
    FrozenCause,
    NoData,
    NoTraffic,
    Severity,
    SeverityPolicy,
)
from app.slo.composition import Component, CompositeRule, Composition, MissingData
from app.slo.days import day_starts, find_time_zone
from app.slo.durations import DurationError, duration_with_weeks, format_duration, format_seconds, parse_duration
from app.slo.environments import environments_of, is_in_environment
from app.slo.label_names import classic_label_name
from app.slo.metric_names import MetricNames
from app.slo.model import (
    Alerting,
    GroupKey,
    Labels,
    Sla,
    Slo,
    SloId,
    group_id,
    group_in_id,
    ungrouped_id,
)
from app.slo.moments import EARLIEST, LATEST
from app.slo.percentages import UNKNOWN_FIGURE, format_percent, rounded_percent, short
from app.slo.selector import Matcher, MatchOp, Selector
from app.slo.sli import (
    CellFunction,
    Contribution,
    CountQueries,
    EmptyIntervals,
    Evaluated,
    Events,
    EventsOfSamples,
    Sli,
    SliKind,
    Term,
    Weights,
)
from app.slo.slices import SliceRule, WithoutEvents
from app.slo.sources import DEFAULT_SOURCE, SOURCE_LABEL, SourceKind
from app.slo.tenants import TENANT_LABEL, Tenant, Tenants, in_tenant, tenant_of, with_tenant_label
from app.slo.windows import CalendarUnit, CalendarWindow, RollingWindow, Window, month_of

__all__ = [
    "DEFAULT_SOURCE",
    "EARLIEST",
    "LATEST",
    "SOURCE_LABEL",
    "TENANT_LABEL",
    "UNKNOWN_FIGURE",
    "AlertState",
    "Alerting",
    "BudgetAlerts",
    "BurnRateRule",
    "CalendarUnit",
    "CalendarWindow",
    "Cause",
    "CellFunction",
    "Component",
    "CompositeRule",
    "Composition",
    "Contribution",
    "CountQueries",
    "DurationError",
    "EmptyIntervals",
    "Evaluated",
    "Events",
    "EventsOfSamples",
    "Evidence",
    "FrozenCause",
    "GroupKey",
    "Labels",
    "MatchOp",
    "Matcher",
    "MetricNames",
    "MissingData",
    "NoData",
    "NoTraffic",
    "RollingWindow",
    "Selector",
    "Severity",
    "SeverityPolicy",
    "Sla",
    "Sli",
    "SliKind",
    "SliceRule",
    "Slo",
    "SloId",
    "SourceKind",
    "Tenant",
    "Tenants",
    "Term",
    "Weights",
    "Window",
    "WithoutEvents",
    "classic_label_name",
    "day_starts",
    "duration_with_weeks",
    "environments_of",
    "find_time_zone",
    "format_duration",
    "format_percent",
    "format_seconds",
    "group_id",
    "group_in_id",
    "in_tenant",
    "is_in_environment",
    "month_of",
    "parse_duration",
    "rounded_percent",
    "short",
    "tenant_of",
    "ungrouped_id",
    "with_tenant_label",
]
