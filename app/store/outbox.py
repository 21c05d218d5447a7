"""The outbox: what receivers are still to be told, written in the transaction of the tick that decided it.

An entry waits, is claimed by a lease, and ends as done or dead. For one receiver and one alert entries go out in the
order in which they came: an entry is not due before all earlier ones have ended.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Row,
    Select,
    String,
    Table,
    Text,
    UniqueConstraint,
    case,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from app.alerting import Notice, NoticeStatus
from app.store.moments import Moment
from app.store.notices import decode_notice, encode_notice
from app.store.schema import metadata
from app.store.unanswered import unanswered_of

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("receiver", String, nullable=False),
    Column("alert_key", String, nullable=False),
    Column("idempotency_key", String, nullable=False),
    Column("status", String, nullable=False),
    Column("notice", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("state", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("leased_until", Moment),
    Column("ended_at", Moment),
    Column("last_error", String),
    UniqueConstraint("receiver", "idempotency_key"),
    Index("outbox_by_receiver", "receiver", "state", "alert_key", "id"),
    Index("outbox_by_state", "state", "created_at"),
    Index("outbox_by_time", "receiver", "created_at"),
)

_HELD = timedelta(days=365)
_OUT_OF_DATE = "out of date: the alert ended while nothing was evaluated"
_AT_ONCE = 500
"""Entries in one statement: an outage of everything is a few statements, and none is too long."""


class EntryState(StrEnum):
    """Whether an entry still waits (claimed or not), was delivered, or was given up."""

    WAITING = "waiting"
    DONE = "done"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxEntry:
    """One notice for one receiver; *idempotency_key* stays the same over all attempts."""

    id: int
    receiver: str
    idempotency_key: str
    notice: Notice
    created_at: datetime
    attempts: int
    due_at: datetime
    last_error: str | None


def enqueue(connection: Connection, notices: Iterable[Notice], *, receivers: Sequence[str], at: datetime) -> int:
    """Put notices into the outbox of every receiver; how many entries are new.

    A slot that is stepped once more enqueues nothing twice. That an unconfirmed alert fires is held until
    `release_beginnings`: it may have got new labels before fresh data was seen.
    """
    rows = [
        {
            "receiver": receiver,
            "alert_key": notice.key,
            "idempotency_key": key,
            "status": notice.status.value,
            "notice": encoded,
            "created_at": at,
            "state": EntryState.WAITING.value,
            "attempts": 0,
            "due_at": at + _HELD if notice.unconfirmed and notice.status is NoticeStatus.FIRING else at,
        }
        for notice, key, encoded in ((notice, idempotency_key(notice), encode_notice(notice)) for notice in notices)
        for receiver in receivers
    ]
    if not rows:
        return 0
    statement = upsert(outbox).on_conflict_do_nothing(index_elements=["receiver", "idempotency_key"])
    return connection.execute(statement, rows).rowcount


def idempotency_key(notice: Notice) -> str:
    """What tells receivers that two deliveries are one: the same for every attempt, another for every change."""
    changed_at = notice.ends_at or notice.starts_at
    text = f"{notice.instance}\n{notice.incident}\n{notice.status}\n{changed_at.isoformat()}"
    return blake2b(text.encode(), digest_size=16).hexdigest()


def claim(
    connection: Connection, receiver: str, *, at: datetime, lease: timedelta, limit: int = 256
) -> tuple[OutboxEntry, ...]:
    """Lease the oldest waiting entry of every alert that is due, oldest first.

    Two workers that claim at once share the entries; none is leased to both.
    """
    heads = connection.execute(_heads(receiver).where(_due(at)).order_by(outbox.c.id).limit(limit)).all()
    mine: set[int] = set()
    for some in _chunks([row.id for row in heads]):
        leased = update(outbox).where(outbox.c.id.in_(some) & _due(at)).values(leased_until=at + lease)
        mine.update(connection.execute(leased.returning(outbox.c.id)).scalars())
    claimed = []
    for row in heads:
        if row.id in mine:
            try:
                claimed.append(_entry(row))
            except (LookupError, TypeError, ValueError) as error:
                # One row that nobody can read must not hold up all others for ever.
                bury(connection, row.id, at=at, error=_unreadable(error))
    return tuple(claimed)


def release(connection: Connection) -> int:
    """End all leases, since nobody works on any entry; how many there were."""
    leased = (outbox.c.state == EntryState.WAITING.value) & outbox.c.leased_until.is_not(None)
    return connection.execute(update(outbox).where(leased).values(leased_until=None)).rowcount


def next_due(connection: Connection, receiver: str) -> datetime | None:
    """When the next entry of a receiver becomes due, lease included; None if none waits."""
    heads = _heads(receiver).subquery()
    free_at = case((heads.c.leased_until > heads.c.due_at, heads.c.leased_until), else_=heads.c.due_at)
    return connection.execute(select(func.min(free_at, type_=Moment))).scalar()


def waiting(connection: Connection, receiver: str, *, limit: int = 1000) -> tuple[OutboxEntry, ...]:
    """What waits for a receiver, claimed or not, oldest first; what nobody can read is left out."""
    mine = (outbox.c.receiver == receiver) & (outbox.c.state == EntryState.WAITING.value)
    found = []
    for row in connection.execute(select(outbox).where(mine).order_by(outbox.c.id).limit(limit)):
        with suppress(LookupError, TypeError, ValueError):
            found.append(_entry(row))
    return tuple(found)


def mark_done(connection: Connection, entry_ids: Iterable[int], *, at: datetime) -> None:
    """Entries were delivered."""
    for some in _chunks(list(entry_ids)):
        _settle(connection, some, state=EntryState.DONE.value, ended_at=at, attempts=outbox.c.attempts + 1)


def retry_at(connection: Connection, entry_id: int, due_at: datetime, *, error: str) -> None:
    """An attempt has failed; the next is due then."""
    _settle(connection, [entry_id], due_at=due_at, attempts=outbox.c.attempts + 1, last_error=error)


def hold_until(connection: Connection, entry_id: int, due_at: datetime) -> None:
    """An entry must wait for a good reason; that is no failed attempt."""
    _settle(connection, [entry_id], due_at=due_at)


def bury(connection: Connection, entry_id: int, *, at: datetime, error: str) -> None:
    """Give an entry up: it becomes a dead letter, and the next of its alert may go."""
    _settle(
        connection,
        [entry_id],
        state=EntryState.DEAD.value,
        ended_at=at,
        attempts=outbox.c.attempts + 1,
        last_error=error,
    )


def waiting_for_strangers(
    connection: Connection, receivers: Collection[str], *, at: datetime
) -> tuple[OutboxEntry, ...]:
    """What waits for receivers other than these, oldest first; what nobody can read is given up."""
    strangers = (outbox.c.state == EntryState.WAITING.value) & outbox.c.receiver.not_in(receivers)
    found = []
    for row in connection.execute(select(outbox).where(strangers).order_by(outbox.c.id)).all():
        try:
            found.append(_entry(row))
        except (LookupError, TypeError, ValueError) as error:
            bury(connection, row.id, at=at, error=_unreadable(error))
    return tuple(found)


def load_addressed(connection: Connection, entry_id: int) -> tuple[str, Notice] | None:
    """The receiver and the notice of an entry; None if there is no such entry, or nobody can read it."""
    row = connection.execute(select(outbox.c.receiver, outbox.c.notice).where(outbox.c.id == entry_id)).one_or_none()
    try:
        return None if row is None else (row.receiver, decode_notice(row.notice))
    except (LookupError, TypeError, ValueError):
        return None


def ends_waiting(connection: Connection, receiver: str, notice: Notice) -> tuple[Notice, ...]:
    """What waits to tell a receiver that the alert of this incident is over."""
    mine = (
        (outbox.c.receiver == receiver)
        & (outbox.c.state == EntryState.WAITING.value)
        & (outbox.c.alert_key == notice.key)
        & (outbox.c.status == NoticeStatus.RESOLVED.value)
    )
    found = []
    for row in connection.execute(select(outbox.c.notice).where(mine).order_by(outbox.c.id)):
        with suppress(LookupError, TypeError, ValueError):
            found.append(decode_notice(row.notice))
    return tuple(end for end in found if _is_of(end, notice))


def told_of(
    connection: Connection, notice: Notice, *, receivers: Iterable[str], status: NoticeStatus = NoticeStatus.FIRING
) -> tuple[str, ...]:
    """Those of *receivers* that have been, or will be, told that the alert fires, or is over.

    That is, this time and with these labels: an alert whose labels were changed is another one to them.
    """
    mine = (
        outbox.c.receiver.in_(tuple(receivers))
        & outbox.c.state.in_(tuple(EntryState))
        & (outbox.c.alert_key == notice.key)
        & (outbox.c.status == status.value)
    )
    rows = connection.execute(select(outbox.c.receiver, outbox.c.notice).where(mine).order_by(outbox.c.id)).all()
    incident = f'"incident":"{notice.incident}"'
    told: dict[str, None] = {}
    for row in rows:
        with suppress(LookupError, TypeError, ValueError):
            if incident in row.notice and _is_of(decode_notice(row.notice), notice):
                told[row.receiver] = None
    return tuple(told)


def oldest_waiting(connection: Connection) -> datetime | None:
    """When the oldest entry that still waits was made; None if none does."""
    waiting = outbox.c.state == EntryState.WAITING.value
    return connection.execute(select(func.min(outbox.c.created_at, type_=Moment)).where(waiting)).scalar()


def hold_beginnings(connection: Connection, *, at: datetime) -> int:
    """Hold what waits to tell receivers that alerts fire, until it is confirmed or withdrawn; how many there were.

    Where the end of the alert waits too, both are given up: it is over, and the receiver was never told of it. One that
    may have been, by a request without response, gets the end.
    """
    waiting = select(outbox).where(outbox.c.state == EntryState.WAITING.value).order_by(outbox.c.id)
    entries = []
    for row in connection.execute(waiting).all():
        with suppress(LookupError, TypeError, ValueError):
            entries.append(_entry(row))
    ended = {_told_to(entry) for entry in entries if entry.notice.status is NoticeStatus.RESOLVED}
    begun = {_told_to(entry) for entry in entries if entry.notice.status is NoticeStatus.FIRING}
    unanswered = unanswered_of(connection, [entry.notice for entry in entries])
    held = 0
    for entry in entries:
        if _told_to(entry) in ended & begun:
            if entry.notice.status is NoticeStatus.RESOLVED and _alert_at(entry) in unanswered:
                continue
            bury(connection, entry.id, at=at, error=_OUT_OF_DATE)
        elif _told_to(entry) in begun:
            hold_until(connection, entry.id, at + _HELD)
            held += 1
    return held


def release_beginnings(connection: Connection, notices: Iterable[Notice], *, at: datetime) -> None:
    """Let the beginnings of alerts go that were held, since *notices* confirm that they fire."""
    held = (
        (outbox.c.state == EntryState.WAITING.value)
        & (outbox.c.status == NoticeStatus.FIRING.value)
        & (outbox.c.due_at > at + _HELD / 2)
    )
    keys = set(connection.execute(select(outbox.c.alert_key).where(held)).scalars())
    confirmed = {notice.key for notice in notices if not notice.unconfirmed} & keys
    for key in confirmed:
        connection.execute(update(outbox).where(held & (outbox.c.alert_key == key)).values(due_at=at))


def withdraw_beginning(connection: Connection, notice: Notice, *, at: datetime) -> frozenset[str]:
    """Give up what waits to tell of the beginning of an alert that has ended; the receivers that never hear of it.

    A receiver that may have got the beginning, by a request without response, is none of them.
    """
    mine = (
        (outbox.c.state == EntryState.WAITING.value)
        & (outbox.c.status == NoticeStatus.FIRING.value)
        & (outbox.c.alert_key == notice.key)
    )
    withdrawn = set()
    unanswered = unanswered_of(connection, [notice])
    for row in connection.execute(select(outbox).where(mine)).all():
        with suppress(LookupError, TypeError, ValueError):
            entry = _entry(row)
            if _is_of(entry.notice, notice):
                bury(connection, entry.id, at=at, error=_OUT_OF_DATE)
                if _alert_at(entry) not in unanswered:
                    withdrawn.add(entry.receiver)
    return frozenset(withdrawn)


def recently_resolved(connection: Connection, receiver: str, *, since: datetime) -> tuple[Notice, ...]:
    """The newest notice of every alert whose newest entry since then says that it is over, and was not given up."""
    newest = (
        select(func.max(outbox.c.id))
        .where((outbox.c.receiver == receiver) & (outbox.c.created_at >= since))
        .group_by(outbox.c.alert_key)
    )
    resolved = select(outbox.c.notice).where(
        outbox.c.id.in_(newest)
        & (outbox.c.status == NoticeStatus.RESOLVED.value)
        & (outbox.c.state != EntryState.DEAD.value)
    )
    return tuple(decode_notice(row.notice) for row in connection.execute(resolved.order_by(outbox.c.id)))


def prune_outbox(connection: Connection, *, before: datetime) -> int:
    """Delete entries that ended before a time; how many there were."""
    ended = (outbox.c.state != EntryState.WAITING.value) & (outbox.c.ended_at < before)
    return connection.execute(delete(outbox).where(ended)).rowcount


def _told_to(entry: OutboxEntry) -> tuple[str, tuple[str, str, datetime]]:
    return entry.receiver, _occurrence(entry.notice)


def _alert_at(entry: OutboxEntry) -> tuple[str, str, str]:
    return entry.receiver, entry.notice.instance, entry.notice.incident


def _is_of(one: Notice, other: Notice) -> bool:
    return _occurrence(one) == _occurrence(other)


def _occurrence(notice: Notice) -> tuple[str, str, datetime]:
    """One time that the alert fires, from its beginning to its end: within one incident it may fire again."""
    return notice.instance, notice.incident, notice.starts_at


def _heads(receiver: str) -> Select[tuple[object, ...]]:
    waiting = (outbox.c.receiver == receiver) & (outbox.c.state == EntryState.WAITING.value)
    first = select(func.min(outbox.c.id)).where(waiting).group_by(outbox.c.alert_key)
    return select(outbox).where(outbox.c.id.in_(first))


def _due(at: datetime) -> ColumnElement[bool]:
    return (outbox.c.due_at <= at) & or_(outbox.c.leased_until.is_(None), outbox.c.leased_until <= at)


def _settle(connection: Connection, entry_ids: Sequence[int], **values: object) -> None:
    # A worker that outlived its lease may come late; what has ended stays ended.
    waiting = outbox.c.id.in_(entry_ids) & (outbox.c.state == EntryState.WAITING.value)
    connection.execute(update(outbox).where(waiting).values(leased_until=None, **values))


def _chunks(entry_ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (entry_ids[start : start + _AT_ONCE] for start in range(0, len(entry_ids), _AT_ONCE))


def _unreadable(error: Exception) -> str:
    return f"the stored notice cannot be read: {error!r}"


def _entry(row: Row[tuple[object, ...]]) -> OutboxEntry:
    return OutboxEntry(
        id=row.id,
        receiver=row.receiver,
        idempotency_key=row.idempotency_key,
        notice=decode_notice(row.notice),
        created_at=row.created_at,
        attempts=row.attempts,
        due_at=row.due_at,
        last_error=row.last_error,
    )
