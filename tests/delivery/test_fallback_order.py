"""Whatever fails and when: every page reaches every receiver once and in order, and all of it is stored in the end."""

import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection
from typing_extensions import override

from app.alerting import Notification, NotificationStatus, Routing
from app.delivery import FailureReason, FallbackMemory, FallbackOutbox, StoredOutbox
from app.delivery.endings import Done, EntryResult, GiveUp, RetryAt
from app.store import Database, StoreError, StoreUnavailableError, open_database_in_memory
from app.store.outbox import OutboxEntry, idempotency_key
from app.store.outbox_copies import receivers_with_entries
from app.store.recipients import enqueue_routed
from tests.support.notifications import START, firing, resolved
from tests.support.soak import SOAK

ROUTING = Routing(always=("am", "chat"), fallbacks={"chat": "mail"}, fallback_after={"chat": timedelta(minutes=1)})
RECEIVERS = ("am", "chat", "mail")
SLOS = ("a", "b", "c")


class Failing(Database):
    """A database that cannot be written or read at times."""

    def __init__(self, opened: Database) -> None:
        super().__init__(opened._backend, shares_connection=True)
        self.writable = self.readable = True

    @contextmanager
    @override
    def begin(self) -> Iterator[Connection]:
        if not self.writable:
            raise StoreUnavailableError("disk full")
        with super().begin() as tx:
            yield tx

    @contextmanager
    @override
    def read(self) -> Iterator[Connection]:
        if not self.readable:
            raise StoreUnavailableError("no such file")
        with super().read() as tx:
            yield tx


class Play:
    """Evaluations that decide, and receivers that accept, fail or reject, on a database that fails."""

    def __init__(self, database: Failing, seed: int) -> None:
        self.random = random.Random(seed)
        self.database = database
        self.stored = StoredOutbox(database=database, routing=ROUTING)
        self.memory = open_database_in_memory()
        self.outbox = FallbackOutbox(self.stored, memory=FallbackMemory(database=self.memory))
        self.at = START + timedelta(hours=1)
        self.fires: dict[str, datetime] = {}
        self.unwritten: list[Notification] = []
        self.decided: dict[str, Notification] = {}
        self.accepted: defaultdict[str, list[str]] = defaultdict(list)
        self.given_up: list[str] = []

    def evaluate(self) -> None:
        """One evaluation, which may decide something and may not be written."""
        name = self.random.choice(SLOS)
        if self.random.random() < 0.6:
            if name in self.fires:
                starts_at = self.fires.pop(name)
                decided = resolved(name, starts_at=starts_at, after=self.at - starts_at)
            else:
                self.fires[name] = self.at
                decided = firing(name, starts_at=self.at)
            self.decided[idempotency_key(decided)] = decided
            self.unwritten.append(decided)
        self._write()

    def _write(self) -> None:
        with suppress(StoreError):
            with self.database.begin() as tx:
                for one in self.unwritten:
                    enqueue_routed(tx, one, ROUTING, at=self.at)
            self.unwritten = []
        if self.random.random() < 0.3:
            # Receivers do not wait for the evaluation to hand over.
            self.deliver(self.random.choice(RECEIVERS), fails=0.3)
        self.outbox.hold(tuple(self.unwritten), at=self.at)

    def deliver(self, receiver: str, *, fails: float) -> None:
        """One pass of a receiver."""
        entries = self.outbox.claim(receiver, at=self.at)
        assert len({entry.notification.key for entry in entries}) == len(entries)
        if self.random.random() < fails:
            self.database.writable = not self.database.writable
        self.outbox.settle({entry.id: self._result(receiver, entry, fails) for entry in entries}, at=self.at)

    def _result(self, receiver: str, entry: OutboxEntry, fails: float) -> EntryResult:
        if self.random.random() < fails:
            return RetryAt(due_at=self.at + timedelta(seconds=self.random.randrange(40)), error="503")
        if receiver == "chat" and self.random.random() < fails:
            self.given_up.append(entry.idempotency_key)
            return GiveUp(reason=FailureReason.REJECTED, error="404")
        self.accepted[receiver].append(entry.idempotency_key)
        return Done()

    def run(self, *, unreadable: float) -> None:
        """Forty evaluations; *unreadable* is how often a database that cannot be written cannot be read either."""
        for _ in range(40):
            self.at += timedelta(seconds=self.random.randrange(1, 40))
            if self.random.random() < 0.3:
                self.database.writable = self.random.random() < 0.5
            self.database.readable = self.database.writable or self.random.random() >= unreadable
            self.evaluate()
            for receiver in self.random.sample(RECEIVERS, k=2):
                self.deliver(receiver, fails=0.3)

    def end(self) -> None:
        """The database works again, and so do receivers."""
        for _ in range(8):
            self.database.writable = self.database.readable = True
            self.at += timedelta(seconds=61)
            self._write()
            for receiver in RECEIVERS:
                self.deliver(receiver, fails=0.0)


@pytest.fixture
def database() -> Iterator[Failing]:
    # In memory: there are thousands of transactions, each of which would wait for the disk.
    opened = Failing(open_database_in_memory())
    yield opened
    opened.close()


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(SOAK))
def test_every_page_reaches_every_receiver_once_and_in_order(database: Failing, seed: int) -> None:
    play = Play(database, seed)
    play.run(unreadable=0.0)
    play.end()
    _check_delivered_once(play)
    decided = list(play.decided)
    for receiver in RECEIVERS:
        for name in SLOS:
            assert len(play.accepted[receiver]) == len(set(play.accepted[receiver]))
            order = [decided.index(key) for key in play.accepted[receiver] if play.decided[key].slo == name]
            assert order == sorted(order)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(SOAK))
def test_every_page_reaches_every_receiver_once_though_nothing_can_be_read(database: Failing, seed: int) -> None:
    """What was stored is not known meanwhile: a later incident may be sent first, and an end to the fallback twice."""
    play = Play(database, seed)
    play.run(unreadable=0.4)
    play.end()
    _check_delivered_once(play)


def _check_delivered_once(play: Play) -> None:
    """All that was decided was accepted once, or given up and accepted by the fallback; nothing waits any more."""
    decided = sorted(play.decided)
    assert sorted(play.accepted["am"]) == decided
    assert sorted(play.accepted["chat"] + play.given_up) == decided
    begun = [key for key in play.accepted["mail"] if play.decided[key].status is NotificationStatus.FIRING]
    assert len(begun) == len(set(begun))
    assert set(play.given_up) <= set(play.accepted["mail"])
    assert (play.outbox.oldest_waiting(), play.stored.oldest_waiting()) == (None, None)
    with play.memory.read() as tx:
        assert receivers_with_entries(tx) == frozenset()
