"""Entries go out once, in order, and whatever happens to them is written down."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import func, select, text
from typing_extensions import override

from app.alerting import RECEIVER_REMOVED, REROUTED, Notification, resolve
from app.store import Database, Transaction, open_database
from app.store.dead_letters import dead_letters, requeue_dead_letter
from app.store.deliveries import prune_outbox
from app.store.outbox import (
    claim,
    complete_waiting,
    defer_until,
    enqueue,
    give_up,
    go_back,
    hold_beginnings,
    idempotency_key,
    mark_done,
    next_due,
    oldest_waiting,
    outbox,
    recently_resolved,
    release,
    retry_at,
    waiting,
)
from tests.support.notifications import START, firing, resolved

LEASE = timedelta(seconds=30)
MINUTE = timedelta(minutes=1)


def _put(
    database: Database, *notifications: Notification, receivers: tuple[str, ...] = ("am",), at: datetime = START
) -> int:
    """Put notifications into the outbox; how many entries are new."""
    with database.begin() as tx:
        before = _entries(tx)
        enqueue(tx, notifications, receivers=receivers, at=at)
        return _entries(tx) - before


def _entries(tx: Transaction) -> int:
    return tx.execute(select(func.count()).select_from(outbox)).scalar_one()


def test_every_receiver_has_an_entry_of_its_own(database: Database) -> None:
    assert _put(database, firing(), receivers=("am", "pager")) == 2
    with database.begin() as tx:
        (entry,) = claim(tx, "pager", owner="a worker", at=START, lease=LEASE)
    assert (entry.receiver, entry.notification, entry.attempts) == ("pager", firing(), 0)


def test_nothing_waits_for_a_time_that_a_clock_showed_while_it_was_ahead(database: Database) -> None:
    """A page that was enqueued, claimed or attempted by a clock six hours ahead is due once that is set back."""
    ahead, at = START + 6 * 60 * MINUTE, START + MINUTE
    for slo in ("attempted", "claimed", "held"):
        _put(database, replace(firing(slo), unconfirmed=slo == "held"), at=ahead)
    with database.begin() as tx:
        attempted, claimed = claim(tx, "am", owner="a worker", at=ahead, lease=LEASE)
        retry_at(tx, attempted.id, ahead + 5 * MINUTE, at=ahead, error="refused")
        go_back(tx, at=at)
        (due,) = claim(tx, "am", owner="a worker", at=at, lease=LEASE)
        assert (due.id, due.failing_since) == (attempted.id, at)
        (due,) = claim(tx, "am", owner="another one", at=at + LEASE, lease=LEASE, from_id=claimed.id)
        assert due.id == claimed.id
        assert [entry.held for entry in waiting(tx, "am")] == [False, False, True]


def test_a_slot_that_is_stepped_again_enqueues_nothing_twice(database: Database) -> None:
    _put(database, firing())
    assert _put(database, firing()) == 0


def test_an_entry_is_claimed_once(database: Database) -> None:
    _put(database, firing())
    with database.begin() as tx:
        assert len(claim(tx, "am", owner="a worker", at=START, lease=LEASE)) == 1
        assert claim(tx, "am", owner="a worker", at=START, lease=LEASE) == ()
        assert next_due(tx, "am") == START + LEASE


def test_what_a_process_had_claimed_that_is_no_more_is_due_at_once_when_released(database: Database) -> None:
    """What is due later for other reasons stays so, and what has ended stays ended."""
    _put(database, firing(), firing(slo="shop-latency"), firing(slo="shop-mail"))
    with database.begin() as tx:
        first, failed, done = claim(tx, "am", owner="the dead", at=START, lease=LEASE)
        retry_at(tx, failed.id, START + MINUTE, at=START, error="503")
        mark_done(tx, [done.id], at=START)
        assert release(tx, living=["the dead", "the living"]) == 0
        assert claim(tx, "am", owner="the living", at=START, lease=LEASE) == ()
        assert release(tx, living=["the living"]) == 1
        (again,) = claim(tx, "am", owner="the living", at=START, lease=LEASE)
    assert (again.id, again.idempotency_key) == (first.id, first.idempotency_key)


def test_what_waits_is_completed_and_what_is_being_sent_is_left_alone(database: Database) -> None:
    begun = firing()
    known = replace(begun, top_contributors='route="/pay": 82% of the errors')
    _put(database, begun, receivers=("am", "chat"))
    with database.begin() as tx:
        (sent,) = claim(tx, "am", owner="a", at=START, lease=LEASE)
        assert complete_waiting(tx, [known], at=START) == 1
        (completed,) = claim(tx, "chat", owner="a", at=START, lease=LEASE)
    assert (sent.notification, completed.notification) == (begun, known)
    assert sent.idempotency_key == completed.idempotency_key


def test_an_end_has_one_key_in_whichever_slot_a_replica_sees_it() -> None:
    """Not at one receiver only: there the alert may fire again and end again."""
    minute, more = timedelta(minutes=1), timedelta(minutes=9)
    assert idempotency_key(resolved(after=minute)) == idempotency_key(resolved(after=more))
    assert idempotency_key(resolved()) != idempotency_key(resolved(starts_at=START + minute))
    for end in (REROUTED, RECEIVER_REMOVED):
        there = {idempotency_key(resolve(firing(), at=START + after, end=end)) for after in (minute, more)}
        assert len(there | {idempotency_key(firing()), idempotency_key(resolved())}) == 4


def test_an_entry_whose_worker_died_is_claimed_again_under_the_same_key(database: Database) -> None:
    _put(database, firing())
    with database.begin() as tx:
        (first,) = claim(tx, "am", owner="a worker", at=START, lease=LEASE)
        (second,) = claim(tx, "am", owner="a worker", at=START + LEASE, lease=LEASE)
    assert first.idempotency_key == second.idempotency_key == idempotency_key(firing())


def test_a_resolve_waits_for_its_trigger(database: Database) -> None:
    _put(database, firing(), resolved(), firing("other"))
    with database.begin() as tx:
        first = claim(tx, "am", owner="a worker", at=START, lease=LEASE)
        assert [entry.notification for entry in first] == [firing(), firing("other")]
        retry_at(tx, first[0].id, START + MINUTE, at=START, error="refused")
        assert claim(tx, "am", owner="a worker", at=START + LEASE / 2, lease=LEASE) == ()
        again, _ = claim(tx, "am", owner="a worker", at=START + MINUTE, lease=LEASE)
        assert (again.notification, again.attempts, again.last_error) == (firing(), 1, "refused")
        mark_done(tx, [again.id], at=START + MINUTE)
        (end,) = claim(tx, "am", owner="a worker", at=START + MINUTE, lease=LEASE)
        assert end.notification == resolved()


def test_a_held_entry_has_no_attempt_behind_it(database: Database) -> None:
    _put(database, firing())
    with database.begin() as tx:
        (entry,) = claim(tx, "am", owner="a worker", at=START, lease=LEASE)
        defer_until(tx, entry.id, START + MINUTE, at=START)
        assert next_due(tx, "am") == START + MINUTE
        assert claim(tx, "am", owner="a worker", at=START + MINUTE, lease=LEASE)[0].attempts == 0


def test_a_dead_letter_blocks_nobody_can_be_seen_and_retried(database: Database) -> None:
    _put(database, firing(), resolved())
    with database.begin() as tx:
        (entry,) = claim(tx, "am", owner="a worker", at=START, lease=LEASE)
        give_up(tx, entry.id, at=START, error="400: bad label")
        (dead,) = dead_letters(tx)
        assert (dead.alert_key, dead.status, dead.error) == (firing().key, "firing", "400: bad label")
        assert claim(tx, "am", owner="a worker", at=START, lease=LEASE)[0].notification == resolved()
        assert not requeue_dead_letter(tx, dead.id, at=START), "the end is under way"
        assert requeue_dead_letter(tx, dead.id, at=START + LEASE)
        assert not requeue_dead_letter(tx, dead.id, at=START + LEASE)
        assert claim(tx, "am", owner="a worker", at=START + LEASE, lease=LEASE)[0].notification == firing()


@pytest.mark.parametrize("damaged", ["{}", "null", "[1]", '"{}"', "not JSON"])
def test_an_entry_that_cannot_be_read_is_given_up_and_holds_up_no_other(database: Database, damaged: str) -> None:
    _put(database, firing(), firing("other"))
    with database.begin() as tx:
        if tx.dialect.name == "postgresql" and damaged == "not JSON":
            # PostgreSQL lets nobody write that.
            damaged = "{}"
        tx.execute(text("UPDATE outbox SET notification = :damaged WHERE id = 1"), {"damaged": damaged})
        assert [entry.notification for entry in claim(tx, "am", owner="a worker", at=START, lease=LEASE)] == [
            firing("other")
        ]
        assert "cannot be read" in dead_letters(tx)[0].error


def test_after_a_time_without_evaluations_beginnings_are_held_and_what_is_over_is_given_up(database: Database) -> None:
    """The end of an alert of which the receiver was notified goes out."""
    _put(database, firing("told"))
    with database.begin() as tx:
        (told,) = claim(tx, "am", owner="a worker", at=START, lease=LEASE)
        mark_done(tx, [told.id], at=START)
    _put(database, resolved("told"), firing("over"), resolved("over"), firing("held"))
    _put(database, firing("held"), receivers=("pager",))
    with database.begin() as tx:
        assert hold_beginnings(tx, at=START) == 2
        assert {letter.alert_key for letter in dead_letters(tx)} == {"over/page"}
        assert [entry.notification.slo for entry in waiting(tx, "am")] == ["told", "held"]
        assert [entry.notification.slo for entry in waiting(tx, "pager")] == ["held"]
        assert [entry.notification.slo for entry in claim(tx, "am", owner="x", at=START, lease=LEASE)] == ["told"]


def test_the_oldest_waiting_entry_tells_the_age_of_the_outbox(database: Database) -> None:
    _put(database, firing())
    _put(database, firing("other"), at=START + MINUTE)
    with database.begin() as tx:
        assert oldest_waiting(tx) == START
        (entry, _) = claim(tx, "am", owner="a worker", at=START + MINUTE, lease=LEASE)
        mark_done(tx, [entry.id], at=START + MINUTE)
        assert oldest_waiting(tx) == START + MINUTE


def test_an_empty_outbox_is_not_due(database: Database) -> None:
    with database.read() as tx:
        assert next_due(tx, "am") is None
        assert oldest_waiting(tx) is None


def test_only_the_newest_word_on_an_alert_counts_as_resolved(database: Database) -> None:
    later = START + timedelta(minutes=6)
    _put(database, firing("a"), resolved("a"), firing("b"), resolved("b"), at=START)
    _put(database, firing("b", starts_at=later), at=later)
    with database.read() as tx:
        assert recently_resolved(tx, "am", since=START) == (resolved("a"),)
        assert recently_resolved(tx, "am", since=START + MINUTE) == ()
        assert recently_resolved(tx, "pager", since=START) == ()


def test_what_ended_long_ago_is_pruned_and_what_waits_is_not(database: Database) -> None:
    _put(database, firing("a"), firing("b"), firing("c"))
    with database.begin() as tx:
        first, second, _ = claim(tx, "am", owner="a worker", at=START, lease=LEASE)
        mark_done(tx, [first.id], at=START)
        give_up(tx, second.id, at=START + MINUTE, error="no")
        assert prune_outbox(tx, before=START + MINUTE) == 1
        assert [dead.id for dead in dead_letters(tx)] == [second.id]
        assert oldest_waiting(tx) == START


class OutboxMachine(RuleBasedStateMachine):
    """Whatever workers do and whenever they die, each alert's entries end in the order in which they came."""

    @initialize()
    def start(self) -> None:
        self.database = open_database("sqlite://")
        self.at = START
        self.put: dict[str, list[str]] = {}
        self.ended: dict[str, list[str]] = {}
        self.claimed: list[tuple[int, str, str, datetime]] = []

    @rule(slo=st.sampled_from(["a", "b", "c"]))
    def tell(self, slo: str) -> None:
        notification = firing(slo, starts_at=self.at)
        if idempotency_key(notification) not in self.put.setdefault(slo, []):
            self.put[slo].append(idempotency_key(notification))
            assert _put(self.database, notification, at=self.at) == 1

    @rule(limit=st.integers(min_value=1, max_value=3))
    def take(self, limit: int) -> None:
        with self.database.begin() as tx:
            for entry in claim(tx, "am", owner="a worker", at=self.at, lease=LEASE, limit=limit):
                live = [one for one in self.claimed if one[0] == entry.id and one[3] > self.at]
                assert not live
                self.claimed.append((entry.id, entry.notification.slo, entry.idempotency_key, self.at + LEASE))

    @precondition(lambda self: self.claimed)
    @rule(success=st.booleans(), data=st.data())
    def finish(self, *, success: bool, data: st.DataObject) -> None:
        number = data.draw(st.integers(min_value=0, max_value=len(self.claimed) - 1))
        entry_id, slo, key, until = self.claimed.pop(number)
        if until <= self.at:
            return  # its worker has died
        with self.database.begin() as tx:
            if success:
                mark_done(tx, [entry_id], at=self.at)
                self.ended.setdefault(slo, []).append(key)
            else:
                retry_at(tx, entry_id, self.at + LEASE, at=self.at, error="refused")

    @rule(seconds=st.integers(min_value=1, max_value=40))
    def wait(self, seconds: int) -> None:
        self.at += timedelta(seconds=seconds)

    @invariant()
    def in_order(self) -> None:
        for slo, keys in getattr(self, "ended", {}).items():
            assert keys == self.put[slo][: len(keys)]

    @override
    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.database.close()


TestOutboxMachine = OutboxMachine.TestCase
TestOutboxMachine.settings = settings(stateful_step_count=30)


def test_a_worker_that_outlived_its_lease_changes_nothing_of_what_another_sends_by_now(database: Database) -> None:
    with database.begin() as tx:
        enqueue(tx, [firing("a")], receivers=["am"], at=START)
        (entry,) = claim(tx, "am", owner="frozen", at=START, lease=LEASE)
        (again,) = claim(tx, "am", owner="other", at=START + LEASE, lease=LEASE)
        assert again.id == entry.id
        retry_at(tx, entry.id, START, at=START + LEASE, error="timeout", owner="frozen")
        defer_until(tx, entry.id, START, at=START + LEASE, owner="frozen")
        assert claim(tx, "am", owner="third", at=START + LEASE, lease=LEASE) == ()
        retry_at(tx, entry.id, START, at=START + LEASE, error="timeout", owner="other")
        assert len(claim(tx, "am", owner="third", at=START + LEASE, lease=LEASE)) == 1


def test_a_replica_holds_and_sets_back_only_what_is_its_own(database: Database) -> None:
    """A label value may look like the end of a key."""
    mine = {"a-availability", "b-availability:route=/page/ticket"}
    others = ("c-availability", "a-availability-too")
    _put(database, *(firing(slo) for slo in (*mine, *others)), at=START + MINUTE)

    def due() -> dict[str, datetime]:
        with database.read() as tx:
            return {entry.notification.slo: entry.due_at for entry in waiting(tx, "am")}

    with database.begin() as tx:
        go_back(tx, at=START, owns=mine.__contains__)
    assert due() == {**dict.fromkeys(mine, START), **dict.fromkeys(others, START + MINUTE)}
    with database.begin() as tx:
        assert hold_beginnings(tx, at=START, owns=mine.__contains__) == 2
    assert {slo for slo, at in due().items() if at > START + MINUTE} == mine
