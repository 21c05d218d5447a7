"""Numbers that delivery promises, each at its edge."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from typing_extensions import override

from app.delivery import StoredOutbox
from app.delivery.endings import Done
from app.delivery.message_receiver import MessageReceiver, RateLimit
from app.delivery.message_refs import MemoryMessageRefs
from app.delivery.notifier import Notifier, OutgoingMessage, SendResult
from app.delivery.outcome import Delivered, Failed, FailureReason
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
