"""The objects of all documents, of every version, in one form; each has the place where it is written."""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from app.documents.importing.fields import BudgetingMethod, Operator
from app.documents.importing.scope import Scope
from app.documents.openslo.fields import RawType


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query; *source* is the kind of server, *ref* the name of a DataSource, None where it has none."""

    text: str
    source: str | None
    ref: str | None
    scope: Scope
    of_source: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """What is counted: a threshold on a metric, or a ratio of events; *counter*: its queries are counters."""

    scope: Scope
    threshold: Query | None = None
    good: Query | None = None
    bad: Query | None = None
    total: Query | None = None
    raw: Query | None = None
    raw_type: RawType | None = None
    counter: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnRateCondition:
    """A burn rate over *lookback* that alerts when it has lasted for *alert_after*."""

    severity: str
    op: Operator | None
    threshold: float
    lookback: timedelta
    alert_after: timedelta
    scope: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A condition, or the name of one; *targets* are names of AlertNotificationTargets with their places."""

    name: str
    condition: BurnRateCondition | str
    of_condition: Scope
    targets: tuple[tuple[str, Scope], ...]
    breaching: bool
    no_data: bool | None
    resolved: bool | None
    scope: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeWindow:
    """An SLO window: rolling without *start*, of the calendar with it."""

    span: tuple[int, str]
    start: str | None
    timezone: str | None
    is_rolling: bool | None
    of_length: Scope
    scope: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """One objective of an SLO; *indicator* is its own, or the name of one."""

    scope: Scope
    display_name: str = ""
    target: float | None = None
    target_percent: float | None = None
    op: Operator | None = None
    value: Decimal | None = None
    slice_target: float | None = None
    slice_window: timedelta | None = None
    weight: Decimal | None = None
    indicator: Indicator | str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SloObject:
    """An SLO with the references that it has; *title* is its name where that is not its id."""

    name: str
    title: str = ""
    description: str
    service: str
    labels: dict[str, tuple[str, ...]]
    method: BudgetingMethod | None
    window: TimeWindow | None
    indicator: Indicator | str | None
    of_indicator: Scope
    objectives: tuple[Objective, ...]
    policies: tuple[tuple[Policy | str, Scope], ...]
    is_composite: bool
    """Whether its objectives are parts of one, rather than several SLOs."""
    scope: Scope


@dataclass(slots=True)
class Objects:
    """The objects that others may refer to, by their names."""

    indicators: dict[str, Indicator] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    conditions: dict[str, BurnRateCondition] = field(default_factory=dict)
    targets: set[str] = field(default_factory=set)
    used_policies: set[str] = field(default_factory=set)
    """Those that SLOs without faults name."""
    sources: dict[str, str] = field(default_factory=dict)
    slos: list[SloObject] = field(default_factory=list)
    faulty_slos: list[SloObject] = field(default_factory=list)
    """What is left of those that have faults."""
    unusable: set[tuple[str, str]] = field(default_factory=set)
    """Kind and name of objects whose faults are said already: a reference to one is no further error."""
