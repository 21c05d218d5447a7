"""The types of single values in documents of OpenSLO alone."""

import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import PlainValidator

from app.documents.importing.fields import one_of
from app.yamldoc.scalars import read_text, refuse

# At most six digits, which any time span that is meant has, so that no product of them overflows a timedelta.
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
# The limit of OpenSLO's own schema.
_LONGEST_DESCRIPTION = 1050


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


Span = Annotated[tuple[int, str], PlainValidator(read_span)]
Description = Annotated[str, PlainValidator(read_description)]
Raw = Annotated[RawType, one_of(RawType, "a type of raw ratio")]
