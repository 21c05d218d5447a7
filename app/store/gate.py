"""What the gate keeps: exceptions from policies, and the log of its decisions."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Column, Connection, Index, Integer, Row, String, Table, delete, func, select

from app.alerting import Notification
from app.policy import GateDecision, GateException
from app.slo import Tenants
from app.store.audit import record_change
from app.store.json_text import encoded
from app.store.moments import Moment
from app.store.notification_documents import decode_notification
from app.store.paging import newest_by_number, of_tenants, wanted_values, with_words
from app.store.schema import metadata
from app.store.upsert import insert_missing, upsert

gate_exception = Table(
    "gate_exception",
    metadata,
    Column("id", String, primary_key=True),
    Column("reason", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("starts_at", Moment, nullable=False),
    Column("ends_at", Moment, nullable=False),
    Column("scope", JSON, nullable=False),
    Column("break_glass", Boolean, nullable=False),
    Column("ended_at", Moment),
    Column("ended_by", String),
    # Of one by break-glass, for as long as it lasts.
    Column("notification", JSON(none_as_null=True)),
    Index("gate_exception_by_end", "ends_at"),
)
gate_decision = Table(
    "gate_decision",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("at", Moment, nullable=False),
    Column("caller", String, nullable=False),
    Column("address", String, nullable=False),
    Column("service", String, nullable=False),
    Column("environment", String, nullable=False),
    Column("change", String, nullable=False),
    Column("decision", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("policy", String),
    Column("exception", String),
    Column("figures", JSON, nullable=False),
    Index("gate_decision_by_time", "at"),
    Index("gate_decision_by_service", "service", "number"),
)
MOST_DECISIONS = 100_000
"""Decisions that are kept at most, the newest; about a kilobyte each."""
_SCOPES = ("services", "environments", "changes", "slos")


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """One answer of the gate: who asked, what was answered, and on which *figures*, those of the worst SLOs."""

    id: str
    at: datetime
    caller: str
    address: str
    service: str
    environment: str
    change: str
    decision: GateDecision
    reason: str
    policy: str | None
    exception: str | None
    figures: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionFilter:
    """Decisions about any of the services and environments, with any of the answers; nothing given means all.

    *words* are searched for in callers, changes and reasons.
    """

    services: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    decisions: tuple[GateDecision, ...] = ()
    words: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    tenants: Tenants | None = None


def save_exception(connection: Connection, exception: GateException, notification: Notification | None = None) -> None:
    """Write an exception over what was there; one by break-glass that lasts has a *notification* that fires."""
    known = connection.execute(select(gate_exception).where(gate_exception.c.id == exception.id)).one_or_none()
    before = None if known is None else _exception(known)
    if before != exception:
        record_change(
            connection,
            action="addGateException" if exception.ended_at is None else "endGateException",
            target=exception.id,
            at=exception.ended_at or exception.created_at,
            before=None if before is None else asdict(before),
            after=asdict(exception),
        )
    row = {
        "id": exception.id,
        "reason": exception.reason,
        "owner": exception.owner,
        "created_at": exception.created_at,
        "starts_at": exception.starts_at,
        "ends_at": exception.ends_at,
        "scope": {name: list(getattr(exception, name)) for name in _SCOPES} | {"tenant": exception.tenant},
        "break_glass": exception.break_glass,
        "ended_at": exception.ended_at,
        "ended_by": exception.ended_by,
        "notification": None if notification is None else encoded(notification),
    }
    upsert(connection, gate_exception, [row])


def load_exceptions(connection: Connection, *, limit: int) -> tuple[tuple[GateException, Notification | None], ...]:
    """The newest exceptions, newest first, with the notifications that fire."""
    newest = select(gate_exception).order_by(gate_exception.c.created_at.desc(), gate_exception.c.id).limit(limit)
    return tuple(
        (
            _exception(row),
            None if row.notification is None else decode_notification(row.notification),
        )
        for row in connection.execute(newest)
    )


def append_decisions(connection: Connection, records: Sequence[DecisionRecord]) -> None:
    """Record decisions; what is recorded already is not recorded twice."""
    rows = [
        {
            "id": one.id,
            "at": one.at,
            "caller": one.caller,
            "address": one.address,
            "service": one.service,
            "environment": one.environment,
            "change": one.change,
            "decision": one.decision.value,
            "reason": one.reason,
            "policy": one.policy,
            "exception": one.exception,
            "figures": list(one.figures),
        }
        for one in records
    ]
    insert_missing(connection, gate_decision, rows)


def list_decisions(
    connection: Connection, wanted: DecisionFilter, *, limit: int, before: int | None = None
) -> tuple[tuple[int, DecisionRecord], ...]:
    """The newest decisions, newest first, each with its number; those *before* a number for the next page."""
    chosen = wanted_values(
        (gate_decision.c.service, wanted.services),
        (gate_decision.c.environment, wanted.environments),
        (gate_decision.c.decision, wanted.decisions),
    )
    columns = (gate_decision.c.caller, gate_decision.c.change, gate_decision.c.reason, gate_decision.c.service)
    page = newest_by_number(
        select(gate_decision).where(
            *chosen, *with_words(columns, wanted.words), *of_tenants(gate_decision.c.service, wanted.tenants)
        ),
        gate_decision.c.number,
        gate_decision.c.at,
        limit=limit,
        since=wanted.since,
        until=wanted.until,
        before=before,
    )
    return tuple((row.number, _decision(row)) for row in connection.execute(page))


def prune_gate(connection: Connection, *, before: datetime, most: int = MOST_DECISIONS) -> None:
    """Delete old decisions and those that are too many, and exceptions that ended long ago."""
    newest = connection.execute(select(func.max(gate_decision.c.number))).scalar() or 0
    # By number, since counting would read the whole table.
    old = (gate_decision.c.at < before) | (gate_decision.c.number <= newest - most)
    connection.execute(delete(gate_decision).where(old))
    # One whose end receivers were not notified of yet stays until they are.
    over = (gate_exception.c.ends_at < before) & gate_exception.c.notification.is_(None)
    connection.execute(delete(gate_exception).where(over))


def _exception(row: Row[Any]) -> GateException:
    scope = row.scope or {}
    return GateException(
        id=row.id,
        reason=row.reason,
        owner=row.owner,
        created_at=row.created_at,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        services=tuple(scope.get("services", ())),
        environments=tuple(scope.get("environments", ())),
        changes=tuple(scope.get("changes", ())),
        slos=tuple(scope.get("slos", ())),
        tenant=scope.get("tenant", ""),
        break_glass=row.break_glass,
        ended_at=row.ended_at,
        ended_by=row.ended_by,
    )


def _decision(row: Row[Any]) -> DecisionRecord:
    return DecisionRecord(
        id=row.id,
        at=row.at,
        caller=row.caller,
        address=row.address,
        service=row.service,
        environment=row.environment,
        change=row.change,
        decision=GateDecision(row.decision),
        reason=row.reason,
        policy=row.policy,
        exception=row.exception,
        figures=tuple(row.figures or ()),
    )
