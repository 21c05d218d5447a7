"""Numbers that delivery promises, each at its edge."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from typing_extensions import override

from app.delivery import Backoff, StoredOutbox
from app.delivery.endings import Done
from app.delivery.message_receiver import MessageReceiver, RateLimit
from app.delivery.message_refs import MemoryMessageRefs
from app.delivery.notifier import Notifier, OutgoingMessage, SendResult
from app.delivery.outcome import Deferred, Delivered, Failed, FailureReason, Rejected
from app.http.secrets import Secret
from app.integrations import StoredAlertsToRepeat
from app.store import Database, open_database
from app.store.outbox import enqueue
from tests.support.fake_receivers import RecordingInstruments
from tests.support.notifications import START, firing, resolved
from tests.support.virtual_time import run_in_virtual_time

LONGEST_TIMEOUT_S = 15
"""The longest that a receiver may be given to answer."""


class _Slow(Notifier):
    """A notifier that takes as long for each message as it may."""

    digests_ends = needs_each_end = splits_rejected = tracks_alerts = False
    secrets: tuple[Secret, ...] = ()

    @override
    def opens(self, message: OutgoingMessage) -> str | None:
        return None

    @override
    async def send(self, message: OutgoingMessage) -> SendResult:
        await asyncio.sleep(LONGEST_TIMEOUT_S)
        return SendResult(outcome=Delivered())

    @override
    async def aclose(self) -> None:
        """Nothing."""


class _Faulty(_Slow):
    """A notifier with a bug that some message meets."""

    @override
    async def send(self, message: OutgoingMessage) -> SendResult:
        if message.notifications[0].slo == "slo-1":
            raise ZeroDivisionError
        return SendResult(outcome=Delivered())


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path}/sloburn.db")
    yield opened
    opened.close()


def test_a_batch_ends_before_its_lease(database: Database) -> None:
    """However slow a receiver is: else another process would send the rest a second time."""
    receiver = MessageReceiver("slow", _Slow(), message_refs=MemoryMessageRefs(), instruments=RecordingInstruments())

    async def deliver() -> float:
        await receiver.deliver([firing(f"slo-{number}") for number in range(15)], at=START)
        return asyncio.get_running_loop().time()

    took_s = run_in_virtual_time(deliver())
    assert took_s >= LONGEST_TIMEOUT_S
    assert took_s < StoredOutbox(database=database).lease.total_seconds()


class _Brisk(_Slow):
    """A notifier that takes five seconds for each message, and has so many of them refused as it *rejects*."""

    def __init__(self, *, rejects: bool = False, takes_s: float = 5.0) -> None:
        self.rejects, self.takes_s, self.sent = rejects, takes_s, 0

    @override
    async def send(self, message: OutgoingMessage) -> SendResult:
        self.sent += 1
        await asyncio.sleep(self.takes_s)
        return SendResult(outcome=Rejected(detail="<html>" * 100) if self.rejects else Delivered())


def _receiver(notifier: Notifier, rate_limit: RateLimit | None = None) -> MessageReceiver:
    return MessageReceiver(
        "pager",
        notifier,
        message_refs=MemoryMessageRefs(),
        instruments=RecordingInstruments(),
        rate_limit=rate_limit or RateLimit(),
    )


def test_what_is_not_begun_within_twelve_seconds_is_left_for_the_next_pass_a_second_later() -> None:
    receiver = _receiver(_Brisk())
    outcomes = run_in_virtual_time(receiver.deliver([firing(f"slo-{number}") for number in range(15)], at=START))
    # Two at a time begin after 0, 5 and 10 s.
    assert list(outcomes) == [Delivered()] * 6 + [Deferred(until=START + timedelta(seconds=1))] * 9


def test_a_message_is_sent_in_each_pass_however_long_it_takes_to_get_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine the next pass would take as long, and none would ever be sent."""
    monkeypatch.setattr("app.delivery.message_receiver._BEGIN_WITHIN_S", 0.0)
    receiver = _receiver(_Brisk(takes_s=0.0))
    outcomes = run_in_virtual_time(receiver.deliver([firing("a"), firing("b")], at=START))
    assert list(outcomes) == [Delivered(), Deferred(until=START + timedelta(seconds=1))]


@pytest.mark.parametrize(("later_s", "messages"), [(59, 1), (61, 2)])
def test_a_receiver_gets_its_messages_one_by_one_again_a_minute_later(later_s: float, messages: int) -> None:
    """Beyond its two messages a minute it gets a digest."""
    notifier = _Brisk(takes_s=0.0)
    receiver = _receiver(notifier, RateLimit(per_minute=2))

    async def deliver() -> None:
        await receiver.deliver([firing("slo-1"), firing("slo-2")], at=START)
        await asyncio.sleep(later_s)
        await receiver.deliver([firing("slo-3"), firing("slo-4")], at=START)

    run_in_virtual_time(deliver())
    assert notifier.sent == 2 + messages


def test_of_an_answer_that_is_a_web_page_three_hundred_characters_are_kept() -> None:
    (outcome,) = run_in_virtual_time(_receiver(_Brisk(rejects=True)).deliver([firing()], at=START))
    assert isinstance(outcome, Rejected)
    assert len(outcome.detail) == 300


def test_messages_are_known_in_memory_for_as_long_as_they_are_retried() -> None:
    assert MemoryMessageRefs().kept == Backoff().give_up_after


def test_a_bug_in_one_message_does_not_have_those_before_it_sent_again() -> None:
    instruments = RecordingInstruments()
    receiver = MessageReceiver(
        "faulty", _Faulty(), message_refs=MemoryMessageRefs(), instruments=instruments, rate_limit=RateLimit(at_once=1)
    )
    outcomes = asyncio.run(receiver.deliver([firing(f"slo-{number}") for number in range(2)], at=START))
    assert [outcome.reason if isinstance(outcome, Failed) else outcome for outcome in outcomes] == [
        Delivered(),
        FailureReason.INTERNAL,
    ]
    assert instruments.failures == {FailureReason.INTERNAL: 1}


def test_the_end_of_an_alert_is_repeated_for_a_quarter_of_an_hour(database: Database) -> None:
    deliveries = StoredOutbox(database=database)
    end = resolved()
    with database.begin() as tx:
        enqueue(tx, [end], receivers=["pager"], at=START)
    (entry,) = deliveries.claim("pager", at=START)
    deliveries.settle({entry.id: Done()}, at=START)
    repeated = StoredAlertsToRepeat(database=database)
    assert repeated.active_and_recently_resolved("pager", at=START + timedelta(minutes=15)) == (end,)
    assert repeated.active_and_recently_resolved("pager", at=START + timedelta(minutes=15, seconds=1)) == ()
