"""The tables of the alerts: what each one remembers between two slots, and every change there was."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, Connection, Index, Integer, Row, String, Table, Text, delete, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from app.alerting import Alert, Notice, Transition, TransitionKind
from app.slo import AlertState, Cause, Severity, SloId
from app.store.moments import Moment
from app.store.notices import decode_notice, encode_notice
from app.store.schema import metadata


def _remembered() -> tuple[Column[Any], ...]:
    return (
        Column("severity", String, primary_key=True),
        Column("state", String, nullable=False),
        Column("since", Moment),
        Column("tier", String),
        Column("incident", String),
        Column("quiet_since", Moment),
        Column("frozen", String),
        Column("muted", Boolean, nullable=False),
        Column("announced", Boolean, nullable=False),
        Column("resolved_at", Moment),
        Column("notice", Text),
        Column("silent_since", Moment),
    )


alert_state = Table("alert_state", metadata, Column("slo", String, primary_key=True), *_remembered())
condition_state = Table(
    "condition_state",
    metadata,
    Column("slo", String, primary_key=True),
    Column("cause", String, primary_key=True),
    *_remembered(),
)
transition = Table(
    "transition",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("slo", String, nullable=False),
    Column("severity", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("at", Moment, nullable=False),
    Column("incident", String),
    Column("tier", String),
    Column("reason", String),
    Column("notify", Boolean, nullable=False),
    Column("cause", String),
    Index("transition_by_slo", "slo", "at"),
    Index("transition_by_time", "at"),
)

_REMEMBERED = tuple(column for column in alert_state.c if column.name != "notice")
# Well below the number of variables that SQLite takes in one statement (32,766).
_IDS_AT_ONCE = 10_000
_TABLES = (alert_state, condition_state)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAlerts:
    """All alerts as the last tick left them, and by key the notices of those in force."""

    alerts: Mapping[SloId, tuple[Alert, ...]]
    notices: Mapping[str, Notice]


def load_alerts(connection: Connection) -> StoredAlerts:
    """Everything that is known of alerts."""
    alerts: dict[SloId, tuple[Alert, ...]] = {}
    notices: dict[str, Notice] = {}
    for table in _TABLES:
        # "page" sorts before "ticket"; the page goes first everywhere.
        for row in connection.execute(select(table).order_by(table.c.slo, table.c.severity)):
            alert = _alert(row)
            alerts[alert.slo] = (*alerts.get(alert.slo, ()), alert)
            if row.notice is not None:
                notices[alert.key] = decode_notice(row.notice)
    return StoredAlerts(alerts=alerts, notices=notices)


def load_in_force(connection: Connection) -> tuple[Notice, ...]:
    """The notices of the alerts that receivers are to be told of, again and again."""
    return tuple(
        decode_notice(row.notice)
        for table in _TABLES
        for row in connection.execute(
            select(table.c.notice)
            .where(table.c.announced & table.c.notice.is_not(None))
            .order_by(table.c.slo, table.c.severity)
        )
    )


def save_alerts(connection: Connection, alerts: Iterable[Alert], notices: Mapping[str, Notice]) -> None:
    """Write alerts over what was there; those in force with their notices."""
    by_table: dict[Table, list[dict[str, object]]] = {table: [] for table in _TABLES}
    for alert in alerts:
        by_table[_table(alert)].append(_row(alert, notices.get(alert.key)))
    for table, rows in by_table.items():
        if rows:
            statement = upsert(table)
            values = {column.name: statement.excluded[column.name] for column in table.c if not column.primary_key}
            keys = [column.name for column in table.primary_key]
            connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=values), rows)


def forget_alerts(connection: Connection, alerts: Iterable[Alert]) -> None:
    """Delete alerts whose SLO, severity or condition was removed."""
    for alert in alerts:
        table = _table(alert)
        mine = (table.c.slo == alert.slo) & (table.c.severity == alert.severity)
        if table is condition_state:
            mine &= table.c.cause == alert.cause
        connection.execute(delete(table).where(mine))


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
            "kind": change.kind.value,
            "at": change.at,
            "incident": change.incident,
            "tier": change.tier,
            "reason": change.reason,
            "notify": change.notify,
            "cause": change.cause.value,
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
    limit: int = 100,
) -> tuple[Transition, ...]:
    """The newest transitions, newest first; *slos* narrows them to those SLOs."""
    wanted = select(transition).order_by(transition.c.id.desc()).limit(limit)
    if since is not None:
        wanted = wanted.where(transition.c.at >= since)
    if slos is None:
        return tuple(_transition(row) for row in connection.execute(wanted))
    ids = sorted(slos)
    rows = [
        row
        for start in range(0, len(ids), _IDS_AT_ONCE)
        for row in connection.execute(wanted.where(transition.c.slo.in_(ids[start : start + _IDS_AT_ONCE])))
    ]
    return tuple(_transition(row) for row in sorted(rows, key=lambda row: row.id, reverse=True)[:limit])


def prune_transitions(connection: Connection, *, before: datetime) -> int:
    """Delete what changed before a time; how many there were."""
    return connection.execute(delete(transition).where(transition.c.at < before)).rowcount


def _table(alert: Alert) -> Table:
    return alert_state if alert.cause is Cause.BURN else condition_state


def _row(alert: Alert, notice: Notice | None) -> dict[str, object]:
    row: dict[str, object] = {column.name: getattr(alert, column.name) for column in _REMEMBERED}
    if alert.cause is not Cause.BURN:
        row["cause"] = alert.cause.value
    told = notice if alert.in_force else None
    return {**row, "state": alert.state.value, "notice": None if told is None else encode_notice(told)}


def _alert(row: Row[tuple[object, ...]]) -> Alert:
    stored = row._mapping  # noqa: SLF001  the documented way to a row's columns by name
    values = {column.name: stored[column.name] for column in _REMEMBERED}
    values["cause"] = Cause(stored.get("cause", Cause.BURN))
    return Alert(**{**values, "severity": Severity(row.severity), "state": AlertState(row.state)})


def _transition(row: Row[tuple[object, ...]]) -> Transition:
    return Transition(
        slo=SloId(row.slo),
        severity=Severity(row.severity),
        kind=TransitionKind(row.kind),
        at=row.at,
        incident=row.incident,
        tier=row.tier,
        reason=row.reason,
        notify=row.notify,
        # Databases of earlier versions did not record it.
        cause=Cause.BURN if row.cause is None else Cause(row.cause),
    )
