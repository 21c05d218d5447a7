"""Single values as a native document has them."""

from datetime import timedelta
from decimal import Decimal

from app.slo import format_duration
from app.yamldoc.tree import BooleanText, NumberText

OFF = BooleanText("off")


def written_number(value: float | Decimal) -> NumberText:
    """A number in full, of as many digits as it has.

    >>> written_number(14.4), written_number(1e-05), written_number(2.0)
    ('14.4', '0.00001', '2')
    """
    text = f"{Decimal(repr(value)) if isinstance(value, float) else value:f}"
    return NumberText(text.rstrip("0").rstrip(".") if "." in text else text)


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
    return f"{written_number(Decimal(repr(ratio)) * 100)}%"


def written_wait(duration: timedelta | None) -> str:
    """A duration that may be zero; None is off."""
    return OFF if duration is None else format_duration(duration)
