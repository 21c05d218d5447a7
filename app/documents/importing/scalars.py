"""Single values as other tools read them; each function refuses with a remedy."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from app.documents.windows import checked_length
from app.yamldoc.scalars import read_duration, read_number, read_text, refuse
from app.yamldoc.tree import NullText, NumberText

_ALL = Decimal(100)


def read_optional_text(value: Any) -> str:
    """A text; nothing is the empty text."""
    return "" if isinstance(value, NullText) else read_text(value)


def read_any_number(value: Any) -> Decimal:
    """A finite number, also in quotes."""
    # Pyrra has `target: "99.9"`, since a field of a CRD that is a string may not be a number.
    is_text = isinstance(value, str) and not isinstance(value, NullText)
    return read_number(NumberText(value.strip()) if is_text else value)


def read_percent_target(value: Any) -> float:
    """An objective in percent, above 0 and below 100, as a ratio."""
    return _target(read_any_number(value), _ALL, "99.9")


def read_ratio_target(value: Any) -> float:
    """An objective as a ratio, above 0 and below 1."""
    return _target(read_any_number(value), Decimal(1), "0.999")


def read_rolling_window(value: Any) -> timedelta:
    """The length of a rolling SLO window."""
    return checked_length(read_duration(value))


def _target(number: Decimal, whole: Decimal, example: str) -> float:
    if number > whole:
        raise refuse(f"{number} is above {whole}", f"write an objective below {whole}, such as {example}")
    if number == whole:
        raise refuse(f"{number} leaves no error budget", f"write an objective below {whole}, such as {example}")
    if number <= 0:
        raise refuse(f"{number} asks for nothing", f"write an objective above 0, such as {example}")
    return float(number / whole)
