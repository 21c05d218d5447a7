"""The tables of the alerts: what each one remembers between two slots, and every change there was."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Row,
    String,
    Table,
    case,
    delete,
    insert,
    select,
)

from app.alerting import Alert, Definition, End, EndCode, Notification, Transition, TransitionKind
from app.slo import AlertState, Cause, FrozenCause, Severity, SloId, Tenants, tenant_of
from app.store.json_text import serialize, storable
from app.store.moments import Moment, stored_moment
from app.store.notification_documents import decode_notification
from app.store.paging import newest_by_number, of_tenants
from app.store.schema import metadata
from app.store.upsert import upsert_records

alert = Table(
    "alert",
    metadata,
    Column("slo", String, primary_key=True),
    Column("severity", String, primary_key=True),
    Column("cause", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("since", Moment),
    Column("tier", String),
    Column("incident", String),
    Column("quiet_since", Moment),
    Column("frozen", String),
    Column("frozen_cause", String),
    Column("muted", Boolean, nullable=False),
    Column("announced", Boolean, nullable=False),
    Column("resolved_at", Moment),
    Column("silent_since", Moment),
    Column("fired_by", JSON(none_as_null=True)),
    Column("end_code", String),
    Column("end_reason", String),
    Column("waiting", JSON(none_as_null=True)),
    Column("notification", JSON(none_as_null=True)),
)
transition = Table(
    "transition",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("slo", String, nullable=False),
    Column("severity", String, nullable=False),
    Column("cause", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("at", Moment, nullable=False),
    Column("incident", String),
    Column("tier", String),
    Column("reason", String),
    Column("end_code", String),
    Column("notify", Boolean, nullable=False),
    Index("transition_by_slo", "slo", "at"),
    Index("transition_by_time", "at"),
    Index("transition_by_incident", "incident"),
)

_ENCODED = frozenset({"state", "waiting", "notification", "fired_by", "end_code", "end_reason"})
_REMEMBERED = tuple(column.name for column in alert.c if column.name not in _ENCODED)
# Well below the number of variables that SQLite (32,766) and PostgreSQL (65,535) take in one statement.
_IDS_AT_ONCE = 10_000
# "page" sorts before "ticket"; the page goes first everywhere, and the burn before the conditions.
_ORDER = (alert.c.slo, case((alert.c.cause == Cause.BURN.value, 0), else_=1), alert.c.severity, alert.c.cause)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAlerts:
    """All alerts as the last evaluation left them, and by key the notifications of the active ones."""

    alerts: Mapping[SloId, tuple[Alert, ...]]
    notifications: Mapping[str, Notification]


def load_alerts(connection: Connection) -> StoredAlerts:
    """Everything that is known of alerts."""
    alerts: dict[SloId, tuple[Alert, ...]] = {}
    notifications: dict[str, Notification] = {}
    for row in connection.execute(select(alert).order_by(*_ORDER)):
        found = _alert(row)
        alerts[found.slo] = (*alerts.get(found.slo, ()), found)
        if row.notification is not None:
            notifications[found.key] = decode_notification(row.notification)
    return StoredAlerts(alerts=alerts, notifications=notifications)


def load_active_alerts(connection: Connection) -> tuple[Notification, ...]:
    """The notifications of the alerts of which receivers are notified repeatedly."""
    is_active = alert.c.announced & alert.c.notification.is_not(None)
    rows = connection.execute(select(alert.c.notification).where(is_active).order_by(*_ORDER))
    return tuple(decode_notification(row.notification) for row in rows)


def save_alerts(connection: Connection, alerts: Iterable[Alert], notifications: Mapping[str, Notification]) -> None:
    """Write alerts over what was there; active ones with their notifications."""
    upsert_records(connection, alert, [_record(changed, notifications.get(changed.key)) for changed in alerts])


def forget_alerts(connection: Connection, alerts: Iterable[Alert]) -> None:
    """Delete alerts whose SLO, severity or condition was removed."""
    for gone in alerts:
        same = (
            (alert.c.slo == gone.slo) & (alert.c.severity == gone.severity.value) & (alert.c.cause == gone.cause.value)
        )
        connection.execute(delete(alert).where(same))


def append_transitions(connection: Connection, transitions: Sequence[Transition]) -> None:
    """Record what has changed, in order; what is recorded already is not recorded twice.

    A commit that failed may have reached the disk all the same, and is written again.
    """
    if not transitions:
        return
    since, until = min(change.at for change in transitions), max(change.at for change in transitions)
    lately = select(transition).where(transition.c.at.between(since, until))
    known = {_transition(row) for row in connection.execute(lately)}
    rows = [
        {
            "slo": change.slo,
            "severity": change.severity.value,
            "cause": change.cause.value,
            "kind": change.kind.value,
            "at": change.at,
            "incident": change.incident,
            "tier": change.tier,
            "reason": change.reason,
            "end_code": None if change.end_code is None else change.end_code.value,
            "notify": change.notify,
        }
        for change in transitions
        if change not in known
    ]
    if rows:
        connection.execute(insert(transition), rows)


def recent_transitions(
    connection: Connection,
    *,
    since: datetime | None = None,
    slos: Collection[SloId] | None = None,
    tenants: Tenants | None = None,
    limit: int = 100,
) -> tuple[Transition, ...]:
    """The newest transitions, newest first; *slos* and *tenants* narrow them to those."""
    found = list_transitions(connection, TransitionFilter(slos=slos, since=since, tenants=tenants), limit=limit)
    return tuple(change for _, change in found)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionFilter:
    """Transitions of any of the *slos*, of the *severities* and *kinds*, in [since, until]; nothing given means all."""

    slos: Collection[SloId] | None = None
    severities: frozenset[Severity] = frozenset()
    kinds: frozenset[TransitionKind] = frozenset()
    incident: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    tenants: Tenants | None = None

    def matches(self, one: Transition) -> bool:
        """Whether a transition that is known otherwise is one of them, as a query of the database would find it."""
        return (
            (self.slos is None or one.slo in self.slos)
            and (not self.severities or one.severity in self.severities)
            and (not self.kinds or one.kind in self.kinds)
            and (self.incident is None or one.incident == self.incident)
            and (self.since is None or one.at >= self.since)
            and (self.until is None or one.at <= self.until)
            and (self.tenants is None or tenant_of(one.slo) in self.tenants)
        )


def list_transitions(
    connection: Connection, wanted: TransitionFilter, *, limit: int, before_id: int | None = None
) -> tuple[tuple[int, Transition], ...]:
    """The newest transitions, each with its number, newest first; *before_id* is the last number of the page before."""
    query = newest_by_number(
        select(transition).where(*_transition_conditions(wanted)),
        transition.c.id,
        transition.c.at,
        limit=limit,
        since=wanted.since,
        until=wanted.until,
        before=before_id,
    )
    if wanted.slos is None:
        return tuple((row.id, _transition(row)) for row in connection.execute(query))
    ids = storable(sorted(wanted.slos))
    rows = [
        row
        for start in range(0, len(ids), _IDS_AT_ONCE)
        for row in connection.execute(query.where(transition.c.slo.in_(ids[start : start + _IDS_AT_ONCE])))
    ]
    return tuple((row.id, _transition(row)) for row in sorted(rows, key=lambda row: row.id, reverse=True)[:limit])


def _transition_conditions(wanted: TransitionFilter) -> Iterator[ColumnElement[bool]]:
    yield from of_tenants(transition.c.slo, wanted.tenants)
    if wanted.severities:
        yield transition.c.severity.in_([severity.value for severity in wanted.severities])
    if wanted.kinds:
        yield transition.c.kind.in_([kind.value for kind in wanted.kinds])
    if wanted.incident is not None:
        yield transition.c.incident == wanted.incident


def _record(changed: Alert, notification: Notification | None) -> tuple[object, ...]:
    """The columns of an alert, in the order of its table."""
    ended, fired_by = changed.ended, changed.fired_by
    waiting = [[rule, since.timestamp()] for rule, since in changed.waiting]
    return (
        changed.slo,
        changed.severity.value,
        changed.cause.value,
        changed.state.value,
        stored_moment(changed.since),
        changed.tier,
        changed.incident,
        stored_moment(changed.quiet_since),
        changed.frozen,
        None if changed.frozen_cause is None else changed.frozen_cause.value,
        changed.muted,
        changed.announced,
        stored_moment(changed.resolved_at),
        stored_moment(changed.silent_since),
        None if fired_by is None else serialize(fired_by),
        None if ended is None else ended.code.value,
        None if ended is None else ended.reason,
        serialize(waiting) if waiting else None,
        serialize(notification) if changed.is_notified and notification is not None else None,
    )


def _alert(row: Row[tuple[object, ...]]) -> Alert:
    stored = row._mapping  # noqa: SLF001  the documented way to a row's columns by name
    values = {name: stored[name] for name in _REMEMBERED}
    enums = {
        "severity": Severity(row.severity),
        "cause": Cause(row.cause),
        "state": AlertState(row.state),
        "frozen_cause": None if row.frozen_cause is None else FrozenCause(row.frozen_cause),
    }
    waiting = tuple((rule, datetime.fromtimestamp(since, UTC)) for rule, since in row.waiting or ())
    ended = None if row.end_code is None else End(code=EndCode(row.end_code), reason=row.end_reason)
    fired_by = None if row.fired_by is None else Definition(**row.fired_by)
    return Alert(**{**values, **enums, "waiting": waiting, "ended": ended, "fired_by": fired_by})


def _transition(row: Row[tuple[object, ...]]) -> Transition:
    return Transition(
        slo=SloId(row.slo),
        severity=Severity(row.severity),
        cause=Cause(row.cause),
        kind=TransitionKind(row.kind),
        at=row.at,
        incident=row.incident,
        tier=row.tier,
        reason=row.reason,
        end_code=None if row.end_code is None else EndCode(row.end_code),
        notify=row.notify,
    )
