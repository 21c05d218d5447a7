"""What an SLO asks of its alerts: severities, rules of long and short windows, and how patient they are."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from app.slo.durations import format_duration

# Below one half a burn would be more likely noise than not, and an alert on it would be a coin toss.
_LEAST_LEVEL = 0.5


class Severity(StrEnum):
    """How urgent an alert is: a page wakes somebody, a ticket waits for the morning (SRE Workbook, chapter 5)."""

    PAGE = "page"
    TICKET = "ticket"


class AlertState(StrEnum):
    """What an alert does.

    *Muted* fires while a firing page of the same SLO, or a more urgent ticket, speaks for it; *suppressed* has a tier
    that trips on too few bad events; *frozen* cannot be judged now, whether it fires or not.
    """

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    MUTED = "muted"
    SUPPRESSED = "suppressed"
    FROZEN = "frozen"


class Cause(StrEnum):
    """What an alert is about: a burn, or a condition that opens a ticket of its own."""

    BURN = "burn"
    NO_DATA = "no_data"
    NO_TRAFFIC = "no_traffic"
    BUDGET_CONSUMED = "budget_consumed"
    BUDGET_RUNS_OUT = "budget_runs_out"
    BUDGET_EXHAUSTED = "budget_exhausted"


class NoData(StrEnum):
    """What becomes of alerts whose data has been missing for long.

    *freeze* keeps them as they are, *bad* takes what is missing as burning, *good* as quiet, *resolve* ends those that
    fire and then keeps them as they are.
    """

    FREEZE = "freeze"
    BAD = "bad"
    GOOD = "good"
    RESOLVE = "resolve"


class NoTraffic(StrEnum):
    """Whether an alert of its own fires when an SLO's traffic stops against its own history, and how urgent it is."""

    FREEZE = "freeze"
    TICKET = "ticket"
    PAGE = "page"

    @property
    def severity(self) -> Severity | None:
        """The severity of that alert, None if there is none."""
        return None if self is NoTraffic.FREEZE else Severity(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetAlerts:
    """Tickets about the error budget itself; None and False are off.

    *consumed* is the share from which on one is opened, *runs_out_within* the time in which none would be left.
    """

    consumed: float | None = None
    runs_out_within: timedelta | None = None
    exhausted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnRateRule:
    """One pair of windows: it trips when the burn rates of both reach *factor*."""

    long: timedelta
    short: timedelta
    factor: float

    def __post_init__(self) -> None:
        if not timedelta(0) < self.short < self.long:
            raise ValueError(f"the short window {self.short} must be shorter than the long window {self.long}")

    @property
    def name(self) -> str:
        """The tier as people say it, such as ``1h/5m``."""
        return f"{format_duration(self.long)}/{format_duration(self.short)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How sure an alert must be that what it sees is no chance: at least *min_bad_events*, and unlikely at *level*.

    Raises:
        ValueError: the level is no probability of 0.5 or more below 1, or no bad event is asked for.
    """

    level: float = 0.99
    min_bad_events: float = 2.0

    def __post_init__(self) -> None:
        if not _LEAST_LEVEL <= self.level < 1:
            raise ValueError(f"the level {self.level} must be at least {_LEAST_LEVEL} and below 1")
        if not self.min_bad_events >= 1:
            raise ValueError(f"{self.min_bad_events} bad events are no evidence; at least 1 is needed")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityPolicy:
    """When one severity of an SLO fires, and what it says besides.

    *rules* are ordered by long window, the quickest first. *labels* and *annotations* come on top of the SLO's. Without
    *evidence* the alert is the equal of a Prometheus rule: it fires as soon as a tier trips, and until none does. An
    alert that fires while no events come is frozen, and resolved after *resolve_no_traffic_after*; None is never.
    """

    severity: Severity
    rules: tuple[BurnRateRule, ...]
    pending_for: timedelta = timedelta(0)
    keep_firing_for: timedelta = timedelta(0)
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    evidence: Evidence | None = None
    resolve_no_traffic_after: timedelta | None = timedelta(days=1)
