"""Expressions over the error ratios of several SLOs, for Prometheus rules; groups become one by their worst member."""

from collections.abc import Sequence


def share_of_any(ratios: Sequence[tuple[float, str]]) -> str:
    """1 where any error ratio is above its budget, else 0; each is a budget with its ratio."""
    above = " + ".join(f"(max({ratio}) > bool {budget:.12g})" for budget, ratio in ratios)
    return f"clamp_max({above}, 1)"


def largest(ratios: Sequence[str]) -> str:
    """The largest of some error ratios."""
    first, *others = [f"max({ratio})" for ratio in ratios]
    for other in others:
        first = f"({first} >= {other} or {other})"
    return first


def mean(ratios: Sequence[tuple[float, str]]) -> str:
    """The weighted mean of some error ratios; each is a weight with its ratio."""
    whole = sum(weight for weight, _ in ratios)
    return "(" + " + ".join(f"{weight / whole:.12g} * avg({ratio})" for weight, ratio in ratios) + ")"
