"""Whether the traffic of an SLO has stopped, against its own history: the golden signal *traffic*.

No requests at three at night are unusual only where there were some at three on other nights.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.alerting import ADEQUATE_COVERAGE
from app.evaluation.figures.figures import Figures
from app.evaluation.figures.members import Member
from app.ledger import AdjustedTime, Ledger
from app.slo import NoTraffic, SloId
from app.slo.arrays import Bools, Floats, Ints

_DAY_S = 86_400.0
# Traffic that ends or begins at about the same time each day may do so two of these earlier or later: one cell of what
# the ledger knows of a week ago.
_NEARBY_S = 900.0
# The lengths of silence that are looked at, in units of the shortest: with little traffic a longer one tells more.
_LONGER = np.array([1.0, 3.0, 9.0, 27.0])
# The same time a week ago says most, as weekends differ; without it all days that are known must agree.
_DAYS_BACK = np.array([7.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
# For a service younger than a day: the time before the silence in quarters, of which the quietest counts, so that a
# burst is not the norm. It is as many times the shortest silence, an hour by default and at most.
_LATELY_PARTS = 4
_LATELY_SILENCES = 6.0
_LONGEST_LATELY_S = 3600.0
# If so many events were to be expected, one silence of a hundred is chance.
_EXPECTED_EVENTS = -math.log(0.01)


def traffic_stopped(
    members: Sequence[Member],
    figures: Figures,
    ledger: Ledger,
    *,
    firing: Collection[int],
    left_out: Mapping[SloId, AdjustedTime],
) -> dict[int, bool | None]:
    """By the position of each member that asks for it, whether its traffic has stopped; None if unknown.

    An alert that fires (*firing*, by position) ends with the first event, regardless of the history. Time that alerts
    do not see (*left_out*) is neither silent nor usual: a service may be slow to come back from its maintenance.
    """
    wanted = [
        index
        for index, member in enumerate(members)
        if member.slo.alerting.no_traffic is not NoTraffic.FREEZE and member.row is not None
    ]
    if not wanted:
        return {}
    rows = np.array([members[index].row for index in wanted], dtype=np.int64)
    rates = _Rates(ledger, rows, [left_out.get(members[index].id) for index in wanted])
    end_s = figures.as_of_s[wanted]
    shortest_s = np.array([members[index].slo.alerting.no_traffic_for.total_seconds() for index in wanted])
    now = ledger.sums(rows, end_s - shortest_s, end_s)
    # While the traffic of most SLOs flows, no further question is asked.
    silent = (now.total <= 0) & (now.coverage >= ADEQUATE_COVERAGE)
    stopped: dict[int, bool | None] = {}
    for place, index in enumerate(wanted):
        if not now.coverage[place] >= ADEQUATE_COVERAGE:
            stopped[index] = None
        elif not silent[place] or index in firing:
            stopped[index] = bool(silent[place])
    asked = np.array([place for place, index in enumerate(wanted) if index not in stopped], dtype=np.int64)
    if len(asked):
        expected = _events_expected(rates.of(asked), end_s[asked], shortest_s[asked])
        stopped |= {
            wanted[place]: bool(events >= _EXPECTED_EVENTS)
            for place, events in zip(asked.tolist(), expected.tolist(), strict=True)
        }
    return stopped


@dataclass(frozen=True, slots=True)
class _Rates:
    """The traffic of rows, each with the time that its alerts do not see."""

    ledger: Ledger
    rows: Ints
    left_out: Sequence[AdjustedTime | None]

    def of(self, places: Ints) -> "_Rates":
        """The traffic of some of the rows."""
        return _Rates(self.ledger, self.rows[places], [self.left_out[place] for place in places.tolist()])

    def within(self, start_s: Floats, end_s: Floats) -> tuple[Floats, Bools]:
        """Events per second of windows, and whether they were measured; of any shape, rows along the first axis."""
        each = np.broadcast_to(self.rows.reshape(-1, *[1] * (start_s.ndim - 1)), start_s.shape)
        sums = self.ledger.sums(each.ravel(), start_s.ravel(), end_s.ravel())
        rate = sums.total.reshape(start_s.shape) / (end_s - start_s)
        measured: Bools = sums.coverage.reshape(start_s.shape) >= ADEQUATE_COVERAGE
        for place, time in enumerate(self.left_out):
            if time:
                measured[place] &= ~time.touches(start_s[place], end_s[place])
        return rate, measured


def _events_expected(rates: _Rates, end_s: Floats, shortest_s: Floats) -> Floats:
    """The most events that were to be expected in any of the silences that end now; shape (rows,)."""
    length_s = shortest_s[:, None] * _LONGER[None, :]
    now_rate, now_measured = rates.within(end_s[:, None] - length_s, np.broadcast_to(end_s[:, None], length_s.shape))
    silent = now_measured & (now_rate <= 0)
    past_start = end_s[:, None, None] - _DAYS_BACK[None, None, :] * _DAY_S - length_s[:, :, None]
    past_end = past_start + length_s[:, :, None]
    rate, known = zip(
        *(
            rates.within(start, end)
            for start, end in (
                (past_start - 2 * _NEARBY_S, past_start - _NEARBY_S),
                (past_start - _NEARBY_S, past_start),
                (past_start, past_end),
                (past_end, past_end + _NEARBY_S),
                (past_end + _NEARBY_S, past_end + 2 * _NEARBY_S),
            )
        ),
        strict=True,
    )
    least, measured = np.minimum.reduce(rate), np.logical_and.reduce(known)
    by_days = np.where(measured[..., 1:], least[..., 1:], np.inf).min(axis=-1)
    usual = np.where(measured[..., 0], least[..., 0], by_days)
    usual = np.where(np.isinf(usual), _lately(rates, end_s, length_s, shortest_s), usual)
    expected: Floats = np.where(silent, usual * length_s, 0.0).max(axis=1)
    return expected


def _lately(rates: _Rates, end_s: Floats, length_s: Floats, shortest_s: Floats) -> Floats:
    """The least rate in the parts of the time before each silence, 0 where it was not measured; for less than a day."""
    part_s = np.minimum(_LATELY_SILENCES * shortest_s, _LONGEST_LATELY_S)[:, None, None] / _LATELY_PARTS
    begin_s = end_s[:, None, None] - length_s[:, :, None]
    ends = begin_s - part_s * np.arange(_LATELY_PARTS)[None, None, :]
    rate, measured = rates.within(ends - part_s, ends)
    lately: Floats = np.where(measured, rate, 0.0).min(axis=-1)
    return lately
