"""Incidents as evaluations and deliveries write them, and the log of them that pages and the API read."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, cast

from typing_extensions import override

from app.adjustments import Adjustment, CurrentAdjustments
from app.alerting import Alert, End, Notification, NotificationStatus, Transition, TransitionKind, resolve
from app.changes import Change
from app.policy import PastIncident, WrittenPostmortem
from app.reports import ObjectivesReport, ReportQuestion
from app.service.adapters.api_adapters import StoredIncidents
from app.slo import AlertState, SloId
from app.status import (
    AdjustmentLog,
    ChangeLog,
    IncidentLog,
    IncidentMemory,
    KnownIncidents,
    RecentChanges,
    Reports,
    StoredAdjustments,
    StoredChanges,
    StoredReports,
)
from app.store import Database, Transaction, open_database_in_memory
from app.store.adjustments import AuditedChange
from app.store.alerts import TransitionFilter, append_transitions
from app.store.changes import ChangeFilter
from app.store.deliveries import Delivery
from app.store.incident_notes import IncidentMark, IncidentNote
from app.store.incidents import Incident, IncidentFilter, IncidentRecord, record_incidents
from app.store.outbox import claim, enqueue, give_up, mark_done, retry_at
from tests.support.notifications import START, firing
from tests.support.set_clock import SetClock

MINUTE = timedelta(minutes=1)


@dataclass
class KeptIncidents:
    """A database in memory with incidents, made when it is first used."""

    clock: SetClock = field(default_factory=lambda: SetClock(START + 30 * MINUTE))
    memory: IncidentMemory = field(default_factory=IncidentMemory)

    @cached_property
    def database(self) -> Database:
        """Where they are kept."""
        return open_database_in_memory()

    @cached_property
    def log(self) -> IncidentLog:
        """What the API and the pages read."""
        return _Lazy(self)

    @cached_property
    def changes(self) -> ChangeLog:
        """The log of changes in the same database."""
        return _LazyChanges(self)

    @cached_property
    def reports(self) -> Reports:
        """Reports of what is in the same database."""
        return _LazyReports(self)

    @cached_property
    def adjustments(self) -> AdjustmentLog:
        """The adjustments in the same database."""
        return _LazyAdjustments(self)

    @cached_property
    def lazy_database(self) -> Database:
        """The same, made when it is first used by others."""
        return cast("Database", _LazyDatabase(self))

    def record(self, *notified: Notification, still: Sequence[Notification] = ()) -> None:
        """Write what an evaluation writes that notifies receivers; *still* are alerts that fire on."""
        with self.database.begin() as tx:
            record(tx, *notified, still=still)

    def deliver(self, notification: Notification, receiver: str, *, at: datetime, error: str | None = None) -> None:
        """Notify a receiver, which refuses it if there is an *error*."""
        with self.database.begin() as tx:
            enqueue(tx, [notification], receivers=[receiver], at=notification.ends_at or notification.starts_at)
            (entry,) = claim(tx, receiver, owner="a worker", at=at, lease=MINUTE)
            if error is None:
                mark_done(tx, [entry.id], at=at)
            else:
                retry_at(tx, entry.id, at, at=at, error=error)
                give_up(tx, entry.id, at=at + MINUTE, error=error)


class _LazyAdjustments(AdjustmentLog):
    """The adjustments in the same database."""

    def __init__(self, kept: KeptIncidents) -> None:
        self._kept = kept

    @cached_property
    def _stored(self) -> StoredAdjustments:
        return StoredAdjustments(self._kept.database, CurrentAdjustments(), self._kept.clock)

    @override
    def listed(self) -> Sequence[Adjustment]:
        return self._stored.listed()

    @override
    def find(self, adjustment: str) -> Adjustment | None:
        return self._stored.find(adjustment)

    @override
    def audit(self, adjustment: str) -> Sequence[AuditedChange]:
        return self._stored.audit(adjustment)

    @override
    def save(self, adjustments: Sequence[Adjustment], *, action: str, author: str) -> None:
        self._stored.save(adjustments, action=action, author=author)


class _LazyChanges(ChangeLog):
    """The changes in the same database."""

    def __init__(self, kept: KeptIncidents) -> None:
        self._kept = kept

    @cached_property
    def _stored(self) -> StoredChanges:
        return StoredChanges(self._kept.database, RecentChanges(), self._kept.clock)

    @override
    def add(self, change: Change, *, allows: Callable[[str], bool] | None = None) -> tuple[Change, bool]:
        return self._stored.add(change, allows=allows)

    @override
    def listed(self, wanted: ChangeFilter, *, limit: int, before: tuple[float, str] | None = None) -> Sequence[Change]:
        return self._stored.listed(wanted, limit=limit, before=before)

    @override
    def find(self, change: str) -> Change | None:
        return self._stored.find(change)


class _LazyReports(Reports):
    """Reports of the same database."""

    def __init__(self, kept: KeptIncidents) -> None:
        self._kept = kept

    @override
    def now(self) -> datetime:
        return self._kept.clock.now()

    @override
    def report(self, question: ReportQuestion) -> ObjectivesReport:
        return StoredReports(self._kept.database, self._kept.clock).report(question)

    @override
    def newest(self, question: ReportQuestion) -> ObjectivesReport | None:
        return None


class _LazyDatabase:
    """Most tests of the API use no database, and to make one takes a while."""

    def __init__(self, kept: KeptIncidents) -> None:
        self._kept = kept

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kept.database, name)


class _Lazy(IncidentLog):
    """Most tests of the API ask for no incident, and to make a database takes a while."""

    def __init__(self, kept: KeptIncidents) -> None:
        self._kept = kept

    @cached_property
    def _stored(self) -> StoredIncidents:
        return StoredIncidents(self._kept.database, self._kept.clock, memory=self._kept.memory)

    @property
    @override
    def known(self) -> KnownIncidents:
        return self._stored.known

    @override
    def listed(
        self, wanted: IncidentFilter, *, limit: int, before: tuple[float, str] | None = None
    ) -> Sequence[Incident]:
        return self._stored.listed(wanted, limit=limit, before=before)

    @override
    def find(self, incident: str) -> IncidentRecord | None:
        return self._stored.find(incident)

    @override
    def deliveries(self, incidents: Sequence[Incident]) -> Mapping[str, Sequence[Delivery]]:
        return self._stored.deliveries(incidents)

    @override
    def transitions(
        self, wanted: TransitionFilter, *, limit: int, before_id: int | None = None
    ) -> Sequence[tuple[int, Transition]]:
        return self._stored.transitions(wanted, limit=limit, before_id=before_id)

    @override
    def past(self, slos: Collection[str], *, since: datetime, label: str) -> Sequence[PastIncident]:
        return self._stored.past(slos, since=since, label=label)

    @override
    def set_postmortem(self, incident: str, written: WrittenPostmortem | None) -> bool:
        return self._stored.set_postmortem(incident, written)

    @override
    def set_mark(self, incident: str, mark: IncidentMark | None) -> bool:
        return self._stored.set_mark(incident, mark)

    @override
    def add_note(self, incident: str, text: str, *, author: str | None) -> IncidentNote | None:
        return self._stored.add_note(incident, text, author=author)


def record(
    tx: Transaction, *notified: Notification, still: Sequence[Notification] = (), silent: Sequence[Alert] = ()
) -> None:
    """Write what an evaluation writes that notifies receivers; *still* are alerts that fire on, *silent* muted ones."""
    changes = [
        Transition(
            slo=each.slo,
            severity=each.severity,
            cause=each.cause,
            kind=TransitionKind.FIRED if each.ends_at is None else TransitionKind.RESOLVED,
            at=each.starts_at if each.ends_at is None else each.ends_at,
            incident=each.incident,
            tier=each.tier,
            reason=each.reason,
            end_code=each.end_code,
            notify=True,
        )
        for each in notified
    ]
    append_transitions(tx, changes)
    alerts: dict[SloId, tuple[Alert, ...]] = {each.slo: (each,) for each in silent}
    for each in (*still, *notified):
        alerts[each.slo] = (*alerts.get(each.slo, ()), _alert(each))
    record_incidents(tx, notified, changes, alerts)


def burning(slo: str = "checkout-availability", *, incident: str = "5f2d", **changes: Any) -> Notification:
    """A page that fires five minutes after the first errors, with what its incident has cost."""
    begun = firing(slo, incident=incident, **changes)
    return replace(
        begun,
        at=begun.starts_at + 10 * MINUTE,
        first_bad_at=begun.starts_at - 5 * MINUTE,
        last_bad_at=begun.starts_at + 10 * MINUTE,
        incident_bad=2_400.0,
        spent=0.028,
        top_contributors='route="/pay": 82% of the errors, 9% of the traffic',
        slo_description="Checkout requests succeed.",
    )


def ended(notification: Notification, *, after: timedelta = 20 * MINUTE, end: End | None = None) -> Notification:
    """The end of an alert."""
    return resolve(notification, at=notification.starts_at + after, end=end)


def _alert(notification: Notification) -> Alert:
    fires = notification.status is NotificationStatus.FIRING
    return Alert(
        slo=notification.slo,
        severity=notification.severity,
        cause=notification.cause,
        state=AlertState.FIRING if fires else AlertState.INACTIVE,
        announced=fires,
        incident=notification.incident if fires else None,
    )
