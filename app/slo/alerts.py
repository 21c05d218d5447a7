"""What an SLO asks of its alerts: severities, burn-rate rules, and how long they wait."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from app.slo.durations import format_duration

# Below one half a burn would be more likely noise than not, and an alert on it would be a coin toss.
_LEAST_LEVEL = 0.5


class Severity(StrEnum):
    """How urgent an alert is: a page needs a human now, a ticket within days (SRE Workbook, chapter 5)."""

    PAGE = "page"
    TICKET = "ticket"


class AlertState(StrEnum):
    """The state of an alert.

    *Muted* fires beside a firing page of the same SLO, or a more urgent ticket, and is not sent; *suppressed* has a
    rule that trips on too few bad events; *frozen* cannot be judged now, whether it fires or not.
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
    POLICY = "policy"


class FrozenCause(StrEnum):
    """Why an alert that fires is not judged, where it is not that data is missing."""

    NO_TRAFFIC = "no_traffic"
    SLI_CHANGED = "sli_changed"
    ADJUSTMENT = "adjustment"


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
    """A long and a short window: the rule trips when the burn rates of both reach *factor*.

    *pending_for* is how long it must trip before the alert fires; None is as long as its policy says.
    """

    long: timedelta
    short: timedelta
    factor: float
    pending_for: timedelta | None = None

    def __post_init__(self) -> None:
        if not timedelta(0) < self.short < self.long:
            raise ValueError(f"the short window {self.short} must be shorter than the long window {self.long}")

    @property
    def name(self) -> str:
        """The windows, such as ``1h/5m``; called *tier* in the API, in documents and in templates."""
        return f"{format_duration(self.long)}/{format_duration(self.short)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What rules out random noise: at least *min_bad_events*, and a burn at the confidence level *level*.

    Raises:
        ValueError: the level is not in [0.5, 1), or *min_bad_events* is below 1.
    """

    # 99% and two bad events: measured on simulated months (docs/low-traffic.md). With one, a single failure pages.
    level: float = 0.99
    min_bad_events: float = 2.0

    def __post_init__(self) -> None:
        if not _LEAST_LEVEL <= self.level < 1:
            raise ValueError(f"the level {self.level} must be at least {_LEAST_LEVEL} and below 1")
        if not self.min_bad_events >= 1:
            raise ValueError(f"{self.min_bad_events} bad events are no evidence; at least 1 is needed")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityPolicy:
    """When one severity of an SLO fires, and the labels and annotations of its alerts.

    *rules* are ordered by long window, the quickest first. *labels* and *annotations* come on top of the SLO's. Without
    *evidence* the alert fires like a Prometheus rule: as soon as a rule trips, and until none does. An
    alert that fires while no events come is frozen, and resolved after *resolve_no_traffic_after*; None is never.
    """

    severity: Severity
    rules: tuple[BurnRateRule, ...]
    pending_for: timedelta = timedelta(0)
    keep_firing_for: timedelta = timedelta(0)
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    evidence: Evidence | None = None
    # A day: services that are used at daytime only are quiet for less.
    resolve_no_traffic_after: timedelta | None = timedelta(days=1)

    @property
    def rules_wait_apart(self) -> bool:
        """Whether a rule has a pending time of its own, so that each is timed by itself."""
        return any(rule.pending_for is not None for rule in self.rules)
