"""Single values of a file: texts, names, numbers, durations; each function refuses with a remedy."""

import re
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from pydantic_core import PydanticCustomError

from app.slo import DurationError, parse_duration
from app.yamldoc.tree import BooleanText, Items, NullText, NumberText, Table

_Choice = TypeVar("_Choice", bound=StrEnum)
REFUSED = "refused"
"""The pydantic error type of everything that is refused here."""

MOST_LABELS = 100
"""Labels or annotations in one mapping: those of a document are repeated in each of its SLOs and alerts."""
NAME_PATTERN = r"^[A-Za-z0-9][-A-Za-z0-9_.]*$"
LABEL_PATTERN = r"^[a-zA-Z_][a-zA-Z0-9_]*$"
DURATION_PATTERN = r"^([0-9]+(y|w|d|h|ms|m|s))+$"
OFF = frozenset({"off", "false"})
"""What switches something off, in lower case."""
_NAME = re.compile(NAME_PATTERN, re.ASCII)
_LABEL = re.compile(LABEL_PATTERN, re.ASCII)
_ON = frozenset({"on", "true"})
_ALL = Decimal(100)
# Decimal computes with any number of digits, and a document may have millions.
_LONGEST_NUMBER = 30
_DIGITS_AROUND_THE_POINT = 15


def refuse(problem: str, remedy: str) -> PydanticCustomError:
    """The error that says what is wrong and what to write instead."""
    return PydanticCustomError(REFUSED, "{problem}; {remedy}", {"problem": problem, "remedy": remedy})


def read_text(value: Any) -> str:
    """A text, or any other single value as it was written."""
    if isinstance(value, NullText):
        raise refuse("has no value", "write a string, or remove the key")
    if not isinstance(value, str):
        raise refuse(f"must be a string, not {kind(value)}", "write one value")
    return str(value)


def read_one_or_more(value: Any) -> tuple[str, ...]:
    """One text or a list of them."""
    items = value if isinstance(value, list) else [value]
    if not items:
        raise refuse("is empty", "write at least one value, or remove the key")
    return tuple(read_text(item) for item in items)


def read_name(value: Any) -> str:
    """The name of a service or of an SLO."""
    text = _read_word(value)
    problem = name_problem(text)
    if problem is not None:
        raise refuse(*problem)
    return text


def read_any_name(value: Any) -> str:
    """The name of a service or of an SLO whose id is not made of it."""
    text = _read_word(value)
    if text != text.strip() or not text or not text.isprintable():
        raise refuse(*_no_name(text))
    return text


def name_problem(text: str) -> tuple[str, str] | None:
    """Why no id can be made of a name, and what to write instead; None if one can."""
    return None if _NAME.fullmatch(text) else _no_name(text)


def _no_name(text: str) -> tuple[str, str]:
    remedy = "write letters, digits, `-`, `_` and `.`, the first a letter or digit: checkout"
    return f"{text!r} is not a name", remedy


def _read_word(value: Any) -> str:
    # A service called `on` or `true` is read as a boolean by other tools, so it is refused here, too.
    if isinstance(value, BooleanText):
        raise refuse(f"{value} is a boolean in YAML", f'write "{value}" in quotes if that is the name')
    return read_text(value)


def read_series_label_name(value: Any) -> str:
    """The name of a label as series have it: any characters, as OpenTelemetry writes and Prometheus 3 reads them."""
    text = read_text(value)
    if not text.strip() or not text.isprintable():
        raise refuse(f"{text!r} is not a label name", "write a name such as route or http.route")
    if text.startswith("__"):
        raise refuse(f"{text!r} begins with `__`, which Prometheus keeps for itself", "write another name")
    return text


def read_label_name(value: Any) -> str:
    """The name of a label or annotation."""
    text = read_text(value)
    if not _LABEL.fullmatch(text):
        raise refuse(f"{text!r} is not a label name", "write letters, digits and `_`, the first no digit: team")
    if text.startswith("__"):
        raise refuse(f"{text!r} begins with `__`, which Prometheus keeps for itself", "write another name")
    return text


def read_number(value: Any) -> Decimal:
    """A finite number, written without quotes."""
    if not isinstance(value, str) or isinstance(value, NullText):
        raise refuse(f"must be a number, not {kind(value)}", "write a number such as 99.9")
    # `99,9` is how half of Europe writes it: the error then says what to write.
    number = value.replace(",", ".", 1).strip()
    if not _is_finite_number(number):
        raise refuse(f"{value[:_LONGEST_NUMBER]!r} is not a number", "write a number such as 99.9")
    if not isinstance(value, NumberText) or "," in value:
        raise refuse(f"{value!r} is a string, not a number", f"write {number} without quotes")
    return Decimal(number)


def read_percent(value: Any) -> Decimal:
    """A percentage as people say it, with or without the percent sign, as a ratio."""
    if isinstance(value, str) and value.endswith("%"):
        return read_number(NumberText(value.removesuffix("%").rstrip())) / _ALL
    return read_number(value) / _ALL


def read_duration(value: Any) -> timedelta:
    """A duration longer than zero."""
    if isinstance(value, NumberText):
        raise refuse(f"{value} has no unit", f"write {value}m for minutes, {value}h for hours or {value}d for days")
    text = read_text(value)
    try:
        return parse_duration(text)
    except DurationError as error:
        raise refuse(error.problem, error.remedy) from error


def read_choice(choices: type[_Choice], value: Any, noun: str) -> _Choice:
    """One of the values of *choices*, in any case; *noun* is what they are: `a policy`."""
    text = read_text(value)
    found = next((choice for choice in choices if choice.value.lower() == text.lower()), None)
    if found is None:
        raise refuse(f"{text!r} is not {noun}", f"write one of {', '.join(choices)}")
    return found


def read_switch(value: Any) -> bool:
    """Whether something is on."""
    if isinstance(value, str) and value.lower() in _ON | OFF:
        return value.lower() in _ON
    raise refuse(f"must be true or false, not {kind(value)}", "write true or false")


def kind(value: Any) -> str:
    """What a value is, in words."""
    if isinstance(value, Table):
        return "a mapping"
    if isinstance(value, Items):
        return "a list"
    kinds: dict[type, str] = {NullText: "empty", NumberText: "a number", BooleanText: "a boolean"}
    return kinds.get(type(value), "a string")


def _is_finite_number(text: str) -> bool:
    if len(text) > _LONGEST_NUMBER:
        return False
    try:
        number = Decimal(text)
    except ArithmeticError:
        return False
    return number.is_finite() and abs(number.adjusted()) <= _DIGITS_AROUND_THE_POINT
