"""What an SLO asks of its alerts: severities, tiers of long and short windows, and how patient they are."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from app.slo.durations import format_duration


class Severity(StrEnum):
    """How urgent an alert is: a page wakes somebody, a ticket waits for the morning (SRE Workbook, chapter 5)."""

    PAGE = "page"
    TICKET = "ticket"


class AlertState(StrEnum):
    """Where an alert is in its life; *frozen* is firing or quiet data that cannot be judged now."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
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
class SeverityPolicy:
    """When one severity of an SLO fires, and what it says besides.

    *tiers* are ordered by long window, the quickest first. *labels* and *annotations* come on top of the SLO's.
    """

    severity: Severity
    tiers: tuple[Tier, ...]
    pending_for: timedelta = timedelta(0)
    keep_firing_for: timedelta = timedelta(0)
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
