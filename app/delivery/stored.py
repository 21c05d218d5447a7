"""The deliveries that lie in the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from typing_extensions import override

from app.alerting import Notice
from app.delivery.backoff import Bury, Done, Ending, HoldUntil, RetryAt
from app.delivery.ports import Deliveries
from app.store import Database
from app.store.alerts import load_in_force
from app.store.outbox import (
    OutboxEntry,
    bury,
    claim,
    hold_until,
    mark_done,
    next_due,
    oldest_waiting,
    recently_resolved,
    retry_at,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDeliveries(Deliveries):
    """The outbox and the alerts of one database.

    Attributes:
        database: where they lie.
        lease: longer than any attempt; a claimed entry whose worker has died is claimed again after it.
        repeat_resolved: how long the end of an alert is repeated.
    """

    database: Database
    lease: timedelta = timedelta(seconds=30)
    repeat_resolved: timedelta = timedelta(minutes=15)

    @override
    def claim(self, receiver: str, *, at: datetime) -> Sequence[OutboxEntry]:
        # A look without the write lock first: nearly always nothing is due, and ticks need that lock.
        due_at = self.next_due(receiver)
        if due_at is None or due_at > at:
            return ()
        with self.database.begin() as tx:
            return claim(tx, receiver, at=at, lease=self.lease)

    @override
    def settle(self, endings: Mapping[int, Ending], *, at: datetime) -> None:
        with self.database.begin() as tx:
            for entry_id, ending in endings.items():
                match ending:
                    case Done():
                        mark_done(tx, [entry_id], at=at)
                    case HoldUntil(due_at=due_at):
                        hold_until(tx, entry_id, due_at)
                    case RetryAt(due_at=due_at, error=error):
                        retry_at(tx, entry_id, due_at, error=error)
                    case Bury(error=error):
                        bury(tx, entry_id, at=at, error=error)

    @override
    def next_due(self, receiver: str) -> datetime | None:
        with self.database.read() as tx:
            return next_due(tx, receiver)

    @override
    def oldest_waiting(self) -> datetime | None:
        with self.database.read() as tx:
            return oldest_waiting(tx)

    @override
    def picture(self, receiver: str, *, at: datetime) -> Sequence[Notice]:
        with self.database.read() as tx:
            in_force = load_in_force(tx)
            resolved = recently_resolved(tx, receiver, since=at - self.repeat_resolved)
        firing = {notice.key for notice in in_force}
        return (*in_force, *(notice for notice in resolved if notice.key not in firing))
