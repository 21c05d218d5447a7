"""Outbox in a database: routes, fallbacks, receivers that are gone, messages."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from app.alerting import Alert, Notification, Notified, Route, Routing
from app.delivery import Backoff, DeliveryLoop, DeliveryTiming, FallbackMessageRefs, StoredMessageRefs, StoredOutbox
from app.delivery.endings import Done, GiveUp, RetryAt
from app.delivery.outcome import Failed, FailureReason, Rejected
from app.integrations import StoredAlertsToRepeat
from app.replicas import SERVICE_SHARD, LeaseTerm
from app.slo import AlertState, Severity
from app.store import Database, open_database
from app.store.alerts import save_alerts
from app.store.dead_letters import dead_letters, requeue_dead_letter
from app.store.messages import MessageRef
from app.store.outbox import (
    claim,
    enqueue,
    give_up,
    hold_beginnings,
    mark_done,
    oldest_waiting,
    outbox,
    release_beginnings,
    waiting,
    withdraw_beginning,
)
from app.store.recipients import enqueue_routed, notified_receivers
from app.store.shards import HeldShards, ServiceLease, take_shards
from app.wording.annotations import annotations
from testbed.waiting import reaches
from tests.support.fake_receivers import FakeReceiver, RecordingInstruments, SkewedClock
from tests.support.notifications import START, firing, resolved


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path}/sloburn.db")
    yield opened
    opened.close()


def _now() -> datetime:
    return datetime.now(tz=UTC)


def test_what_a_receiver_never_takes_goes_to_its_fallback_in_order(database: Database) -> None:
    """N6: the hook was revoked; both the page and its end reach the mail."""
    chat, mail = FakeReceiver("chat"), FakeReceiver("mail")
    chat.script = [Rejected(detail="404 no_service")] * 2
    instruments = RecordingInstruments()
    with database.begin() as tx:
        enqueue(tx, [firing(), resolved()], receivers=["chat"], at=_now())

    async def play() -> None:
        loop = DeliveryLoop(
            outbox=StoredOutbox(database=database, routing=Routing(fallbacks={"chat": "mail"})),
            receivers=[chat, mail],
            clock=SkewedClock(),
            instruments=instruments,
            timing=DeliveryTiming(idle=timedelta(milliseconds=50)),
            backoff=Backoff(),
        )
        task = asyncio.create_task(loop.run())
        await reaches(lambda: len(mail.delivered) == 2)
        loop.stop()
        await task

    asyncio.run(play())
    assert mail.delivered == [firing(), resolved()]
    with database.begin() as tx:
        letters = dead_letters(tx)
        assert [letter.error for letter in letters] == ["404 no_service"] * 2
        assert requeue_dead_letter(tx, letters[0].id, at=_now())
        assert oldest_waiting(tx) is not None


def test_a_fallback_that_hears_of_an_alert_late_hears_its_end_too(database: Database) -> None:
    """The receiver was away for a day, comes back, and takes the end itself."""
    stored = StoredOutbox(database=database, routing=Routing(fallbacks={"chat": "mail"}))
    with database.begin() as tx:
        enqueue(tx, [firing(), resolved()], receivers=["chat"], at=START)
    for ending in (GiveUp(reason=FailureReason.EXPIRED, error="away"), Done()):
        (entry,) = stored.claim("chat", at=START)
        stored.settle({entry.id: ending}, at=START)
    told = []
    while claimed := stored.claim("mail", at=START):
        told += [entry.notification for entry in claimed]
        stored.settle({entry.id: Done() for entry in claimed}, at=START)
    assert told == [firing(), resolved()]


def test_a_page_at_the_fallback_is_counted_by_the_receiver_that_failed(database: Database) -> None:
    chat, mail = FakeReceiver("chat"), FakeReceiver("mail")
    chat.script = [Failed(reason=FailureReason.UNAUTHORIZED, detail="401")] * 100
    routing = Routing(
        default=("chat",), fallbacks={"chat": "mail"}, fallback_after={"chat": timedelta(0)}, unrouted=("mail",)
    )
    instruments = RecordingInstruments()
    with database.begin() as tx:
        enqueue(tx, [firing()], receivers=["chat"], at=_now())

    async def play() -> None:
        loop = DeliveryLoop(
            outbox=StoredOutbox(database=database, routing=routing),
            receivers=[chat, mail],
            clock=SkewedClock(),
            instruments=instruments,
            timing=DeliveryTiming(idle=timedelta(milliseconds=50)),
        )
        task = asyncio.create_task(loop.run())
        await reaches(lambda: instruments.taken["mail"] == 1)
        loop.stop()
        await task

    asyncio.run(play())
    assert instruments.fallbacks == {"chat": 1}
    assert [each.unaccepted_by for each in mail.delivered] == ["chat"]


def _fails(stored: StoredOutbox, *, at: datetime) -> None:
    """One attempt of the pager, which answers 401."""
    (entry,) = stored.claim("oncall", at=at)
    error = "unauthorized: 401 expired token"
    stored.settle({entry.id: RetryAt(due_at=at + timedelta(hours=1), error=error)}, at=at)


def test_a_page_that_is_not_accepted_in_time_is_sent_to_the_fallback_once_with_its_end(database: Database) -> None:
    """An expired token: nobody waits for 24 hours, and the pager is retried all the same. A ticket waits."""
    routing = Routing(default=("oncall",), fallbacks={"oncall": "mail"}, unrouted=("mail",))
    with database.begin() as tx:
        # In the outbox for an hour before the first attempt, such as while nothing was confirmed.
        enqueue(tx, [firing()], receivers=["oncall"], at=START - timedelta(hours=1))
    _fails(StoredOutbox(database=database, routing=routing), at=START)
    # A restart: only what is stored is known.
    stored = StoredOutbox(database=database, routing=routing)
    due_at = START + timedelta(minutes=5)
    assert stored.next_due("mail") == due_at
    assert stored.claim("mail", at=due_at - timedelta(seconds=1)) == ()
    (page,) = stored.claim("mail", at=due_at)
    shown = annotations(page.notification)["unaccepted"]
    assert "oncall has not accepted this page since 2026-01-01 00:00 UTC (unauthorized: 401 expired token)" in shown
    assert replace(page.notification, unaccepted_by="", unaccepted_since=None, unaccepted_error="") == firing()
    stored.settle({page.id: Done()}, at=due_at)
    _fails(stored, at=START + timedelta(hours=1))
    assert stored.next_due("mail") is None
    with database.begin() as tx:
        enqueue_routed(tx, resolved(), routing, at=START + timedelta(hours=2))
    (end,) = stored.claim("mail", at=START + timedelta(hours=2))
    assert end.notification == resolved()
    told = []
    while claimed := stored.claim("oncall", at=START + timedelta(hours=2)):
        told += [entry.notification for entry in claimed]
        stored.settle({entry.id: Done() for entry in claimed}, at=START + timedelta(hours=2))
    assert told == [firing(), resolved()]


@pytest.mark.parametrize(
    ("notification", "fallback", "after", "due"),
    [
        (firing(), "mail", timedelta(minutes=1), timedelta(minutes=1)),
        (firing(severity=Severity.TICKET), "mail", timedelta(minutes=1), None),
        (resolved(), "mail", timedelta(minutes=1), None),
        (firing(), "other", timedelta(minutes=1), None),
    ],
    ids=["page", "ticket", "end", "fallback of none"],
)
def test_only_a_firing_page_is_sent_to_the_fallback_before_it_is_given_up(
    database: Database, notification: Notification, fallback: str, after: timedelta, due: timedelta | None
) -> None:
    routing = Routing(fallbacks={"oncall": fallback}, fallback_after={"oncall": after})
    stored = StoredOutbox(database=database, routing=routing)
    with database.begin() as tx:
        enqueue(tx, [notification], receivers=["oncall"], at=START)
    assert stored.next_due("mail") is None
    _fails(stored, at=START)
    assert stored.next_due("mail") == (None if due is None else START + due)


def test_a_page_behind_one_that_is_not_accepted_is_sent_to_the_fallback_as_well(database: Database) -> None:
    """It fired again: the pager cannot accept it before the first."""
    stored = StoredOutbox(database=database, routing=Routing(fallbacks={"oncall": "mail"}))
    again = firing(starts_at=START + timedelta(minutes=2))
    with database.begin() as tx:
        enqueue(tx, [firing(), resolved()], receivers=["oncall"], at=START)
        enqueue(tx, [again], receivers=["oncall"], at=again.starts_at)
    _fails(stored, at=START)
    told = []
    while (due_at := stored.next_due("mail")) is not None:
        for entry in stored.claim("mail", at=due_at):
            told.append((due_at - START, entry.notification.status.value))
            stored.settle({entry.id: Done()}, at=due_at)
    five, seven = timedelta(minutes=5), timedelta(minutes=7)
    assert told == [(five, "firing"), (five, "resolved"), (seven, "firing")]


def test_what_waits_for_a_receiver_that_is_gone_is_given_up_where_nobody_takes_its_place(database: Database) -> None:
    stored = StoredOutbox(database=database)
    with database.begin() as tx:
        enqueue(tx, [firing()], receivers=["gone", "here"], at=START)
    assert stored.forward_unknown_receivers(["here"], at=_now()) == [("gone", ())]
    assert stored.forward_unknown_receivers(["here"], at=_now()) == []
    with database.read() as tx:
        assert [(letter.receiver, letter.error) for letter in dead_letters(tx)] == [
            ("gone", "this receiver is no longer configured")
        ]
    assert stored.next_due("here") is not None


def test_what_waits_for_a_receiver_that_is_gone_goes_where_the_routes_lead_now(database: Database) -> None:
    """In order, to nobody twice, and no beginning after its end."""
    stored = StoredOutbox(database=database, routing=Routing(default=("new", "both")))
    ended = resolved("over")
    with database.begin() as tx:
        enqueue(tx, [firing(), resolved()], receivers=["gone"], at=START)
        enqueue(tx, [firing()], receivers=["both"], at=START)
        enqueue(tx, [firing("over")], receivers=["gone"], at=START)
        enqueue(tx, [ended], receivers=["new"], at=START)
    assert stored.forward_unknown_receivers(["new", "both"], at=_now()) == [
        ("gone", ("new", "both")),
        ("gone", ("both", "new")),
        ("gone", ("both",)),
    ]
    with database.begin() as tx:
        assert [
            entry.notification for entry in claim(tx, "new", owner="a worker", at=_now(), lease=timedelta(seconds=9))
        ] == [ended, firing()]
        assert {letter.error for letter in dead_letters(tx)} == {
            "this receiver is no longer configured; notified instead: new, both",
            "this receiver is no longer configured; notified instead: both, new",
            "this receiver is no longer configured; notified instead: both",
        }


def test_a_row_that_nobody_can_read_does_not_keep_the_others_from_going_elsewhere(database: Database) -> None:
    stored = StoredOutbox(database=database, routing=Routing(default=("new",)))
    with database.begin() as tx:
        enqueue(tx, [firing("broken"), firing()], receivers=["gone"], at=START)
        tx.execute(update(outbox).where(outbox.c.alert_key == firing("broken").key).values(notification="{"))
    assert stored.forward_unknown_receivers(["new"], at=_now()) == [("gone", ("new",))]
    with database.read() as tx:
        assert ["cannot be read" in letter.error for letter in dead_letters(tx)].count(True) == 1


def test_what_is_held_stays_held_where_its_receiver_was_renamed(database: Database) -> None:
    """A backup is restored, under another configuration: no page of its time goes out."""
    stored = StoredOutbox(database=database, routing=Routing(default=("new",)))
    with database.begin() as tx:
        enqueue(tx, [firing()], receivers=["gone"], at=START)
        hold_beginnings(tx, at=START)
    assert stored.forward_unknown_receivers(["new"], at=START) == [("gone", ("new",))]
    assert stored.claim("new", at=START + timedelta(days=1)) == ()
    with database.begin() as tx:
        release_beginnings(tx, [firing()], at=START + timedelta(days=1))
    assert [each.notification.slo for each in stored.claim("new", at=START + timedelta(days=1))] == [firing().slo]


def test_who_was_told_of_an_incident_is_known(database: Database) -> None:
    with database.begin() as tx:
        enqueue(tx, [firing(incident="old")], receivers=["chat"], at=START)
        enqueue(tx, [firing()], receivers=["mail", "pager"], at=START)
        assert notified_receivers(tx, resolved(), receivers=["chat", "mail"]).firing == ("mail",)
        assert notified_receivers(tx, resolved("other"), receivers=["chat", "mail"]) == Notified()


def test_who_was_told_of_an_alert_is_asked_for_each_time_that_it_fires(database: Database) -> None:
    """A page that fires again in the incident of a ticket may have another owner by then."""
    again = START + timedelta(hours=1)
    with database.begin() as tx:
        enqueue(tx, [firing(), resolved()], receivers=["old"], at=START)
        enqueue(tx, [firing(starts_at=again)], receivers=["new"], at=again)
        assert notified_receivers(tx, resolved(starts_at=again), receivers=["old", "new"]).firing == ("new",)
        assert notified_receivers(tx, resolved(), receivers=["old", "new"]) == Notified(resolved=("old",))


def test_an_alert_that_fires_again_is_held_and_not_given_up_with_its_first_end(database: Database) -> None:
    with database.begin() as tx:
        enqueue(tx, [firing(), resolved(), firing(starts_at=START + timedelta(hours=1))], receivers=["old"], at=START)
        assert hold_beginnings(tx, at=START) == 1
        (left,) = waiting(tx, "old")
        assert left.notification.starts_at == START + timedelta(hours=1)


def test_an_attempt_that_fails_after_its_entry_was_held_does_not_release_it(database: Database) -> None:
    """A request is under way while the machine falls asleep, and fails when it wakes."""
    stored = StoredOutbox(database=database)
    with database.begin() as tx:
        enqueue(tx, [firing()], receivers=["oncall"], at=START)
    (entry,) = stored.claim("oncall", at=START)
    woken = START + timedelta(hours=1)
    with database.begin() as tx:
        hold_beginnings(tx, at=woken)
    stored.settle({entry.id: RetryAt(due_at=woken, error="timeout")}, at=woken)
    assert stored.claim("oncall", at=woken + timedelta(hours=1)) == ()
    with database.begin() as tx:
        release_beginnings(tx, [firing()], at=woken)
    assert [each.notification for each in stored.claim("oncall", at=woken)] == [firing()]


def test_what_is_given_up_while_it_is_held_waits_at_the_fallback_for_fresh_data_too(database: Database) -> None:
    stored = StoredOutbox(
        database=database, routing=Routing(default=("chat",), unrouted=("mail",), fallbacks={"chat": "mail"})
    )
    with database.begin() as tx:
        enqueue(tx, [firing("goes_on"), firing("over")], receivers=["chat"], at=START)
    entries = stored.claim("chat", at=START)
    woken = START + timedelta(hours=1)
    with database.begin() as tx:
        hold_beginnings(tx, at=woken)
    stored.settle({each.id: GiveUp(reason=FailureReason.REJECTED, error="404") for each in entries}, at=woken)
    assert stored.claim("mail", at=woken) == ()
    with database.begin() as tx:
        withdraw_beginning(tx, resolved("over"), at=woken)
        release_beginnings(tx, [firing("goes_on")], at=woken)
    assert [each.notification.slo for each in stored.claim("mail", at=woken)] == ["goes_on"]


def test_entries_behind_one_that_was_given_up_are_not_tried_for_another_day_each(database: Database) -> None:
    stored = StoredOutbox(database=database)
    with database.begin() as tx:
        enqueue(tx, [firing()], receivers=["oncall"], at=START)
        enqueue(tx, [resolved()], receivers=["oncall"], at=START + timedelta(hours=1))
    (entry,) = stored.claim("oncall", at=START)
    stored.settle({entry.id: RetryAt(due_at=START, error="away")}, at=START)
    stored.settle({entry.id: GiveUp(reason=FailureReason.EXPIRED, error="away")}, at=START + timedelta(days=1))
    (behind,) = stored.claim("oncall", at=START + timedelta(days=1))
    assert behind.failing_since == START + timedelta(hours=1)


def test_after_a_time_without_evaluations_a_day_of_attempts_begins_again(database: Database) -> None:
    """What was not tried meanwhile is not given up by the first failure after the start."""
    stored = StoredOutbox(database=database)
    with database.begin() as tx:
        enqueue(tx, [firing()], receivers=["oncall"], at=START)
    (entry,) = stored.claim("oncall", at=START)
    stored.settle({entry.id: RetryAt(due_at=START, error="away")}, at=START)
    monday = START + timedelta(days=2)
    with database.begin() as tx:
        hold_beginnings(tx, at=monday)
        release_beginnings(tx, [firing()], at=monday)
    (again,) = stored.claim("oncall", at=monday)
    assert again.failing_since is None


def test_a_keeper_repeats_only_what_its_receiver_was_told_of(database: Database) -> None:
    routing = Routing(routes=(Route(receivers=("am",), services=("checkout",)),))
    mine, other = firing("mine"), firing("other", service="shop")
    with database.begin() as tx:
        alerts = [
            Alert(
                slo=one.slo, severity=Severity.PAGE, state=AlertState.FIRING, since=START, incident="x", announced=True
            )
            for one in (mine, other)
        ]
        save_alerts(tx, alerts, {mine.key: mine, other.key: other})
    repeated = StoredAlertsToRepeat(database=database, routing=routing).active_and_recently_resolved("am", at=START)
    assert [notification.slo for notification in repeated] == ["mine"]


def test_a_keeper_repeats_what_its_receiver_was_notified_of_as_a_fallback(database: Database) -> None:
    """Else an Alertmanager that no route names would end the alert four minutes later."""
    routing = Routing(default=("chat",), unrouted=("am",), fallbacks={"chat": "am"})
    stored = StoredOutbox(database=database, routing=routing)
    given_up, other = firing("mine"), firing("other")
    with database.begin() as tx:
        alerts = [
            Alert(
                slo=one.slo, severity=Severity.PAGE, state=AlertState.FIRING, since=START, incident="x", announced=True
            )
            for one in (given_up, other)
        ]
        save_alerts(tx, alerts, {given_up.key: given_up, other.key: other})
        enqueue(tx, [given_up], receivers=["chat"], at=START)
    (entry,) = stored.claim("chat", at=START)
    stored.settle({entry.id: GiveUp(reason=FailureReason.REJECTED, error="404")}, at=START)
    repeated = StoredAlertsToRepeat(database=database, routing=routing)
    assert repeated.active_and_recently_resolved("am", at=START) == (given_up,)


def test_a_digest_does_not_wait_for_an_end_that_was_given_up(database: Database) -> None:
    messages, stored = FallbackMessageRefs(stored=StoredMessageRefs(database=database)), StoredOutbox(database=database)
    messages.remember("hook", [firing("a"), firing("b")], handle="digest", at=START)
    with database.begin() as tx:
        enqueue(tx, [resolved("a")], receivers=["hook"], at=START)
    (entry,) = stored.claim("hook", at=START)
    stored.settle({entry.id: GiveUp(reason=FailureReason.REJECTED, error="400")}, at=START)
    assert messages.recall("hook", [firing("b")]) == {firing("b"): MessageRef(handle="digest", alerts=1)}


def test_a_dead_letter_is_not_retried_after_newer_news(database: Database) -> None:
    """N9: a page that comes after its end would never end."""
    with database.begin() as tx:
        enqueue(tx, [firing(), resolved()], receivers=["oncall"], at=START)
        first = claim(tx, "oncall", owner="a worker", at=START, lease=timedelta(seconds=1))[0].id
        give_up(tx, first, at=START, error="400")
        assert requeue_dead_letter(tx, first, at=START)
        give_up(tx, first, at=START, error="400")
        second = claim(tx, "oncall", owner="a worker", at=START, lease=timedelta(seconds=1))[0].id
        assert not requeue_dead_letter(tx, first, at=START), "the end is being told"
        mark_done(tx, [second], at=START)
        assert not requeue_dead_letter(tx, first, at=START)


def test_messages_are_remembered_by_incident_and_forgotten_one_by_one(database: Database) -> None:
    messages = FallbackMessageRefs(stored=StoredMessageRefs(database=database))
    first, second = firing("a"), firing("b")
    messages.remember("chat", [first, second], handle="C1:1", at=_now())
    assert messages.recall("chat", [first]) == {first: MessageRef(handle="C1:1", alerts=2)}
    assert messages.recall("other", [first]) == {}
    assert messages.recall("chat", [firing("a", incident="later")]) == {}
    messages.forget("chat", [first])
    assert messages.recall("chat", [first]) == {}
    assert messages.recall("chat", [second]) == {second: MessageRef(handle="C1:1", alerts=1)}
    messages.remember("chat", [second], handle="C1:2", at=_now())
    assert messages.recall("chat", [second]) == {second: MessageRef(handle="C1:2", alerts=1)}


def test_the_alerts_of_a_message_that_still_fire_are_known(database: Database) -> None:
    messages = FallbackMessageRefs(stored=StoredMessageRefs(database=database))
    first, second, other = firing("a"), firing("b"), firing("c")
    messages.remember("hook", [first, second], handle="digest", at=_now())
    in_force = [
        Alert(
            slo=one.slo, severity=one.severity, state=AlertState.FIRING, since=START, incident=incident, announced=True
        )
        for one, incident in ((first, first.incident), (other, other.incident))
    ]
    with database.begin() as tx:
        save_alerts(tx, in_force, {first.key: first, other.key: other})
    assert messages.firing_in("hook", "digest") == (first,)
    assert messages.firing_in("hook", "another") == ()


def test_messages_of_long_ago_are_forgotten(database: Database) -> None:
    messages = FallbackMessageRefs(stored=StoredMessageRefs(database=database))
    messages.remember("chat", [firing("a")], handle="C1:1", at=START)
    messages.remember("chat", [firing("b")], handle="C1:2", at=START + timedelta(days=91))
    assert messages.recall("chat", [firing("a")]) == {}


def test_only_the_replica_that_has_the_shard_of_the_service_claims(database: Database) -> None:
    term = LeaseTerm(lease_s=60.0, look_every_s=1.0)
    with database.begin() as tx:
        enqueue(tx, [firing()], receivers=["pager"], at=START)
        (epoch,) = take_shards(tx, database.instance, [SERVICE_SHARD], term=term).values()
    lease = ServiceLease()
    stored = StoredOutbox(database=database, service_lease=lease)
    held = HeldShards(owner=database.instance, epochs={0: 1}, term=term)
    lease.hold(held)
    assert stored.next_due("pager") is None
    assert stored.claim("pager", at=START) == ()
    # It slept, and another has taken the shard since.
    lease.hold(replace(held, epochs={0: 1, SERVICE_SHARD: epoch - 1}))
    assert stored.next_due("pager") == START
    assert stored.claim("pager", at=START) == ()
    lease.hold(replace(held, epochs={0: 1, SERVICE_SHARD: epoch}))
    assert [entry.notification for entry in stored.claim("pager", at=START)] == [firing()]
