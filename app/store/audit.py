"""The table of the audit: who changed what and when, and which changes were refused."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import JSON, Column, Connection, Index, Integer, Row, String, Table, delete, insert, select

from app.access import Actor, AuditEntry, AuditOutcome, IdentityKind, current_deed, hide_tokens
from app.store.moments import Moment
from app.store.paging import newest_by_number, wanted_values, with_words
from app.store.schema import metadata
from app.wording.plain_text import one_line, shortened

audit = Table(
    "audit",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("actor_kind", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("address", String, nullable=False),
    Column("action", String, nullable=False),
    Column("target", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("detail", String, nullable=False),
    Column("before", JSON),
    Column("after", JSON),
    Index("audit_by_outcome", "outcome", "number"),
)
MOST_ENTRIES: Mapping[AuditOutcome, int] = {AuditOutcome.CHANGED: 200_000, AuditOutcome.REFUSED: 20_000}
"""Entries that are kept, the newest; apart, so that who is refused again and again pushes no change out."""
_LONGEST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which entries; empty for all. *words* are in the actor, address, action, target or detail, in any case."""

    actors: Sequence[str] = ()
    actions: Sequence[str] = ()
    targets: Sequence[str] = ()
    outcomes: Sequence[AuditOutcome] = ()
    words: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None


def record_change(
    connection: Connection,
    *,
    action: str,
    target: str,
    at: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write who makes a change in this transaction, so that there is no change without its entry."""
    deed = current_deed()
    entry = AuditEntry(
        at=at,
        actor=deed.actor,
        action=action,
        target=target,
        outcome=AuditOutcome.CHANGED,
        before=before,
        after=after,
    )
    append_audit(connection, [entry])
    deed.is_recorded = True


def append_audit(connection: Connection, entries: Iterable[AuditEntry]) -> None:
    """Write entries."""
    rows = [
        {
            "at": one.at,
            "actor_kind": one.actor.kind.value,
            "actor": _line(one.actor.name),
            "address": _line(one.actor.address),
            "action": _line(one.action),
            "target": _line(one.target),
            "outcome": one.outcome.value,
            "detail": _line(one.detail),
            "before": _plain(one.before),
            "after": _plain(one.after),
        }
        for one in entries
    ]
    if rows:
        connection.execute(insert(audit), rows)


def list_audit(
    connection: Connection, wanted: AuditFilter, *, limit: int, before: int | None = None
) -> Sequence[tuple[int, AuditEntry]]:
    """The newest entries, newest first, each with its number; those *before* a number for the next page."""
    chosen = wanted_values(
        (audit.c.actor, wanted.actors),
        (audit.c.action, wanted.actions),
        (audit.c.target, wanted.targets),
        (audit.c.outcome, wanted.outcomes),
    )
    columns = (audit.c.actor, audit.c.address, audit.c.action, audit.c.target, audit.c.detail)
    page = newest_by_number(
        select(audit).where(*chosen, *with_words(columns, wanted.words)),
        audit.c.number,
        audit.c.at,
        limit=limit,
        since=wanted.since,
        until=wanted.until,
        before=before,
    )
    return [(row.number, _entry(row)) for row in connection.execute(page)]


def prune_audit(connection: Connection) -> None:
    """Delete the oldest entries where there are more than are kept."""
    for outcome, most in MOST_ENTRIES.items():
        mine = audit.c.outcome == outcome.value
        kept = select(audit.c.number).where(mine).order_by(audit.c.number.desc()).offset(most).limit(1)
        oldest = connection.execute(kept).scalar()
        if oldest is not None:
            connection.execute(delete(audit).where(mine, audit.c.number <= oldest))


def _line(text: str) -> str:
    return shortened(hide_tokens(one_line(text)), _LONGEST)


def _plain(document: Mapping[str, Any] | None) -> Any:
    return (
        None
        if document is None
        else orjson.loads(hide_tokens(orjson.dumps(document, default=_plain_value, option=orjson.OPT_UTC_Z).decode()))
    )


def _plain_value(value: object) -> object:
    if isinstance(value, timedelta):
        return value.total_seconds()
    return sorted(value) if isinstance(value, frozenset | set) else str(value)


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        at=row.at,
        actor=Actor(kind=IdentityKind(row.actor_kind), name=row.actor, address=row.address),
        action=row.action,
        target=row.target,
        outcome=AuditOutcome(row.outcome),
        detail=row.detail,
        before=row.before,
        after=row.after,
    )
