"""The table of changes: deploys and others, as tools reported them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Index,
    Row,
    String,
    Table,
    delete,
    select,
)

from app.changes import Change, ChangeKind, ChangeStatus
from app.slo import Tenants
from app.store.json_text import deserialize, serialize, storable
from app.store.moments import Moment
from app.store.paging import newest_page, of_tenants, wanted_values
from app.store.schema import metadata
from app.store.upsert import upsert

change = Table(
    "change",
    metadata,
    Column("id", String, primary_key=True),
    Column("source", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("service", String, nullable=False),
    Column("environment", String, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("finished_at", Moment),
    Column("status", String, nullable=False),
    Column("version", String, nullable=False),
    Column("previous_version", String, nullable=False),
    Column("title", String, nullable=False),
    Column("url", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("labels", String, nullable=False),
    # When it was written, by the clock of who wrote it: others read what is new.
    Column("noted_at", Moment, nullable=False),
    Index("change_by_noting", "noted_at"),
    Index("change_by_start", "started_at", "id"),
    Index("change_by_service", "service", "started_at"),
)

_ENCODED = frozenset({"labels", "noted_at"})
CHANGES_KEPT = timedelta(days=2 * 366)
"""As long as a review looks back, and the year before it."""
MOST_CHANGES = 200_000
"""100 MB; the oldest are deleted first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeFilter:
    """Which changes are wanted: those that began in [*since*, *until*], and have any of the values of each set.

    *noted_since* asks for those that were written since then.
    """

    services: frozenset[str] = frozenset()
    environments: frozenset[str] = frozenset()
    kinds: frozenset[ChangeKind] = frozenset()
    sources: frozenset[str] = frozenset()
    since: datetime | None = None
    until: datetime | None = None
    tenants: Tenants | None = None
    noted_since: datetime | None = None


def save_change(connection: Connection, reported: Change, *, at: datetime) -> tuple[Change, Change | None]:
    """Write a change; as it is now and as it was before, None if it is new. Later reports add what they know."""
    known = find_change(connection, reported.id)
    merged = reported if known is None else _merged(known, reported)
    if merged != known:
        values = {column.name: getattr(merged, column.name) for column in change.c if column.name not in _ENCODED}
        upsert(connection, change, [{**values, "labels": serialize(merged.labels), "noted_at": at}])
    return merged, known


def find_change(connection: Connection, id_: str) -> Change | None:
    """One change; None if none with this id is kept."""
    row = connection.execute(select(change).where(change.c.id.in_(storable([id_])))).one_or_none()
    return None if row is None else _change(row)


def list_changes(
    connection: Connection, wanted: ChangeFilter, *, limit: int, before: tuple[float, str] | None = None
) -> Sequence[Change]:
    """The newest changes, newest first; those *before* the start (unix seconds) and id of the last of a page."""
    query = select(change).where(*_conditions(wanted))
    query = newest_page(query, change.c.started_at, change.c.id, limit=limit, before=before)
    return [_change(row) for row in connection.execute(query)]


def delete_changes(connection: Connection, ids: Sequence[str]) -> None:
    """Delete some changes."""
    if ids:
        connection.execute(delete(change).where(change.c.id.in_(ids)))


def prune_changes(connection: Connection, *, at: datetime, most: int = MOST_CHANGES) -> int:
    """Delete old changes, and the oldest of too many; how many there were."""
    deleted = connection.execute(delete(change).where(change.c.started_at < at - CHANGES_KEPT)).rowcount
    newest = select(change.c.id).order_by(change.c.started_at.desc(), change.c.id.desc())
    # SQLite knows no OFFSET without LIMIT.
    too_many = newest.offset(most).limit(most)
    return deleted + connection.execute(delete(change).where(change.c.id.in_(too_many))).rowcount


def _merged(known: Change, reported: Change) -> Change:
    """What is known of a change after one more report, in whichever order they arrive."""
    # Webhooks are retried and arrive in any order: a late report of the start does not open what has finished.
    if known.finished_at is not None and reported.status is ChangeStatus.IN_PROGRESS:
        return replace(known, started_at=min(known.started_at, reported.started_at))
    return replace(
        reported,
        started_at=min(known.started_at, reported.started_at),
        version=reported.version or known.version,
        previous_version=reported.previous_version or known.previous_version,
        title=reported.title or known.title,
        url=reported.url or known.url,
        actor=reported.actor or known.actor,
        labels=reported.labels or known.labels,
    )


def _conditions(wanted: ChangeFilter) -> Iterator[ColumnElement[bool]]:
    yield from wanted_values(
        (change.c.service, wanted.services),
        (change.c.environment, wanted.environments),
        (change.c.kind, wanted.kinds),
        (change.c.source, wanted.sources),
    )
    yield from of_tenants(change.c.service, wanted.tenants)
    if wanted.since is not None:
        yield change.c.started_at >= wanted.since
    if wanted.until is not None:
        yield change.c.started_at <= wanted.until
    if wanted.noted_since is not None:
        yield change.c.noted_at >= wanted.noted_since


def _change(row: Row[tuple[object, ...]]) -> Change:
    return Change(
        id=row.id,
        source=row.source,
        kind=ChangeKind(row.kind),
        service=row.service,
        environment=row.environment,
        started_at=row.started_at,
        finished_at=row.finished_at,
        status=ChangeStatus(row.status),
        version=row.version,
        previous_version=row.previous_version,
        title=row.title,
        url=row.url,
        actor=row.actor,
        labels=tuple((name, value) for name, value in deserialize(row.labels) or ()),
    )
