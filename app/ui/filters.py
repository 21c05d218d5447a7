"""What the address of a page filters by; what means nothing there is left out, and the page says so."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self
from urllib.parse import urlencode

from fastapi import Request

from app.ui.forms import chosen_day

# Where a name in the address is another one.
_NAMES = {"start": "from", "end": "to"}
# Which part of a list is shown: other filters begin at the first one again.
_PLACES = {"before", "page"}


def sent_by_a_form(request: Request) -> bool:
    """Whether filters are sent that were not chosen: links are shorter without them."""
    return any(not value for _, value in request.query_params.multi_items()) and "hx-request" not in request.headers


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterQuery:
    """The fields of a page as they are in its address; empty where nothing is chosen.

    `choices` are the values that a field may have, `longest` is how many characters of a value are read. *unknown* is
    what was left out since it is no such value, no day or no label.
    """

    choices: ClassVar[Mapping[str, Collection[str]]] = {}
    longest: ClassVar[int | None] = None
    unknown: tuple[str, ...] = ()

    @classmethod
    def parse(cls, given: Iterable[tuple[str, str]]) -> Self:
        """The query of an address."""
        names = {_NAMES.get(field, field): field for field in cls._fields()}
        unknown: list[str] = []
        values: dict[str, Any] = {}
        for name, text in given:
            value = text.strip()[: cls.longest]
            if name in names and value and not cls._is_known(names[name], value):
                unknown.append(f"{name}={value}")
            elif name in names:
                values[names[name]] = value
        return cls(**values, unknown=tuple(unknown))

    def with_changes(self, **changes: str) -> str:
        """A query string with some of it changed, from the first page on unless one is given."""
        kept = {_NAMES.get(field, field): getattr(self, field) for field in self._fields() if field not in _PLACES}
        chosen = {name: value for name, value in (kept | changes).items() if value}
        return f"?{urlencode(chosen)}" if chosen else ""

    def older(self, found: Sequence[tuple[int, object]], shown: int) -> str | None:
        """The query string of the page behind the first *shown* of numbered items; None if there are no more."""
        return self.with_changes(before=str(found[shown - 1][0])) if len(found) > shown else None

    @property
    def filters(self) -> Sequence[str]:
        """The fields that filter what is shown."""
        return [field for field in self._fields() if field not in _PLACES]

    @property
    def filtered(self) -> bool:
        """Whether any filter is chosen."""
        return any(getattr(self, field) for field in self.filters)

    @classmethod
    def _fields(cls) -> list[str]:
        return [each.name for each in fields(cls) if each.name != "unknown"]

    @classmethod
    def _is_known(cls, field: str, value: str) -> bool:
        if field in _NAMES:
            return chosen_day(value) is not None
        if field == "label":
            name, _, of_label = value.partition("=")
            return bool(name and of_label)
        return field not in cls.choices or value in cls.choices[field]
