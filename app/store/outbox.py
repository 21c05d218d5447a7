"""The outbox: notifications that are still to be sent, written in the transaction of the evaluation that decided it.

An entry waits, is claimed by a lease, and ends as done or dead. For one receiver and one alert entries go out in the
order in which they came: an entry is not due before all earlier ones have ended.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Row,
    Select,
    String,
    Table,
    UniqueConstraint,
    case,
    func,
    literal,
    or_,
    select,
    update,
)

from app.alerting import EndCode, Notification, NotificationStatus, slo_of_key
from app.slo import Cause, SloId
from app.store.json_text import encoded
from app.store.moments import Moment
from app.store.notification_documents import decode_notification
from app.store.schema import metadata
from app.store.unanswered import unanswered_of
from app.store.upsert import insert_missing
from app.tracing import current_trace

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("receiver", String, nullable=False),
    Column("alert_key", String, nullable=False),
    Column("idempotency_key", String, nullable=False),
    Column("status", String, nullable=False),
    Column("severity", String, nullable=False),
    # One time that the alert fires: within one incident it may fire again, and with other labels it is another alert.
    Column("instance", String, nullable=False),
    Column("incident", String, nullable=False),
    Column("starts_at", Moment, nullable=False),
    Column("notification", JSON, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("state", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("leased_until", Moment),
    Column("leased_by", String),
    Column("ended_at", Moment),
    Column("last_error", String),
    # The first failed attempt, and when the fallback of the receiver was notified while attempts go on.
    Column("failing_since", Moment),
    Column("fallback_notified_at", Moment),
    # The trace in which the notification was decided.
    Column("traceparent", String),
    UniqueConstraint("receiver", "idempotency_key"),
    Index("outbox_by_receiver", "receiver", "state", "alert_key", "id"),
    Index("outbox_by_incident", "incident", "instance"),
    Index("outbox_by_state", "state", "created_at"),
    Index("outbox_by_time", "receiver", "created_at"),
    Index("outbox_by_end", "receiver", "state", "ended_at"),
)

# Due in a year, which is never: held entries keep their place in the order of their alert and need no state of their
# own.
_HELD = timedelta(days=365)
LEASE = timedelta(seconds=30)
"""Longer than any attempt; a claimed entry whose worker has died is claimed again after it."""
_ENDS_AT_ONE_RECEIVER = (EndCode.ROUTES_CHANGED, EndCode.RECEIVER_REMOVED)
_OUT_OF_DATE = "out of date: the alert ended while nothing was evaluated"
# Entries in one statement: an outage of everything is a few statements, and none is too long.
_AT_ONCE = 500


class EntryState(StrEnum):
    """Whether an entry still waits (claimed or not), was delivered, or was given up."""

    WAITING = "waiting"
    DONE = "done"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxEntry:
    """One notification for one receiver; *idempotency_key* stays the same over all attempts."""

    id: int
    receiver: str
    idempotency_key: str
    notification: Notification
    created_at: datetime
    attempts: int
    due_at: datetime
    last_error: str | None
    failing_since: datetime | None = None
    fallback_notified_at: datetime | None = None
    traceparent: str | None = None

    @property
    def held(self) -> bool:
        """Whether the entry is held until fresh data confirms its alert."""
        return is_held(self.created_at, self.due_at)


def enqueue(
    connection: Connection,
    notifications: Iterable[Notification],
    *,
    receivers: Sequence[str],
    at: datetime,
    ids: Iterator[int] | None = None,
    again: bool = False,
) -> None:
    """Put notifications into the outbox of every receiver; *ids* number the entries, by default the database does.

    A slot that is stepped once more enqueues nothing twice; *again* enqueues also what was enqueued in another slot.
    That an unconfirmed alert fires is held until `release_beginnings`: it may have got new labels before fresh data was
    seen.
    """
    trace = current_trace()
    rows = [
        {
            **columns_of(notification),
            "receiver": receiver,
            "idempotency_key": key,
            "notification": document,
            "created_at": at,
            "state": EntryState.WAITING.value,
            "attempts": 0,
            "traceparent": None if trace is None else trace.traceparent,
            "due_at": at + _HELD
            if notification.unconfirmed and notification.status is NotificationStatus.FIRING
            else at,
        }
        for notification, key, document in (
            (notification, idempotency_key(notification, again_at=at if again else None), encoded(notification))
            for notification in notifications
        )
        for receiver in receivers
    ]
    if ids is not None:
        rows = [{**row, "id": next(ids)} for row in rows]
    insert_missing(connection, outbox, rows)


def columns_of(notification: Notification) -> dict[str, object]:
    """The columns by which entries of an alert are found."""
    return {
        "alert_key": notification.key,
        "status": notification.status.value,
        "severity": notification.severity.value,
        "instance": notification.instance,
        "incident": notification.incident,
        "starts_at": notification.starts_at,
    }


def idempotency_key(notification: Notification, *, again_at: datetime | None = None) -> str:
    """What tells receivers that two deliveries are one: the same for every attempt, another for every change.

    Also for an alert that is sent *again_at* a time, after it was resolved at a receiver.
    """
    # Not the slot: a slot that is stepped once more after a crash must not notify a second time. Nor when it ended: an
    # alert that fires ends once, and a replica that was cut off may see that in another slot (ADR-0116).
    changed_at = again_at or notification.starts_at
    if notification.end_code in _ENDS_AT_ONE_RECEIVER:
        # It fires on, may fire again at the same receiver, and end there again.
        changed_at = notification.ends_at or changed_at
    text = f"{notification.instance}\n{notification.incident}\n{notification.status}\n{changed_at.isoformat()}"
    return blake2b(text.encode(), digest_size=16).hexdigest()


def claim(
    connection: Connection,
    receiver: str,
    *,
    owner: str,
    at: datetime,
    lease: timedelta,
    # As many as one request to Alertmanager takes; more are claimed in the next round.
    limit: int = 256,
    from_id: int = 0,
) -> tuple[OutboxEntry, ...]:
    """Lease the oldest waiting entry of every alert that is due to *owner*, oldest first; those from an id on.

    Two workers that claim at once share the entries; none is leased to both.
    """
    heads = connection.execute(
        _heads(receiver, from_id)
        .where(_due(at))
        .order_by(outbox.c.id)
        .limit(limit)
        # What another replica is claiming is its own: it is not waited for. SQLite has one writer, and needs no locks.
        .with_for_update(skip_locked=True)
    ).all()
    mine: set[int] = set()
    for some in _chunks([row.id for row in heads]):
        # Asked again in the update itself: another worker may have claimed some since they were read.
        free = outbox.c.id.in_(some) & _due(at)
        leased = update(outbox).where(free).values(leased_until=at + lease, leased_by=owner)
        mine.update(connection.execute(leased.returning(outbox.c.id)).scalars())
    claimed = []
    for row in heads:
        if row.id in mine:
            try:
                claimed.append(_entry(row))
            except (LookupError, TypeError, ValueError) as error:
                # One row that cannot be read must not hold up all others for ever.
                give_up(connection, row.id, at=at, error=_unreadable(error))
    return tuple(claimed)


def release(connection: Connection, *, living: Collection[str]) -> int:
    """End the leases of owners that are not *living*; how many there were."""
    leased = (outbox.c.state == EntryState.WAITING.value) & outbox.c.leased_until.is_not(None)
    orphaned = _unlocked(connection, leased & outbox.c.leased_by.not_in(living))
    for some in _chunks(orphaned):
        values = {"leased_until": None, "leased_by": None}
        connection.execute(update(outbox).where(outbox.c.id.in_(some)).values(**values))
    return len(orphaned)


def retry_failing(connection: Connection, *, at: datetime) -> None:
    """Let what waits after a failed attempt be due *at* the latest; what is held, or is being sent, is left alone."""
    failing = (outbox.c.state == EntryState.WAITING.value) & outbox.c.failing_since.is_not(None)
    free = or_(outbox.c.leased_until.is_(None), outbox.c.leased_until <= at)
    for some in _chunks(_unlocked(connection, failing & free & (outbox.c.due_at > at) & ~_held_at(at))):
        connection.execute(update(outbox).where(outbox.c.id.in_(some)).values(due_at=at))


def _unlocked(connection: Connection, which: ColumnElement[bool]) -> Sequence[int]:
    """The ids of entries that no other transaction has locked, locked now.

    One of a replica that was cut off keeps its locks for seconds: every page would wait for them.
    """
    found = connection.execute(select(outbox.c.id).where(which).order_by(outbox.c.id).with_for_update(skip_locked=True))
    return found.scalars().all()


def go_back(connection: Connection, *, at: datetime, owns: Callable[[SloId], bool] = lambda _: True) -> None:
    """Let nothing wait for a time that the clock showed while it was ahead: what waits is due *at* the latest.

    What is held until its alert is confirmed stays held. A lease ends when one that begins now would. *owns* says of
    which SLOs; those of other replicas are left to them.
    """
    mine = outbox.c.state == EntryState.WAITING.value
    changes: tuple[tuple[ColumnElement[bool], dict[str, datetime]], ...] = (
        ((outbox.c.due_at > at) & ~_held_at(at), {"due_at": at}),
        (outbox.c.leased_until > at + LEASE, {"leased_until": at + LEASE}),
        (outbox.c.failing_since > at, {"failing_since": at}),
    )
    for is_later, values in changes:
        found = connection.execute(select(outbox.c.id, outbox.c.alert_key).where(mine & is_later)).all()
        for some in _chunks([row.id for row in found if owns(slo_of_key(row.alert_key))]):
            connection.execute(update(outbox).where(outbox.c.id.in_(some)).values(**values))


def next_due(connection: Connection, receiver: str, *, from_id: int = 0) -> datetime | None:
    """When the next entry of a receiver that may be claimed becomes due, lease included; None if none waits."""
    heads = _heads(receiver, from_id).subquery()
    free_at = case((heads.c.leased_until > heads.c.due_at, heads.c.leased_until), else_=heads.c.due_at)
    return connection.execute(select(func.min(free_at, type_=Moment))).scalar()


def waiting(connection: Connection, receiver: str, *, limit: int = 1000, from_id: int = 0) -> tuple[OutboxEntry, ...]:
    """What waits for a receiver, claimed or not, oldest first, from an id on; what cannot be read is left out."""
    mine = (outbox.c.receiver == receiver) & (outbox.c.state == EntryState.WAITING.value) & (outbox.c.id >= from_id)
    found = []
    for row in connection.execute(select(outbox).where(mine).order_by(outbox.c.id).limit(limit)):
        with suppress(LookupError, TypeError, ValueError):
            found.append(_entry(row))
    return tuple(found)


def mark_done(connection: Connection, entry_ids: Iterable[int], *, at: datetime) -> None:
    """Entries were delivered."""
    for some in _chunks(list(entry_ids)):
        _settle(connection, some, state=EntryState.DONE.value, ended_at=at, attempts=outbox.c.attempts + 1)


def retry_at(
    connection: Connection, entry_id: int, due_at: datetime, *, at: datetime, error: str, owner: str | None = None
) -> None:
    """An attempt has failed; the next is due then. Nothing changes where another than *owner* has leased it by now."""
    since = func.coalesce(outbox.c.failing_since, literal(at, Moment), type_=Moment)
    _settle(
        connection,
        [entry_id],
        due_at=_unless_held(due_at, at),
        attempts=outbox.c.attempts + 1,
        last_error=error,
        failing_since=since,
        owner=owner,
    )


def defer_until(
    connection: Connection, entry_id: int, due_at: datetime, *, at: datetime, owner: str | None = None
) -> None:
    """An entry must wait for a good reason; that is no failed attempt. *owner* as of `retry_at`."""
    _settle(connection, [entry_id], due_at=_unless_held(due_at, at), owner=owner)


def give_up(connection: Connection, entry_id: int, *, at: datetime, error: str) -> None:
    """Give an entry up: it becomes a dead letter, and the next of its alert may go."""
    _settle(
        connection,
        [entry_id],
        state=EntryState.DEAD.value,
        ended_at=at,
        attempts=outbox.c.attempts + 1,
        last_error=error,
    )


def waiting_for_unknown_receivers(
    connection: Connection, receivers: Collection[str], *, at: datetime
) -> tuple[OutboxEntry, ...]:
    """What waits for receivers other than these, oldest first; what cannot be read is given up."""
    unknown = (outbox.c.state == EntryState.WAITING.value) & outbox.c.receiver.not_in(receivers)
    found = []
    for row in connection.execute(select(outbox).where(unknown).order_by(outbox.c.id)).all():
        try:
            found.append(_entry(row))
        except (LookupError, TypeError, ValueError) as error:
            give_up(connection, row.id, at=at, error=_unreadable(error))
    return tuple(found)


def load_addressed(connection: Connection, entry_id: int) -> tuple[str, Notification] | None:
    """The receiver and the notification of an entry, unconfirmed if the entry is held.

    None if there is no such entry, or it cannot be read.
    """
    row = connection.execute(select(outbox).where(outbox.c.id == entry_id)).one_or_none()
    try:
        if row is None:
            return None
        notification = decode_notification(row.notification)
    except (LookupError, TypeError, ValueError):
        return None
    # What becomes of it elsewhere, such as at a fallback, waits for fresh data as well.
    held = is_held(row.created_at, row.due_at)
    return row.receiver, replace(notification, unconfirmed=True) if held else notification


def ends_waiting(connection: Connection, receiver: str, notification: Notification) -> tuple[Notification, ...]:
    """What waits to tell a receiver that the alert of this incident is over."""
    mine = (
        (outbox.c.receiver == receiver)
        & (outbox.c.state == EntryState.WAITING.value)
        & (outbox.c.status == NotificationStatus.RESOLVED.value)
        & is_of(notification)
    )
    found = []
    for row in connection.execute(select(outbox.c.notification).where(mine).order_by(outbox.c.id)):
        with suppress(LookupError, TypeError, ValueError):
            found.append(decode_notification(row.notification))
    return tuple(found)


def oldest_waiting(connection: Connection, *, from_id: int = 0) -> datetime | None:
    """When the oldest entry that still waits was made, of those from an id on; None if none does."""
    waiting = (outbox.c.state == EntryState.WAITING.value) & (outbox.c.id >= from_id)
    return connection.execute(select(func.min(outbox.c.created_at, type_=Moment)).where(waiting)).scalar()


def hold_beginnings(connection: Connection, *, at: datetime, owns: Callable[[SloId], bool] = lambda _: True) -> int:
    """Hold what waits to tell receivers that alerts fire, until it is confirmed or withdrawn; how many there were.

    *owns* says of which SLOs: the replicas of the others have gone on evaluating them.

    Where the end of the alert waits too, both are given up: it is over, and the receiver was never notified of it. One
    that may have been, by a request without response, gets the end.
    """
    occurrence = (outbox.c.receiver, outbox.c.instance, outbox.c.incident, outbox.c.starts_at)
    waits = outbox.c.state == EntryState.WAITING.value
    waiting = select(outbox.c.id, outbox.c.status, outbox.c.alert_key, *occurrence).where(waits)
    mine = [row for row in connection.execute(waiting.order_by(outbox.c.id)) if owns(slo_of_key(row.alert_key))]
    # What a policy says of a budget does not depend on fresh data, and nothing would release it.
    entries = [(row, tuple(row[3:])) for row in mine if not row.alert_key.endswith(f"/{Cause.POLICY}")]
    ended = {told_to for row, told_to in entries if row.status == NotificationStatus.RESOLVED.value}
    begun = {told_to for row, told_to in entries if row.status == NotificationStatus.FIRING.value}
    unanswered = unanswered_of(connection, [(row.instance, row.incident) for row, _ in entries])
    # While nothing was evaluated nothing was tried: how long it fails counts from the next attempt.
    for some in _chunks([row.id for row in mine]):
        connection.execute(update(outbox).where(waits & outbox.c.id.in_(some)).values(failing_since=None))
    held = 0
    for row, told_to in entries:
        if told_to in ended & begun:
            if (
                row.status == NotificationStatus.RESOLVED.value
                and (row.receiver, row.instance, row.incident) in unanswered
            ):
                continue
            give_up(connection, row.id, at=at, error=_OUT_OF_DATE)
        elif told_to in begun:
            _settle(connection, [row.id], due_at=at + _HELD)
            held += 1
    return held


def release_beginnings(connection: Connection, notifications: Iterable[Notification], *, at: datetime) -> None:
    """Let the beginnings of alerts go that were held, since *notifications* confirm that they fire."""
    confirmed = {notification.key for notification in notifications if not notification.unconfirmed}
    if not confirmed:
        # In most evaluations no alert fires.
        return
    held = (
        (outbox.c.state == EntryState.WAITING.value)
        & (outbox.c.status == NotificationStatus.FIRING.value)
        & _held_at(at)
    )
    for key in confirmed & set(connection.execute(select(outbox.c.alert_key).where(held)).scalars()):
        connection.execute(update(outbox).where(held & (outbox.c.alert_key == key)).values(due_at=at))


def complete_waiting(connection: Connection, notifications: Iterable[Notification], *, at: datetime) -> int:
    """Write what has become known of alerts into the notifications that they fire and that wait; how many there were.

    What is being sent is left alone.
    """
    completed = 0
    for notification in notifications:
        waiting = (
            is_of(notification)
            & (outbox.c.state == EntryState.WAITING.value)
            & (outbox.c.status == NotificationStatus.FIRING.value)
            & or_(outbox.c.leased_until.is_(None), outbox.c.leased_until <= at)
        )
        written = update(outbox).where(waiting).values(notification=encoded(notification))
        completed += connection.execute(written).rowcount
    return completed


def withdraw_beginning(connection: Connection, notification: Notification, *, at: datetime) -> frozenset[str]:
    """Give up what waits to tell of the beginning of an alert that has ended; the receivers that never hear of it.

    A receiver that may have got the beginning, by a request without response, is none of them.
    """
    mine = (
        (outbox.c.state == EntryState.WAITING.value)
        & (outbox.c.status == NotificationStatus.FIRING.value)
        & is_of(notification)
    )
    withdrawn = connection.execute(select(outbox.c.id, outbox.c.receiver).where(mine)).all()
    for row in withdrawn:
        give_up(connection, row.id, at=at, error=_OUT_OF_DATE)
    unanswered = {
        receiver for receiver, *_ in unanswered_of(connection, [(notification.instance, notification.incident)])
    }
    return frozenset(row.receiver for row in withdrawn) - unanswered


def recently_resolved(connection: Connection, receiver: str, *, since: datetime) -> tuple[Notification, ...]:
    """The newest notification of each alert whose newest entry since then is its end, and was not given up."""
    newest = (
        select(func.max(outbox.c.id))
        .where((outbox.c.receiver == receiver) & (outbox.c.created_at >= since))
        .group_by(outbox.c.alert_key)
    )
    resolved = select(outbox.c.notification).where(
        outbox.c.id.in_(newest)
        & (outbox.c.status == NotificationStatus.RESOLVED.value)
        & (outbox.c.state != EntryState.DEAD.value)
    )
    return tuple(decode_notification(row.notification) for row in connection.execute(resolved.order_by(outbox.c.id)))


def is_of(notification: Notification) -> ColumnElement[bool]:
    """Whether an entry is of the same time that the same alert fired."""
    same = (outbox.c.instance == notification.instance) & (outbox.c.incident == notification.incident)
    return same & (outbox.c.starts_at == notification.starts_at)


def is_held(created_at: datetime, due_at: datetime) -> bool:
    """Whether an entry is held until its alert is confirmed."""
    # No entry is retried for months on its own.
    return due_at > created_at + _HELD / 2


def _heads(receiver: str, from_id: int) -> Select[tuple[object, ...]]:
    waiting = (outbox.c.receiver == receiver) & (outbox.c.state == EntryState.WAITING.value)
    first = select(func.min(outbox.c.id)).where(waiting).group_by(outbox.c.alert_key)
    return select(outbox).where(outbox.c.id.in_(first) & (outbox.c.id >= from_id))


def _held_at(at: datetime) -> ColumnElement[bool]:
    # Half of it: entries were held at any time since, and none waits for months on its own.
    return outbox.c.due_at > at + _HELD / 2


def _unless_held(due_at: datetime, at: datetime) -> ColumnElement[datetime]:
    """When an entry that was attempted is due; one that was held during the attempt stays held."""
    return case((_held_at(at), outbox.c.due_at), else_=literal(due_at, Moment))


def inherit_failing_since(connection: Connection, entry_id: int) -> None:
    """Let what waits behind an entry that was given up count its failures too, each from when it was made.

    Else the entries of a receiver that is away for days would be given up one after another, each a day later.
    """
    given_up = connection.execute(select(outbox).where(outbox.c.id == entry_id)).one_or_none()
    if given_up is None or given_up.failing_since is None:
        return
    since = literal(given_up.failing_since, Moment)
    behind = (
        (outbox.c.receiver == given_up.receiver)
        & (outbox.c.alert_key == given_up.alert_key)
        & (outbox.c.state == EntryState.WAITING.value)
        & outbox.c.failing_since.is_(None)
    )
    later = case((outbox.c.created_at > since, outbox.c.created_at), else_=since)
    connection.execute(update(outbox).where(behind).values(failing_since=later))


def _due(at: datetime) -> ColumnElement[bool]:
    return (outbox.c.due_at <= at) & or_(outbox.c.leased_until.is_(None), outbox.c.leased_until <= at)


def _settle(connection: Connection, entry_ids: Sequence[int], *, owner: str | None = None, **values: object) -> None:
    # A worker that outlived its lease may come late; what has ended stays ended.
    waiting = outbox.c.id.in_(entry_ids) & (outbox.c.state == EntryState.WAITING.value)
    if owner is not None:
        # And what another worker is sending by now stays leased to it: it would be sent a third time.
        waiting &= outbox.c.leased_by.is_(None) | (outbox.c.leased_by == owner)
    connection.execute(update(outbox).where(waiting).values(leased_until=None, leased_by=None, **values))


def _chunks(entry_ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (entry_ids[start : start + _AT_ONCE] for start in range(0, len(entry_ids), _AT_ONCE))


def _unreadable(error: Exception) -> str:
    return f"the stored notification cannot be read: {error!r}"


def _entry(row: Row[tuple[object, ...]]) -> OutboxEntry:
    return OutboxEntry(
        id=row.id,
        receiver=row.receiver,
        idempotency_key=row.idempotency_key,
        notification=decode_notification(row.notification),
        created_at=row.created_at,
        attempts=row.attempts,
        due_at=row.due_at,
        last_error=row.last_error,
        failing_since=row.failing_since,
        fallback_notified_at=row.fallback_notified_at,
        traceparent=row.traceparent,
    )
