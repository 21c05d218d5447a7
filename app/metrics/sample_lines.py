"""One sample as the formats have it."""

import math
from collections.abc import Mapping

from app.metrics.families import Family

Lines = Mapping[Family, list[str]]


def number_text(value: float) -> str:
    """A value as the formats have it."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(float(value))


def add_sample(lines: Lines, family: Family, rest: str, value: float) -> None:
    """Add a sample, unless it is NaN; *rest* are the labels in braces."""
    # Twenty times for each SLO: finite values, nearly all there are, cost one comparison.
    if value - value == 0.0:
        lines[family].append(f"{family.name}{rest}{float(value)!r}\n")
    elif math.isinf(value):
        lines[family].append(f"{family.name}{rest}{number_text(value)}\n")
