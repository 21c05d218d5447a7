"""Incidents that alerts are compared with: named by people, by marks on past alerts, or found in what was counted."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np

from app.replay.history.slot_history import SlotHistory
from app.slo.arrays import Floats

# Cells in which incidents are looked for; their ends are then those of slots with errors.
_CELL_S = 300
# An incident is over when nothing of the budget has been spent beyond its rate for so long.
_QUIET = timedelta(hours=1)


class IncidentSource(StrEnum):
    """How incidents came to be known: *labelled* by people, *marked* on past alerts, or *found*."""

    LABELLED = "labelled"
    MARKED = "marked"
    FOUND = "found"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayIncident:
    """A time in which the service was bad, that alerts should tell of; *is_noise*: one that they should not.

    *spent* is the share of the error budget of a whole SLO window that was spent in it, NaN where nothing was counted.
    """

    start: datetime
    end: datetime
    source: IncidentSource
    is_noise: bool = False
    spent: float = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What was spent of the error budget of a whole SLO window, at the traffic of the history."""

    history: SlotHistory
    bad_before: Floats
    allowed: float

    @classmethod
    def of(cls, history: SlotHistory, *, error_budget: float, window: timedelta) -> "Spending":
        """The spending of an SLO; its budget is that of as many events as a whole window has at the mean traffic."""
        measured_s = float(history.slots.measured_s.sum())
        events_per_s = float(history.slots.total.sum()) / measured_s if measured_s > 0 else 0.0
        return cls(
            history=history,
            bad_before=np.concatenate([[0.0], np.cumsum(np.maximum(history.slots.bad, 0.0))]),
            allowed=events_per_s * window.total_seconds() * error_budget,
        )

    def share(self, start: datetime, end: datetime) -> float:
        """The share of the budget that was spent between two times; NaN without traffic."""
        if not self.allowed > 0:
            return float("nan")
        first, last = map(self.history.first_after, (start, end))
        return float(self.bad_before[last] - self.bad_before[first]) / self.allowed


def found_incidents(spending: Spending, *, error_budget: float, share: float) -> tuple[ReplayIncident, ...]:
    """Contiguous times that spent more than a *share* of the budget beyond what a burn rate of 1 spends.

    Each begins and ends with errors, and ends before an hour in which no more was spent than that rate allows.
    """
    return tuple(
        incident
        for start, end in _stretches(spending, error_budget, share)
        if (incident := _trimmed(spending, start, end)) is not None
    )


def _stretches(spending: Spending, error_budget: float, share: float) -> Iterator[tuple[int, int]]:
    """First and last slot of every stretch, by the sum of what exceeds a burn rate of 1 (CUSUM)."""
    history, wanted = spending.history, share * spending.allowed
    if not wanted > 0:
        return
    each = max(1, _CELL_S // history.interval_s)
    cells = len(history) // each
    excess = history.slots.bad - error_budget * np.maximum(history.slots.total, history.slots.bad)
    of_cells = excess[: cells * each].reshape(cells, each).sum(axis=1).tolist()
    quiet = max(1, round(_QUIET.total_seconds() / (each * history.interval_s)))
    begin, highest, peak, level = 0, 0.0, -1, 0.0
    for cell, spent in enumerate([*of_cells, *([-np.inf] * (quiet + 1))]):
        if peak < 0 and spent <= 0:
            continue
        if peak < 0:
            begin, highest, peak, level = cell, 0.0, cell, 0.0
        level += spent
        if level > highest:
            highest, peak = level, cell
        if level <= 0 or cell - peak >= quiet:
            if highest > wanted:
                yield begin * each, (peak + 1) * each - 1
            peak = -1


def _trimmed(spending: Spending, first: int, last: int) -> ReplayIncident | None:
    history = spending.history
    bad = np.flatnonzero(history.slots.bad[first : last + 1] > 0)
    if not len(bad):
        return None
    start, end = history.at(first + int(bad[0]) - 1), history.at(first + int(bad[-1]))
    return ReplayIncident(start=start, end=end, source=IncidentSource.FOUND, spent=spending.share(start, end))
