"""The types of single values that documents of OpenSLO and of its relatives share."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import PlainValidator

from app.documents.importing.scalars import read_any_number, read_percent_target, read_ratio_target
from app.yamldoc.scalars import kind, read_choice, read_text, refuse
from app.yamldoc.tree import Items, Table

_WHOLE = Decimal(1)


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


def _read_share(value: Any) -> float:
    number = read_any_number(value)
    if not 0 < number <= _WHOLE:
        raise refuse(f"{number} is not above 0 and up to 1", "write a ratio such as 0.95")
    return float(number)


def one_of(choices: type[StrEnum], noun: str) -> PlainValidator:
    """A validator that reads one of the values of *choices*."""

    def read(value: Any) -> StrEnum:
        return read_choice(choices, value, noun)

    return PlainValidator(read)


def _read_labels(value: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, Table):
        raise refuse(f"must be a mapping, not {kind(value)}", "write team: payments below it")
    lists = {name: values if isinstance(values, Items) else [values] for name, values in value.items()}
    return {name: tuple(read_text(one) for one in values) for name, values in lists.items()}


Number = Annotated[Decimal, PlainValidator(read_any_number)]
Share = Annotated[float, PlainValidator(_read_share)]
Target = Annotated[float, PlainValidator(read_ratio_target)]
TargetPercent = Annotated[float, PlainValidator(read_percent_target)]
Op = Annotated[Operator, one_of(Operator, "an operator")]
Method = Annotated[BudgetingMethod, one_of(BudgetingMethod, "a budgeting method")]
LabelLists = Annotated[dict[str, tuple[str, ...]], PlainValidator(_read_labels)]
"""Labels with one value or a list of values."""
