"""How the budget of a window was spent, as a line without axes."""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

from typing_extensions import override

from app.slo import SloId
from app.status import Snapshot

WIDTH, HEIGHT = 120, 28
"""The coordinates of a sparkline; the style sheet says how large it is."""
# So that a line at its highest or lowest is not cut in half by the edge of the picture.
_MARGIN = 2.0
# An overspent budget may be at -9,900%: further down nothing is to be seen of the rest.
_LOWEST = -1.0


class BurnDowns(Protocol):
    """How budgets were spent; called in a worker thread."""

    def burn_downs(self, snapshots: Sequence[Snapshot]) -> Mapping[SloId, Sequence[float]]:
        """What remained of the budget of each window at equal distances, oldest first.

        Those that are not known, or not within a moment, are left out.
        """
        ...


class NoBurnDowns(BurnDowns):
    """Where there is no ledger."""

    @override
    def burn_downs(self, snapshots: Sequence[Snapshot]) -> Mapping[SloId, Sequence[float]]:
        return {}


def line(remaining: Sequence[float], now: float) -> str:
    """The path of a sparkline that ends at what remains *now*; empty if nothing is known.

    >>> line([1.0, 0.5], 0.0)
    'M0 2L120 26'
    """
    if not remaining or math.isnan(now):
        return ""
    values = [max(_LOWEST, value) for value in (*remaining[:-1], now)]
    bottom = min(0.0, *values)
    scale = (HEIGHT - 2 * _MARGIN) / (1.0 - bottom)
    step = WIDTH / max(1, len(values) - 1)
    points = [
        (round(step * number, 1), round(_MARGIN + (1.0 - value) * scale, 1)) for number, value in enumerate(values)
    ]
    # Between two points on one level there is nothing to see.
    corners = [
        point
        for number, point in enumerate(points)
        if number in {0, len(points) - 1} or not points[number - 1][1] == point[1] == points[number + 1][1]
    ]
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in corners)


def zero(remaining: Sequence[float], now: float) -> float:
    """How far down nothing is left, in the coordinates of `line`."""
    bottom = min([0.0, *(max(_LOWEST, value) for value in (*remaining[:-1], now))])
    return round(_MARGIN + (HEIGHT - 2 * _MARGIN) / (1.0 - bottom), 1)
