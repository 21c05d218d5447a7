"""What was counted of one SLO, and the figures that follow from it at any time of the past."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from app.adjustments import Overlay
from app.budget import budget
from app.evaluation.saving.budget_record import RECORDED_EVERY_S
from app.ledger import COARSE_WIDTH_S, LOOKBACK_S, RowPast
from app.slo import CalendarWindow, GroupKey, RollingWindow, Slo, Window, month_of
from app.slo.arrays import Bools, Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What was counted for an SLO, or for one member of its group; *row* is None where nothing was seen yet.

    *known_from_s* is how far back history was read; what was before is not known, unless the first sample came later.
    *overlay* asks what has been adjusted of it; *is_adjusted* says whether *row* has that already.
    """

    slo: Slo
    group: GroupKey
    row: RowPast | None
    known_from_s: float
    overlay: Callable[[], Overlay | None] = lambda: None
    is_adjusted: bool = False

    @property
    def adjusted(self) -> "Past":
        """The same with adjusted time left out or counted as good."""
        overlay = None if self.row is None or self.is_adjusted else self.overlay()
        if self.row is None or overlay is None:
            return self
        return replace(self, row=self.row.adjusted(overlay.budgets), is_adjusted=True)

    def usable(self, recorded: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
        """What was *recorded* of budgets; nothing where adjustments may have changed them since."""
        return recorded if self.overlay() is None else ()


def counted_between(row: RowPast, start_s: Floats, end_s: Floats) -> tuple[Floats, Floats, Floats]:
    """Total events, bad events and coverage over (start, end]."""
    before, until = row.counted_before(start_s), row.counted_before(end_s)
    total, bad, measured_s = (np.maximum(late - early, 0.0) for early, late in zip(before, until, strict=True))
    begin_s = np.where(row.complete_from_s > start_s, start_s, np.fmax(start_s, row.first_sample_s))
    expected_s = end_s - begin_s
    coverage = np.divide(measured_s, expected_s, out=np.zeros(len(start_s)), where=expected_s > 0)
    return total, bad, np.clip(coverage, 0.0, 1.0)


def remaining_budgets(past: Past, row: RowPast, at_s: Floats) -> Floats:
    """What remained of the budget at each time; NaN where the window reaches back to what is not known."""
    # Where data is late the newest figures are those of the newest measured slot, as the live ones are.
    end_s = np.fmin(at_s, row.watermark_s)
    start_s = window_starts(past.slo, end_s)
    total, bad, _ = counted_between(row, start_s, end_s)
    remaining = budget(bad, total, error_budget=np.full(len(at_s), past.slo.error_budget)).remaining
    return np.where(is_known(row, start_s, past.known_from_s), remaining, np.nan)


def as_recorded(at_s: Floats, recorded: Sequence[tuple[float, float]], computed: Floats) -> Floats:
    """The newest record at each time; as *computed* where there is none, or none that was still shown then."""
    if not recorded:
        return computed
    slots_s, shown = np.array(recorded, dtype=np.float64).T
    newest = np.searchsorted(slots_s, at_s, side="right") - 1
    fresh = (newest >= 0) & (at_s - slots_s[newest] <= RECORDED_EVERY_S)
    return np.where(fresh, shown[newest], computed)


def window_starts(slo: Slo, at_s: Floats) -> Floats:
    """The start of the SLO window that ends at each of the ascending times."""
    if isinstance(slo.window, RollingWindow):
        return at_s - slo.window.duration.total_seconds()
    return _periods(slo.window, at_s)[0]


def month_bounds(window: Window, at_s: Floats) -> tuple[Floats, Floats]:
    """Start and end of the calendar month, in the zone of an SLO window, that each of the ascending times lies in."""
    return _periods(month_of(window), at_s)


def _periods(window: CalendarWindow, at_s: Floats) -> tuple[Floats, Floats]:
    starts_s, ends_s = np.full(len(at_s), np.nan), np.full(len(at_s), np.nan)
    index = 0
    # One look at the calendar for each period, not for each of thousands of points.
    while index < len(at_s):
        at = datetime.fromtimestamp(float(at_s[index]), UTC)
        first, _ = window.bounds(at)
        after = (first + window.period(at)).timestamp()
        following = max(index + 1, int(np.searchsorted(at_s, after, side="right")))
        starts_s[index:following], ends_s[index:following] = first.timestamp(), after
        index = following
    return starts_s, ends_s


def is_known(row: RowPast, start_s: Floats, known_from_s: float) -> Bools:
    """Whether everything since the start of a window was counted; before its first sample an SLI had no events."""
    known_from_s = max(known_from_s, float(row.edges_s[0]))
    # A sample this close to the start of what was read may follow on others that were not.
    began_later = row.first_sample_s > known_from_s + LOOKBACK_S + COARSE_WIDTH_S
    known: Bools = (start_s >= known_from_s) | began_later
    return known


def window_totals(past: Past, row: RowPast, end_s: Floats) -> Floats:
    """How many events the whole SLO window or calendar period that holds each of the ascending times has."""
    slo = past.slo
    start_s = window_starts(slo, end_s)
    last_s, length_s = end_s, end_s - start_s
    if isinstance(slo.window, CalendarWindow):
        length_s = np.array([slo.window.period(datetime.fromtimestamp(at, UTC)).total_seconds() for at in end_s])
        last_s = np.minimum(start_s + length_s, row.watermark_s)
    known_from_s = np.fmax(start_s, np.fmax(row.edges_s[0], row.first_sample_s))
    total, _, _ = counted_between(row, known_from_s, last_s)
    known_s = np.maximum(last_s - known_from_s, 1.0)
    whole: Floats = total * np.maximum(length_s / known_s, 1.0)
    return whole
