"""The types of single values in documents of OpenSLO."""

import re
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import PlainValidator

from app.documents.importing.scalars import read_any_number, read_percent_target, read_ratio_target
from app.yamldoc.scalars import kind, read_text, refuse
from app.yamldoc.tree import Items, Table

_DURATION = re.compile(r"([1-9][0-9]{0,5})([mhdwMQY])")
_UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "M": timedelta(days=30),
    "Q": timedelta(days=90),
    "Y": timedelta(days=365),
}
_LONGEST_DESCRIPTION = 1050
_SHARE = Decimal(1)


class Operator(StrEnum):
    """How a value is compared with a threshold."""

    LT = "lt"
    LTE = "lte"
    GT = "gt"
    GTE = "gte"

    @property
    def promql(self) -> str:
        """The comparison in PromQL."""
        return {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}[self.value]


class BudgetingMethod(StrEnum):
    """What is an event of the SLI."""

    OCCURRENCES = "Occurrences"
    TIMESLICES = "Timeslices"
    RATIO_TIMESLICES = "RatioTimeslices"


class RawType(StrEnum):
    """What a ratio is the share of."""

    SUCCESS = "success"
    FAILURE = "failure"


def read_span(value: Any) -> tuple[int, str]:
    """A duration as OpenSLO writes it: a number, and a unit of which ``m`` is minutes and ``M`` months."""
    text = read_text(value)
    match = _DURATION.fullmatch(text)
    if match is None:
        raise refuse(f"{text!r} is not a duration of OpenSLO", "write a number and m, h, d, w, M, Q or Y: 28d, 1M")
    return int(match.group(1)), match.group(2)


def length(span: tuple[int, str]) -> timedelta:
    """How long a duration is; months, quarters and years are 30, 90 and 365 days."""
    count, unit = span
    return count * _UNITS[unit]


def read_description(value: Any) -> str:
    """A text of at most 1,050 characters."""
    text = read_text(value)
    if len(text) > _LONGEST_DESCRIPTION:
        problem = f"has {len(text):,} characters, and OpenSLO allows {_LONGEST_DESCRIPTION:,}"
        raise refuse(problem, "shorten it")
    return text


def _read_share(value: Any) -> float:
    number = read_any_number(value)
    if not 0 < number <= _SHARE:
        raise refuse(f"{number} is not above 0 and up to 1", "write a ratio such as 0.95")
    return float(number)


def _read_choice(kinds: type[StrEnum]) -> PlainValidator:
    def read(value: Any) -> StrEnum:
        text = read_text(value)
        found = next((one for one in kinds if one.value.lower() == text.lower()), None)
        if found is None:
            raise refuse(f"{text!r} is not known", f"write one of {', '.join(kinds)}")
        return found

    return PlainValidator(read)


def _read_labels(value: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, Table):
        raise refuse(f"must be a mapping, not {kind(value)}", "write team: payments below it")
    lists = {name: values if isinstance(values, Items) else [values] for name, values in value.items()}
    return {name: tuple(read_text(one) for one in values) for name, values in lists.items()}


Span = Annotated[tuple[int, str], PlainValidator(read_span)]
Description = Annotated[str, PlainValidator(read_description)]
Number = Annotated[Decimal, PlainValidator(read_any_number)]
Share = Annotated[float, PlainValidator(_read_share)]
Target = Annotated[float, PlainValidator(read_ratio_target)]
TargetPercent = Annotated[float, PlainValidator(read_percent_target)]
Op = Annotated[Operator, _read_choice(Operator)]
Method = Annotated[BudgetingMethod, _read_choice(BudgetingMethod)]
Raw = Annotated[RawType, _read_choice(RawType)]
LabelLists = Annotated[dict[str, tuple[str, ...]], PlainValidator(_read_labels)]
"""Labels with one value or a list of values."""
