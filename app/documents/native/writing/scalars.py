"""Single values as a native document has them."""

from datetime import timedelta
from decimal import Decimal

from app.slo import format_duration
from app.yamldoc.tree import BooleanText, NumberText
from app.yamldoc.writing import written_number

OFF = BooleanText("off")


def written_percent(ratio: float) -> NumberText | str:
    """A ratio in percent; with its sign where it would look like a ratio without it.

    >>> written_percent(0.999), written_percent(0.00999)
    ('99.9', '0.999%')
    """
    text = written_share(ratio)
    number = NumberText(text.removesuffix("%"))
    return number if Decimal(number) > 1 else text


def written_share(ratio: float) -> str:
    """A ratio in percent, with its sign."""
    return f"{written_points(ratio)}%"


def written_points(ratio: float) -> NumberText:
    """A difference of ratios, in percentage points."""
    return written_number(Decimal(repr(ratio)) * 100)


def written_wait(duration: timedelta | None) -> str:
    """A duration that may be zero; None is off."""
    return OFF if duration is None else format_duration(duration)
