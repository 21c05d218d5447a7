"""The tables of adjustments, and of who changed them and when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Column, Connection, Float, Index, Integer, Row, String, Table, insert, select

from app.adjustments import Adjustment, AdjustmentCategory, AdjustmentEffect, AdjustmentSelector, EventShare
from app.slo import SloId
from app.store.json_text import deserialize, serialize, storable
from app.store.moments import Moment
from app.store.schema import metadata
from app.store.upsert import upsert

adjustment = Table(
    "adjustment",
    metadata,
    Column("id", String, primary_key=True),
    Column("effect", String, nullable=False),
    Column("category", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("author", String, nullable=False),
    # Wall-clock time in its zone: without an offset.
    Column("start", String, nullable=False),
    Column("duration_s", Float(53), nullable=False),
    Column("timezone", String, nullable=False),
    Column("rrule", String, nullable=False),
    Column("exdates", String, nullable=False),
    Column("selector", String, nullable=False),
    Column("mute_alerts", Integer, nullable=False),
    Column("uid", String, nullable=False),
    Column("events", String, nullable=False),
    Column("shares", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("withdrawn_at", Moment),
)
adjustment_audit = Table(
    "adjustment_audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("adjustment", String, nullable=False),
    Column("at", Moment, nullable=False),
    Column("action", String, nullable=False),
    Column("author", String, nullable=False),
    Column("document", String, nullable=False),
    Index("adjustment_audit_by_adjustment", "adjustment", "id"),
)

MOST_ADJUSTMENTS = 10_000
"""Adjustments that are not withdrawn: each is compared with every SLO."""
MOST_AUDITED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedChange:
    """One entry of the audit: who did what, and what the adjustment was afterwards."""

    at: datetime
    action: str
    author: str
    adjustment: Adjustment


def save_adjustment(connection: Connection, given: Adjustment, *, action: str, author: str, at: datetime) -> None:
    """Write an adjustment over what it was, with an entry of the audit."""
    values = _values(given)
    upsert(connection, adjustment, [values])
    # All of it, so that an entry can be read without those before it.
    document = serialize(
        {**values, **{name: None if values[name] is None else values[name].timestamp() for name in _TIMES}}
    )
    entry = {"adjustment": given.id, "at": at, "action": action, "author": author, "document": document}
    connection.execute(insert(adjustment_audit).values(**entry))


def load_adjustments(connection: Connection) -> list[Adjustment]:
    """All adjustments, also those that were withdrawn, the newest start first."""
    query = select(adjustment).order_by(adjustment.c.start.desc(), adjustment.c.id)
    return [_adjustment(row._mapping) for row in connection.execute(query)]  # noqa: SLF001  as documented


def find_adjustment(connection: Connection, id_: str) -> Adjustment | None:
    """One adjustment; None if none has this id."""
    query = select(adjustment).where(adjustment.c.id.in_(storable([id_])))
    row = connection.execute(query).one_or_none()
    return None if row is None else _adjustment(row._mapping)  # noqa: SLF001  as documented


def audit_of(connection: Connection, id_: str) -> Sequence[AuditedChange]:
    """What was done with an adjustment, oldest first; the newest if there is very much."""
    mine = adjustment_audit.c.adjustment == id_
    query = select(adjustment_audit).where(mine).order_by(adjustment_audit.c.id.desc()).limit(MOST_AUDITED)
    return [_entry(row) for row in reversed(list(connection.execute(query)))]


_TIMES = ("created_at", "updated_at", "withdrawn_at")


def _values(given: Adjustment) -> dict[str, Any]:
    selector = given.selector
    return {
        "id": given.id,
        "effect": given.effect.value,
        "category": given.category.value,
        "reason": given.reason,
        "author": given.author,
        "start": given.start.isoformat(),
        "duration_s": given.duration.total_seconds(),
        "timezone": given.timezone,
        "rrule": given.rrule,
        "exdates": serialize([one.isoformat() for one in given.exdates]),
        "selector": serialize(
            {
                "slos": sorted(selector.slos),
                "services": sorted(selector.services),
                "labels": [*selector.labels],
                "everything": selector.everything,
            }
        ),
        "mute_alerts": int(given.mute_alerts),
        "uid": given.uid,
        "events": serialize([*given.events]),
        "shares": serialize([*map(list, given.shares)]),
        "created_at": given.created_at,
        "updated_at": given.updated_at,
        "withdrawn_at": given.withdrawn_at,
    }


def _adjustment(row: Any) -> Adjustment:
    chosen = deserialize(row["selector"]) or {}
    return Adjustment(
        id=row["id"],
        effect=AdjustmentEffect(row["effect"]),
        category=AdjustmentCategory(row["category"]),
        reason=row["reason"],
        author=row["author"],
        start=datetime.fromisoformat(row["start"]),
        duration=timedelta(seconds=row["duration_s"]),
        timezone=row["timezone"],
        rrule=row["rrule"],
        exdates=tuple(datetime.fromisoformat(each) for each in deserialize(row["exdates"]) or ()),
        selector=AdjustmentSelector(
            slos=frozenset(map(SloId, chosen.get("slos", ()))),
            services=frozenset(chosen.get("services", ())),
            labels=tuple((name, value) for name, value in chosen.get("labels", ())),
            everything=bool(chosen.get("everything")),
        ),
        mute_alerts=bool(row["mute_alerts"]),
        uid=row["uid"],
        events=tuple((name, value) for name, value in deserialize(row["events"]) or ()),
        shares=tuple(EventShare(*one) for one in deserialize(row["shares"]) or ()),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        withdrawn_at=row["withdrawn_at"],
    )


def _entry(row: Row[tuple[object, ...]]) -> AuditedChange:
    document = deserialize(row.document) or {}
    times = {
        name: None if document.get(name) is None else datetime.fromtimestamp(document[name], UTC) for name in _TIMES
    }
    return AuditedChange(at=row.at, action=row.action, author=row.author, adjustment=_adjustment({**document, **times}))
