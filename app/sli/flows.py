"""Sums of counters while an expression is reduced: what they count, by which labels, and what can be said of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from typing_extensions import override

from app.promql.inclusion import includes
from app.slo import Selector

# Significant digits of a weight: more would tell `0.1 * 3` from `0.3`, and give the same SLI another history.
_DIGITS = 12
Coefficients = Mapping[Selector, float]
"""How many times the events of each selector are counted; each series counts for all selectors that select it."""


class Unit(StrEnum):
    """What the number of a counter in an expression means."""

    PER_SECOND = "a rate per second"
    PER_WINDOW = "an increase over the window"
    SO_FAR = "a bare counter"


@dataclass(frozen=True, slots=True)
class Grouping:
    """The labels that the series of an expression have: only *labels*, or, *without* these, all others."""

    labels: tuple[str, ...] = ()
    without: bool = False

    @override
    def __str__(self) -> str:
        if self == SERIES:
            return "all labels"
        return f"{'all labels but' if self.without else 'the labels'} {', '.join(self.labels) or '(none)'}"

    def has(self, label: str) -> bool:
        """Whether series may have the label."""
        return (label in self.labels) is not self.without

    def same_as(self, other: "Grouping") -> bool:
        """Whether two groupings are of the same labels, in any order."""
        return self.without == other.without and set(self.labels) == set(other.labels)


SERIES = Grouping(without=True)
ALL = Grouping()


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A weighted sum of the events of counters.

    *relabelled*: labels whose values are not those of the series any more. *floored*: a negative sum is taken for 0.
    """

    coefficients: Coefficients
    grouping: Grouping
    unit: Unit | None = None
    relabelled: frozenset[str] = field(default_factory=frozenset)
    floored: bool = False

    @property
    def is_zero(self) -> bool:
        """Whether nothing is counted."""
        return not self.coefficients

    def scaled(self, factor: float) -> "Flow":
        """So many times the events."""
        return replace(self, coefficients=scaled(self.coefficients, factor))

    def plus(self, other: "Flow") -> "Flow":
        """The events of both, which have the same labels and the same unit unless one of them is zero."""
        first = other if self.is_zero else self
        coefficients = added(self.coefficients, other.coefficients)
        return replace(first, coefficients=coefficients, relabelled=self.relabelled | other.relabelled)


def added(one: Coefficients, other: Coefficients) -> Coefficients:
    """The sum, without selectors that cancel out."""
    sums = {selector: one.get(selector, 0.0) + other.get(selector, 0.0) for selector in {**one, **other}}
    largest = max((abs(value) for value in (*one.values(), *other.values())), default=0.0)
    # What is left of a difference of equal weights is an error of rounding.
    return _frozen({selector: value for selector, value in sums.items() if abs(value) > largest * 10**-_DIGITS})


def scaled(coefficients: Coefficients, factor: float) -> Coefficients:
    """So many times the events."""
    if not factor:
        return _frozen({})
    return _frozen({selector: _rounded(value * factor) for selector, value in coefficients.items()})


def ratio_of(one: Coefficients, other: Coefficients) -> float | None:
    """How many times *other* makes *one*; None if no number does."""
    if one.keys() != other.keys() or not one:
        return None
    ratios = {_rounded(one[selector] / other[selector]) for selector in one}
    return ratios.pop() if len(ratios) == 1 else None


def never_negative(coefficients: Coefficients) -> bool:
    """Whether the sum cannot be negative with any counts: what is taken away is a part of what is there.

    Each negative term is covered by terms that select all of its series, or by larger buckets of its histogram or the
    histogram's count. That holds of events; scrapes of two targets at different moments may still contradict it.
    """
    left = {selector: value for selector, value in coefficients.items() if value > 0}
    for selector, value in coefficients.items():
        missing = -value
        for other, there in left.items():
            if missing > 0 and includes(other, selector):
                used = min(missing, there)
                missing -= used
                left[other] = there - used
        if missing > 10**-_DIGITS * abs(value):
            return False
    return True


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _frozen(coefficients: dict[Selector, float]) -> Coefficients:
    return MappingProxyType(coefficients)
