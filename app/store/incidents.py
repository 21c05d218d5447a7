"""The table of incidents: one row for each stretch in which alerts of an SLO fire, kept for years (ADR-0065).

A row is written where receivers are notified and where alerts end. What is counted in the slots between is in the
notifications of the alerts that still fire.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    Float,
    Index,
    Row,
    Select,
    String,
    Table,
    delete,
    exists,
    false,
    func,
    or_,
    select,
    update,
)

from app.alerting import Alert, Notification, NotificationStatus, Transition, TransitionKind
from app.changes import Change, concerns
from app.policy import WrittenPostmortem
from app.reports import IncidentFacts
from app.slo import AlertState, Severity, SloId, Tenants, tenant_of
from app.store.alerts import TransitionFilter, alert, list_transitions, transition
from app.store.changes import ChangeFilter, list_changes
from app.store.deliveries import Delivery, deliveries_of, delivery
from app.store.incident_notes import (
    IncidentMark,
    IncidentNote,
    incident_mark,
    incident_note,
    notes_of,
    postmortem,
    postmortems_of,
)
from app.store.json_text import storable
from app.store.moments import Moment
from app.store.notification_documents import decode_notification
from app.store.paging import newest_page, of_tenants, wanted_values
from app.store.schema import metadata
from app.store.upsert import upsert

incident = Table(
    "incident",
    metadata,
    Column("id", String, primary_key=True),
    Column("slo", String, nullable=False),
    Column("service", String, nullable=False),
    Column("severity", String, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment),
    # Of the alerts that have ended; of those that fire, the newest figures are in their notifications.
    Column("bad_events", Float),
    Column("spent", Float),
    Column("first_bad_at", Moment),
    Column("last_bad_at", Moment),
    Column("notification", JSON, nullable=False),
    Index("incident_by_time", "started_at", "id"),
    Index("incident_by_slo", "slo", "started_at"),
    Index("incident_by_end", "ended_at"),
)
incident_label = Table(
    "incident_label",
    metadata,
    Column("incident", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
    Index("incident_label_by_value", "name", "value"),
)

# As what burns an hour's window may have begun in it; more changes than these are no timeline.
_CHANGES_BEFORE = timedelta(hours=1)
_MOST_CHANGES = 50
KEPT = timedelta(days=5 * 365 + 2)
"""How long an incident is kept after its end: as long as the days that reports add up (ADR-0070)."""
MOST_KEPT = 100_000
"""Incidents that are kept at most, the newest; about a kilobyte each."""
# Below the number of variables that SQLite takes in one statement.
_AT_ONCE = 500
MOST_TRANSITIONS = 1_000
"""Transitions of one incident that are read, the newest: an alert that freezes and unfreezes all night has hundreds."""
# "page" before "ticket": an incident has the severity of its most urgent alert.
_URGENCY = {severity: place for place, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One stretch in which alerts of an SLO notify, from the first that fires to the end of the last.

    A muted ticket does not keep it open; one that fires on its own after the page's end opens it again. *notification*
    is the newest of its most urgent alert, with its end if that has ended; while alerts fire, the newest of those.
    *bad_events* and *spent*, a share of the budget, are counted from *first_bad_at* to *last_bad_at*; None where not
    known.
    """

    id: str
    slo: SloId
    service: str
    severity: Severity
    started_at: datetime
    ended_at: datetime | None
    bad_events: float | None
    spent: float | None
    first_bad_at: datetime | None
    last_bad_at: datetime | None
    notification: Notification
    mark: IncidentMark | None = None
    notes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRecord:
    """All that is kept of an incident: *transitions*, *deliveries*, *notes* and *changes* are oldest first."""

    incident: Incident
    transitions: tuple[Transition, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    notes: tuple[IncidentNote, ...] = ()
    changes: tuple[Change, ...] = ()
    postmortem: WrittenPostmortem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentFilter:
    """Incidents of any of the services and SLOs, with all of the labels, and so on; nothing given means all.

    *active* asks for those whose alerts notify, or for those that are over; *unmarked* for those without a mark, beside
    those with one of the *marks*. *since* and *until* ask for incidents that were under way in between.
    """

    services: frozenset[str] = frozenset()
    slos: frozenset[str] = frozenset()
    labels: frozenset[tuple[str, str]] = frozenset()
    severities: frozenset[Severity] = frozenset()
    active: bool | None = None
    marks: frozenset[IncidentMark] = frozenset()
    unmarked: bool = False
    since: datetime | None = None
    until: datetime | None = None
    tenants: Tenants | None = None

    def matches(self, one: "Incident") -> bool:
        """Whether an incident that is known otherwise is one of them, as a query of the database would find it."""
        return (
            (not self.services or one.service in self.services)
            and (not self.slos or one.slo in self.slos)
            and self.labels <= {*one.notification.labels}
            and (not self.severities or one.severity in self.severities)
            and (self.active is None or self.active == (one.ended_at is None))
            and (not (self.marks or self.unmarked) or one.mark in self.marks or (self.unmarked and one.mark is None))
            and (self.since is None or one.ended_at is None or one.ended_at >= self.since)
            and (self.until is None or one.started_at <= self.until)
            and (self.tenants is None or tenant_of(one.slo) in self.tenants)
        )


@dataclass(slots=True)
class _Figures:
    """What an incident has spent, added up over alerts: those of one burn count the same events."""

    bad_events: float | None = None
    spent: float | None = None
    first_bad_at: datetime | None = None
    last_bad_at: datetime | None = None

    def add(self, of_alert: Notification) -> None:
        """Count what an alert has spent."""
        first, last = of_alert.first_bad_at, of_alert.last_bad_at
        if first is None or last is None:
            return
        # A burn that began after the last one ended is another one of the same incident.
        again = self.last_bad_at is not None and first > self.last_bad_at
        self.bad_events = _joined(self.bad_events, of_alert.incident_bad, again=again)
        self.spent = _joined(self.spent, of_alert.spent, again=again)
        self.first_bad_at = first if self.first_bad_at is None else min(self.first_bad_at, first)
        self.last_bad_at = last if self.last_bad_at is None else max(self.last_bad_at, last)


def record_incidents(
    connection: Connection,
    notified: Sequence[Notification],
    changes: Sequence[Transition],
    alerts: Mapping[SloId, tuple[Alert, ...]],
) -> None:
    """Write the incidents that begin, go on or end with what has changed; written twice they are the same.

    *alerts* are all of them after the change.
    """
    ended: dict[str, datetime] = {}
    for change in changes:
        # No notification is sent for the end of a muted ticket; it is later than that of the incident.
        if change.kind is TransitionKind.RESOLVED and change.notify and change.incident is not None:
            ended[change.incident] = max(change.at, ended.get(change.incident, change.at))
    by_incident: dict[str, list[Notification]] = {each: [] for each in ended}
    for notification in notified:
        by_incident.setdefault(notification.incident, []).append(notification)
    if not by_incident:
        # In most evaluations nothing changes.
        return
    known = {row.id: row for row in _rows(connection, by_incident)}
    slos = {*(each.slo for each in notified), *(change.slo for change in changes)}
    firing = {each.incident for slo in slos for each in alerts.get(slo, ()) if each.is_notified}
    rows = []
    for id_, notifications in by_incident.items():
        row = _merged(id_, known.get(id_), notifications, None if id_ in firing else ended.get(id_))
        if row is not None:
            rows.append(row)
    upsert(connection, incident, rows)
    labels = {
        (row["id"], name): value
        for row in rows
        for notification in by_incident[str(row["id"])]
        for name, value in notification.labels
    }
    upsert(
        connection,
        incident_label,
        [{"incident": id_, "name": name, "value": value} for (id_, name), value in labels.items()],
    )


def find_incident(connection: Connection, id_: str) -> Incident | None:
    """One incident; None if none with this id is kept."""
    row = connection.execute(_selected().where(incident.c.id == id_)).one_or_none()
    return None if row is None else _incident(row)


def load_incident(connection: Connection, id_: str) -> IncidentRecord | None:
    """One incident with all that is kept of it; None if none with this id is kept."""
    found = find_incident(connection, id_)
    if found is None:
        return None
    changed = list_transitions(connection, TransitionFilter(incident=id_), limit=MOST_TRANSITIONS)
    (record,) = _records(connection, [found], [change for _, change in changed])
    return replace(record, changes=_changes_of(connection, found))


def load_newest_incidents(
    connection: Connection, changed: Sequence[Transition], *, limit: int
) -> tuple[IncidentRecord, ...]:
    """The newest incidents, newest first, with those of the transitions *changed*; without the changes around them."""
    return _records(connection, list_incidents(connection, IncidentFilter(), limit=limit), changed)


def _records(
    connection: Connection, found: Sequence[Incident], changed: Sequence[Transition]
) -> tuple[IncidentRecord, ...]:
    """All that is kept of incidents; *changed* are transitions, newest first."""
    ids = [one.id for one in found]
    transitions: dict[str | None, list[Transition]] = {}
    for change in reversed(changed):
        transitions.setdefault(change.incident, []).append(change)
    deliveries, notes = deliveries_of(connection, ids), notes_of(connection, ids)
    postmortems = postmortems_of(connection, ids)
    return tuple(
        IncidentRecord(
            incident=one,
            transitions=tuple(transitions.get(one.id, ())),
            deliveries=deliveries.get(one.id, ()),
            notes=notes.get(one.id, ()),
            postmortem=postmortems.get(one.id),
        )
        for one in found
    )


def _changes_of(connection: Connection, found: Incident) -> tuple[Change, ...]:
    """The changes of the service from a while before the first errors until the end, oldest first."""
    wanted = ChangeFilter(
        services=frozenset({found.service}),
        since=(found.first_bad_at or found.started_at) - _CHANGES_BEFORE,
        until=found.ended_at,
    )
    changes = list_changes(connection, wanted, limit=_MOST_CHANGES)
    labels = (*found.notification.labels, *found.notification.group)
    return tuple(change for change in reversed(changes) if concerns(change, found.service, labels))


def with_firing(known: Incident | None, firing: Sequence[Notification]) -> Incident | None:
    """An incident with the newest figures of its alerts that fire; None if it is not *known* and none fires.

    An incident that began while the database could not be written is known by its alerts alone.
    """
    if not firing:
        return known
    first = min(firing, key=_urgency)
    known = known or Incident(
        id=first.incident,
        slo=first.slo,
        service=first.service,
        severity=first.severity,
        started_at=min(notification.starts_at for notification in firing),
        ended_at=None,
        bad_events=None,
        spent=None,
        first_bad_at=None,
        last_bad_at=None,
        notification=first,
    )
    figures = _Figures(known.bad_events, known.spent, known.first_bad_at, known.last_bad_at)
    for notification in firing:
        figures.add(notification)
    return replace(
        known,
        ended_at=None,
        # Of the alerts that fire: a page that has resolved says nothing of the ticket that goes on.
        notification=first,
        bad_events=figures.bad_events,
        spent=figures.spent,
        first_bad_at=figures.first_bad_at,
        last_bad_at=figures.last_bad_at,
    )


def list_incidents(
    connection: Connection,
    wanted: IncidentFilter,
    *,
    limit: int,
    before: tuple[float, str] | None = None,
) -> tuple[Incident, ...]:
    """The newest incidents, newest first; those *before* the start (unix seconds) and id of the last of a page."""
    query = _selected().where(*_conditions(wanted))
    query = newest_page(query, incident.c.started_at, incident.c.id, limit=limit, before=before)
    return tuple(_incident(row) for row in connection.execute(query))


def incident_facts(connection: Connection, *, since: datetime, until: datetime) -> list[IncidentFacts]:
    """What reports count of the incidents that began in [*since*, *until*), oldest first."""
    names = ("id", "slo", "severity", "started_at", "ended_at", "first_bad_at", "last_bad_at", "bad_events", "spent")
    marked = incident.outerjoin(incident_mark, incident_mark.c.incident == incident.c.id)
    change = incident.c.notification["recent_change"].as_string()
    began = (
        select(*(incident.c[name] for name in names), incident_mark.c.mark, change.label("change"))
        .select_from(marked)
        .where(incident.c.started_at >= since, incident.c.started_at < until)
        .order_by(incident.c.started_at, incident.c.id)
    )
    return [
        IncidentFacts(
            **{name: getattr(row, name) for name in names if name not in {"slo", "severity"}},
            slo=SloId(row.slo),
            severity=Severity(row.severity),
            useful=None if row.mark is None else IncidentMark(row.mark) is IncidentMark.USEFUL,
            change=row.change or "",
        )
        for row in connection.execute(began)
    ]


def prune_incidents(connection: Connection, *, at: datetime, kept: timedelta = KEPT, most: int = MOST_KEPT) -> int:
    """Delete the incidents that ended long ago, with all that belongs to them; how many there were.

    One whose alerts are gone without an end, as after a database was restored, ends with its last transition.
    """
    notifies = (alert.c.state == AlertState.FIRING.value) & alert.c.announced & alert.c.incident.is_not(None)
    firing = select(alert.c.incident).where(notifies)
    newest = (
        select(func.max(transition.c.at, type_=Moment)).where(transition.c.incident == incident.c.id).scalar_subquery()
    )
    ended = func.coalesce(newest, incident.c.started_at, type_=Moment)
    connection.execute(
        update(incident).where(incident.c.ended_at.is_(None) & incident.c.id.not_in(firing)).values(ended_at=ended)
    )
    old = list(connection.execute(select(incident.c.id).where(incident.c.ended_at < at - kept)).scalars())
    too_many = select(incident.c.id).order_by(incident.c.started_at.desc(), incident.c.id.desc()).offset(most)
    # SQLite knows no OFFSET without LIMIT.
    old += connection.execute(too_many.limit(most)).scalars()
    for start in range(0, len(old), _AT_ONCE):
        some = old[start : start + _AT_ONCE]
        for column in (
            incident.c.id,
            incident_label.c.incident,
            incident_mark.c.incident,
            incident_note.c.incident,
            postmortem.c.incident,
            delivery.c.incident,
            transition.c.incident,
        ):
            connection.execute(delete(column.table).where(column.in_(some)))
    return len(set(old))


def prune_transitions(connection: Connection, *, before: datetime) -> int:
    """Delete what changed before a time and belongs to no incident that is kept; how much there was."""
    kept = exists().where(incident.c.id == transition.c.incident)
    return connection.execute(delete(transition).where((transition.c.at < before) & ~kept)).rowcount


def _merged(
    id_: str, known: Row[tuple[object, ...]] | None, notifications: Sequence[Notification], ended_at: datetime | None
) -> dict[str, object] | None:
    """The row of an incident after *notifications*; None if receivers were never notified of any of its alerts."""
    if known is None and not notifications:
        return None
    figures = _Figures()
    newest: Notification | None = None
    started = [] if known is None else [known.started_at]
    if known is not None:
        figures = _Figures(known.bad_events, known.spent, known.first_bad_at, known.last_bad_at)
        newest = decode_notification(known.notification)
    for notification in notifications:
        started.append(notification.starts_at)
        if notification.status is NotificationStatus.RESOLVED:
            figures.add(notification)
        if newest is None or _urgency(notification) <= _urgency(newest):
            newest = notification
    if newest is None:
        return None
    return {
        "id": id_,
        "slo": newest.slo,
        "service": newest.service,
        "severity": newest.severity.value,
        "started_at": min(started),
        "ended_at": ended_at,
        "bad_events": figures.bad_events,
        "spent": figures.spent,
        "first_bad_at": figures.first_bad_at,
        "last_bad_at": figures.last_bad_at,
        "notification": newest,
    }


def _urgency(notification: Notification) -> int:
    return _URGENCY[notification.severity]


def _joined(known: float | None, more: float, *, again: bool) -> float | None:
    if more != more:  # noqa: PLR0124  NaN
        return known
    return more if known is None else known + more if again else max(known, more)


def _rows(connection: Connection, ids: Iterable[str]) -> Iterator[Row[tuple[object, ...]]]:
    wanted = list(ids)
    for start in range(0, len(wanted), _AT_ONCE):
        yield from connection.execute(select(incident).where(incident.c.id.in_(wanted[start : start + _AT_ONCE])))


def _selected() -> Select[tuple[object, ...]]:
    notes = select(func.count()).where(incident_note.c.incident == incident.c.id).correlate(incident).scalar_subquery()
    marked = incident.outerjoin(incident_mark, incident_mark.c.incident == incident.c.id)
    return select(incident, incident_mark.c.mark, notes.label("notes")).select_from(marked)


def _conditions(wanted: IncidentFilter) -> Iterator[ColumnElement[bool]]:
    yield from wanted_values((incident.c.service, wanted.services), (incident.c.slo, wanted.slos))
    for name, value in sorted(wanted.labels):
        if storable((name, value)) != [name, value]:
            yield false()
            continue
        yield exists().where(
            (incident_label.c.incident == incident.c.id)
            & (incident_label.c.name == name)
            & (incident_label.c.value == value)
        )
    yield from of_tenants(incident.c.slo, wanted.tenants)
    if wanted.severities:
        yield incident.c.severity.in_([severity.value for severity in wanted.severities])
    if wanted.active is not None:
        yield incident.c.ended_at.is_(None) if wanted.active else incident.c.ended_at.is_not(None)
    if wanted.marks or wanted.unmarked:
        marks = incident_mark.c.mark.in_([mark.value for mark in wanted.marks])
        yield or_(marks, incident_mark.c.mark.is_(None)) if wanted.unmarked else marks
    if wanted.since is not None:
        yield or_(incident.c.ended_at.is_(None), incident.c.ended_at >= wanted.since)
    if wanted.until is not None:
        yield incident.c.started_at <= wanted.until


def _incident(row: Row[tuple[object, ...]]) -> Incident:
    return Incident(
        id=row.id,
        slo=SloId(row.slo),
        service=row.service,
        severity=Severity(row.severity),
        started_at=row.started_at,
        ended_at=row.ended_at,
        bad_events=row.bad_events,
        spent=row.spent,
        first_bad_at=row.first_bad_at,
        last_bad_at=row.last_bad_at,
        notification=decode_notification(row.notification),
        mark=None if row.mark is None else IncidentMark(row.mark),
        notes=row.notes,
    )
