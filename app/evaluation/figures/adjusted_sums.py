"""Sums without adjusted time: what the ledger counted in it is taken from the sums of windows that hold it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.ledger import AdjustedTime, Ledger, WindowSums
from app.slo.arrays import Floats, Ints

# Sums of 64-bit floats differ in the last digits; so few events are none.
_ROUNDING_EVENTS = 1e-6

# Seconds between the times of two members that are searched as one: more than those of all centuries that are counted,
# and so few that sums keep milliseconds.
_APART_S = 1e10
_ROUNDING_S = 1.0


class AdjustedSums:
    """The adjusted time of some members, one of *times* for each, by their positions.

    Attributes:
        members: how many they are.
    """

    def __init__(self, ledger: Ledger, times: Sequence[AdjustedTime]) -> None:
        self._ledger = ledger
        self.members = len(times)
        lengths = np.array([len(time.since_s) for time in times], dtype=np.int64)
        apart_s = np.repeat(np.arange(len(times)), lengths) * _APART_S
        self._since_s = np.concatenate([np.empty(0), *(time.since_s for time in times)])
        self._until_s = np.concatenate([np.empty(0), *(time.until_s for time in times)])
        # Ascending over all members: one search finds the spans that windows hold, however many there are.
        self._begins_s, self._ends_s = self._since_s + apart_s, self._until_s + apart_s
        self._total = np.concatenate([np.empty(0), *(time.total for time in times)])
        self._bad = np.concatenate([np.empty(0), *(time.bad for time in times)])

    def sums(self, positions: Ints, rows: Ints, start_s: Floats, end_s: Floats) -> WindowSums:
        """The ledger's sums over (start, end] of *rows*, each of the member at its position, without what is adjusted.

        The time of an adjustment is cut like a window: exact at the ends of slots, by the share of time within one.
        """
        sums = self._ledger.sums(rows, start_s, end_s)
        apart_s = positions * _APART_S
        first = np.searchsorted(self._ends_s, apart_s + start_s - _ROUNDING_S)
        lengths = np.maximum(np.searchsorted(self._begins_s, apart_s + end_s + _ROUNDING_S) - first, 0)
        window = np.repeat(np.arange(len(positions)), lengths)
        span = np.arange(len(window)) + np.repeat(first - (np.cumsum(lengths) - lengths), lengths)
        since_s = np.maximum(self._since_s[span], start_s[window])
        until_s = np.minimum(self._until_s[span], end_s[window])
        some = until_s > since_s
        if not some.any():
            return sums
        window, span = window[some], span[some]
        cut = self._ledger.sums(rows[window], since_s[some], until_s[some])
        total = _less(sums.total, window, cut.total * self._total[span])
        bad = _less(sums.bad, window, cut.bad * self._bad[span])
        # Differences of floats must not leave more bad events than events.
        return replace(sums, total=np.maximum(total, bad), bad=bad)


def _less(sums: Floats, window: Ints, taken: Floats) -> Floats:
    rest = sums - np.bincount(window, weights=taken, minlength=len(sums))
    less: Floats = np.where(rest < _ROUNDING_EVENTS, 0.0, rest)
    return less
