"""What the overview shows, as its URL says it: filters, order, groups and page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlencode

from app.slo import AlertState, SliKind
from app.status import DataState, HealthState, Selection, SortColumn, words_of
from app.ui.forms import chosen_page

BY_SERVICE, UNGROUPED = "service", "none"
BY_LABEL = "label:"
"""In front of the name of a label that SLOs are grouped by."""
# Each word is looked for in every SLO.
_MOST_WORDS = 200
# Numbers beyond are no pages, but would be computed with.
_MOST_PAGES = 100_000
# Each value has a link that repeats the others.
_MOST_VALUES = 200
_Choice = TypeVar("_Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewQuery:
    """The parameters of the overview; those of the API mean the same there.

    *open* and *close* are the groups that a reader has opened or closed, *unknown* the parameters that mean nothing.
    """

    q: str = ""
    service: tuple[str, ...] = ()
    status: tuple[HealthState, ...] = ()
    alert: tuple[AlertState, ...] = ()
    kind: tuple[SliKind, ...] = ()
    data: tuple[DataState, ...] = ()
    label: tuple[str, ...] = ()
    group: str = BY_SERVICE
    sort: SortColumn = SortColumn.STATUS
    order: str = "asc"
    open: tuple[str, ...] = ()
    close: tuple[str, ...] = ()
    page: int = 1
    unknown: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def parse(cls, given: Sequence[tuple[str, str]]) -> "OverviewQuery":
        """The query of a URL; empty parameters, as forms send them, are left out."""
        every: dict[str, list[str]] = {each.name: [] for each in fields(cls)}
        for name, value in given:
            if value and name in every:
                every[name].append(value)
        values = {name: of_name[:_MOST_VALUES] for name, of_name in every.items() if of_name}
        too_many = [name for name, of_name in every.items() if len(of_name) > _MOST_VALUES]
        unknown = [f"what follows {_MOST_VALUES} values of {name}" for name in too_many]
        label = [text for text in values.get("label", ()) if text.partition("=")[0] and "=" in text]
        unknown += [f"label={text}" for text in values.get("label", ()) if text not in label]
        sort = _choices(SortColumn, "sort", values, unknown)
        order = [text for text in values.get("order", ()) if text in {"asc", "desc"}]
        return cls(
            q=" ".join(values.get("q", ()))[:_MOST_WORDS],
            service=tuple(values.get("service", ())),
            status=_choices(HealthState, "status", values, unknown),
            alert=_choices(AlertState, "alert", values, unknown),
            kind=_choices(SliKind, "kind", values, unknown),
            data=_choices(DataState, "data", values, unknown),
            label=tuple(label),
            group=values.get("group", [BY_SERVICE])[-1],
            sort=sort[-1] if sort else SortColumn.STATUS,
            order=order[-1] if order else "asc",
            open=tuple(values.get("open", ())),
            close=tuple(values.get("close", ())),
            page=min(chosen_page(values.get("page", [""])[-1]), _MOST_PAGES),
            unknown=tuple(unknown),
        )

    @property
    def descending(self) -> bool:
        """Whether the order is reversed."""
        return self.order == "desc"

    @property
    def selection(self) -> Selection:
        """The SLOs that are asked for."""
        return Selection(
            services=frozenset(self.service),
            states=frozenset(self.status),
            labels=frozenset((name, value) for name, _, value in (text.partition("=") for text in self.label)),
            alerts=frozenset(self.alert),
            kinds=frozenset(self.kind),
            data=frozenset(self.data),
            words=words_of(self.q),
        )

    def url(self, **changes: Any) -> str:
        """The query string of the same view with some *changes*; what is by default is left out.

        Other filters or another order begin at the first page again.
        """
        if "page" not in changes:
            changes = {**changes, "page": 1}
        return _query_string(replace(self, **changes))

    def with_choice(self, name: str, value: str) -> str:
        """The query string with only *value* for the filter *name*, without it if that is what is chosen."""
        return self.url(**{name: () if getattr(self, name) == (value,) else (value,)})

    def sorted_by(self, column: SortColumn) -> str:
        """The query string that sorts by a column, the other way round if that is what is done."""
        is_current = column is self.sort and not self.descending
        return self.url(sort=column, order="desc" if is_current else "asc")

    def without(self, name: str, value: str) -> str:
        """The query string without one of the filters."""
        if name == "q":
            return self.url(q="")
        return self.url(**{name: tuple(each for each in getattr(self, name) if each != value)})

    @property
    def filters(self) -> list[tuple[str, str]]:
        """Name and value of each filter."""
        names = ("service", "status", "alert", "kind", "data", "label")
        found = [(name, str(value)) for name in names for value in getattr(self, name)]
        return [*([("q", self.q)] if self.q else []), *found]

    @property
    def canonical(self) -> str:
        """The query string of this view."""
        return _query_string(self)


_DEFAULTS = OverviewQuery()


def _query_string(query: OverviewQuery) -> str:
    given: list[tuple[str, str]] = []
    for each in fields(query):
        value = getattr(query, each.name)
        if each.name == "unknown" or value == getattr(_DEFAULTS, each.name):
            continue
        values: Iterable[Any] = value if isinstance(value, tuple) else (value,)
        given += [(each.name, str(one)) for one in values]
    return f"?{urlencode(given)}" if given else ""


def _choices(
    kind: type[_Choice], name: str, values: Mapping[str, Sequence[str]], unknown: list[str]
) -> tuple[_Choice, ...]:
    known = {str(choice): choice for choice in kind}
    unknown += [f"{name}={text}" for text in values.get(name, ()) if text not in known]
    return tuple(known[text] for text in values.get(name, ()) if text in known)
