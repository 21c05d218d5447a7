"""Ratios as percentages that people write and read."""

import math

UNKNOWN_FIGURE = "–"  # noqa: RUF001  an en dash, as tables have it
"""What is written for a figure that is not known."""
# From 1,000% on, tenths are more digits than a reader compares.
_NO_TENTHS_FROM = 10.0


def format_percent(ratio: float) -> str:
    """A ratio that somebody chose, such as an objective, in percent, exactly.

    >>> format_percent(0.999), format_percent(0.99995), format_percent(1 - 0.999)
    ('99.9%', '99.995%', '0.1%')
    """
    return f"{ratio * 100:.10g}%"


def rounded_percent(ratio: float, digits: int = 2) -> str:
    """A ratio as people say it, without trailing zeros, thousands apart; of 1,000% and more no tenths.

    >>> rounded_percent(0.999, 4), rounded_percent(-0.997, 1), rounded_percent(1.0, 0), rounded_percent(-83.463, 1)
    ('99.9%', '-99.7%', '100%', '-8,346%')
    """
    digits = digits if abs(ratio) < _NO_TENTHS_FROM else 0
    return f"{short(ratio * 100, digits)}%" if math.isfinite(ratio) else UNKNOWN_FIGURE


def short(value: float, digits: int) -> str:
    """A number with at most so many digits after the point, and none that is an idle zero; thousands apart.

    >>> short(14.4, 2), short(-0.001, 2), short(1234.5, 2)
    ('14.4', '0', '1,234.5')
    """
    text = f"{value:z,.{digits}f}"
    return text.rstrip("0").rstrip(".") if digits else text
