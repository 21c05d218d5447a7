"""What lists from several tables have in common: values that are wanted, and pages from the newest to the oldest."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, false, func, or_

from app.slo import Tenants, in_tenant
from app.store.json_text import storable

T = TypeVar("T", bound=tuple[Any, ...])


def wanted_values(*wanted: tuple[ColumnElement[str], Collection[str]]) -> Iterator[ColumnElement[bool]]:
    """For each column that it has one of the values; nothing for one whose values do not matter."""
    for column, values in wanted:
        if values:
            yield column.in_(storable(map(str, values)))


def of_tenants(column: ColumnElement[str], tenants: Tenants | None) -> Iterator[ColumnElement[bool]]:
    """That what a column names, an SLO, an alert or a service, belongs to any of these; nothing if all do."""
    if tenants is not None:
        # Not LIKE, which ignores case on SQLite: "acme" and "Acme" are two tenants.
        prefixes = [in_tenant(tenant, "") for tenant in storable(sorted(tenants))]
        yield or_(false(), *(func.substr(column, 1, len(prefix)) == prefix for prefix in prefixes))


def with_words(columns: Collection[ColumnElement[str]], words: Collection[str]) -> Iterator[ColumnElement[bool]]:
    """For each word that one of the columns contains it, in any case; false where one cannot be stored at all."""
    can_be_there = storable(words)
    if len(can_be_there) < len(words):
        yield false()
    for word in can_be_there:
        yield or_(*(column.icontains(word, autoescape=True) for column in columns))


def newest_by_number(
    query: Select[T],
    number: ColumnElement[int],
    at: ColumnElement[datetime],
    *,
    limit: int,
    since: datetime | None,
    until: datetime | None,
    before: int | None,
) -> Select[T]:
    """The newest rows of [since, until], newest first; those *before* the number of the last of a page."""
    if since is not None:
        query = query.where(at >= since)
    if until is not None:
        query = query.where(at <= until)
    if before is not None:
        query = query.where(number < before)
    return query.order_by(number.desc()).limit(limit)


def newest_page(
    query: Select[T],
    started_at: ColumnElement[datetime],
    id_: ColumnElement[str],
    *,
    limit: int,
    before: tuple[float, str] | None,
) -> Select[T]:
    """The newest rows, newest first; those *before* the start (unix seconds) and id of the last of a page."""
    if before is not None:
        at = datetime.fromtimestamp(before[0], UTC)
        query = query.where(or_(started_at < at, and_(started_at == at, id_ < before[1])))
    return query.order_by(started_at.desc(), id_.desc()).limit(limit)
