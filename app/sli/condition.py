"""When the sample of a gauge is good."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from typing_extensions import override

from app.slo.arrays import Bools, Floats


class Comparison(StrEnum):
    """How a sample is compared with a number, as PromQL writes it."""

    EQUAL = "=="
    NOT_EQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="

    @property
    def opposite(self) -> "Comparison":
        """What holds exactly where this does not."""
        return _OPPOSITES[self]


_OPPOSITES = {
    one: other
    for pair in (
        (Comparison.EQUAL, Comparison.NOT_EQUAL),
        (Comparison.LESS, Comparison.AT_LEAST),
        (Comparison.AT_MOST, Comparison.GREATER),
    )
    for one, other in (pair, pair[::-1])
}
_COMPARE = {
    Comparison.EQUAL: np.equal,
    Comparison.NOT_EQUAL: np.not_equal,
    Comparison.LESS: np.less,
    Comparison.AT_MOST: np.less_equal,
    Comparison.GREATER: np.greater,
    Comparison.AT_LEAST: np.greater_equal,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison with a number, such as ``< 0.9``."""

    comparison: Comparison
    number: float

    @override
    def __str__(self) -> str:
        # The fewest digits that tell its number from any other, as people write it.
        return f"{self.comparison} {repr(self.number).removesuffix('.0')}"

    @property
    def exact(self) -> str:
        """The condition with 17 digits, as it is part of the keys of SLIs, which never change."""
        return f"{self.comparison} {self.number:.17g}"

    @property
    def opposite(self) -> "Condition":
        """The condition that holds exactly where this one does not."""
        return Condition(self.comparison.opposite, self.number)

    def holds(self, values: Floats) -> Bools:
        """Whether each value fulfils it."""
        held: Bools = _COMPARE[self.comparison](values, self.number)
        return held

    def holds_between(self, least: Floats, most: Floats) -> Bools:
        """Whether all values from *least* to *most* fulfil it."""
        if self.comparison is Comparison.NOT_EQUAL:
            outside: Bools = (most < self.number) | (least > self.number)
            return outside
        return self.holds(least) & self.holds(most)
