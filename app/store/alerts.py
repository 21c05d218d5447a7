"""The tables of the alerts: what each one remembers between two slots, and every change there was."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Boolean, Column, Connection, Index, Integer, Row, String, Table, Text, delete, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from app.alerting import Alert, Notice, Transition, TransitionKind
from app.slo import AlertState, Severity, SloId
from app.store.moments import Moment
from app.store.notices import decode_notice, encode_notice
from app.store.schema import metadata

alert_state = Table(
    "alert_state",
    metadata,
    Column("slo", String, primary_key=True),
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
    Index("transition_by_slo", "slo", "at"),
    Index("transition_by_time", "at"),
)

_REMEMBERED = tuple(column for column in alert_state.c if column.name != "notice")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAlerts:
    """All alerts as the last tick left them, and by key the notices of those in force."""

    alerts: Mapping[SloId, tuple[Alert, ...]]
    notices: Mapping[str, Notice]


def load_alerts(connection: Connection) -> StoredAlerts:
    """Everything that is known of alerts."""
    alerts: dict[SloId, tuple[Alert, ...]] = {}
    notices: dict[str, Notice] = {}
    # "page" sorts before "ticket"; the page goes first everywhere.
    for row in connection.execute(select(alert_state).order_by(alert_state.c.slo, alert_state.c.severity)):
        alert = _alert(row)
        alerts[alert.slo] = (*alerts.get(alert.slo, ()), alert)
        if row.notice is not None:
            notices[alert.key] = decode_notice(row.notice)
    return StoredAlerts(alerts=alerts, notices=notices)


def load_in_force(connection: Connection) -> tuple[Notice, ...]:
    """The notices of the alerts that receivers are to be told of, again and again."""
    rows = connection.execute(
        select(alert_state.c.notice)
        .where(alert_state.c.announced & alert_state.c.notice.is_not(None))
        .order_by(alert_state.c.slo, alert_state.c.severity)
    )
    return tuple(decode_notice(row.notice) for row in rows)


def save_alerts(connection: Connection, alerts: Iterable[Alert], notices: Mapping[str, Notice]) -> None:
    """Write alerts over what was there; those in force with their notices."""
    rows = [_row(alert, notices.get(alert.key)) for alert in alerts]
    if not rows:
        return
    statement = upsert(alert_state)
    values = {column.name: statement.excluded[column.name] for column in alert_state.c if not column.primary_key}
    connection.execute(statement.on_conflict_do_update(index_elements=["slo", "severity"], set_=values), rows)


def forget_alerts(connection: Connection, alerts: Iterable[Alert]) -> None:
    """Delete alerts whose SLO or severity was removed."""
    for alert in alerts:
        connection.execute(
            delete(alert_state).where((alert_state.c.slo == alert.slo) & (alert_state.c.severity == alert.severity))
        )


def append_transitions(connection: Connection, transitions: Sequence[Transition]) -> None:
    """Record what has changed, in order."""
    if transitions:
        connection.execute(
            insert(transition),
            [
                {
                    "slo": change.slo,
                    "severity": change.severity.value,
                    "kind": change.kind.value,
                    "at": change.at,
                    "incident": change.incident,
                    "tier": change.tier,
                    "reason": change.reason,
                    "notify": change.notify,
                }
                for change in transitions
            ],
        )


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
    if slos is not None:
        wanted = wanted.where(transition.c.slo.in_(slos))
    return tuple(_transition(row) for row in connection.execute(wanted))


def prune_transitions(connection: Connection, *, before: datetime) -> int:
    """Delete what changed before a time; how many there were."""
    return connection.execute(delete(transition).where(transition.c.at < before)).rowcount


def _row(alert: Alert, notice: Notice | None) -> dict[str, object]:
    row: dict[str, object] = {column.name: getattr(alert, column.name) for column in _REMEMBERED}
    told = notice if alert.in_force else None
    return {**row, "state": alert.state.value, "notice": None if told is None else encode_notice(told)}


def _alert(row: Row[tuple[object, ...]]) -> Alert:
    stored = row._mapping  # noqa: SLF001  the documented way to a row's columns by name
    values = {column.name: stored[column.name] for column in _REMEMBERED}
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
    )
