"""The loop over a real database: in order, each receiver at its own pace, and nothing lost."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from typing_extensions import override

from app.alerting import Alert, Notification
from app.clock import Clock
from app.delivery import Backoff, DeliveryLoop, DeliveryTiming, FailureReason, Receiver, StoredOutbox
from app.delivery.outcome import Deferred, Delivered, Failed, Outcome, Rejected
from app.delivery.restarting import restarting
from app.integrations import Alertmanager, AlertmanagerOptions, Reasserter, Reassertion
from app.slo import AlertState, Severity
from app.store import Database, open_database
from app.store.alerts import save_alerts
from app.store.dead_letters import dead_letters
from app.store.outbox import enqueue, oldest_waiting, outbox
from testbed.servers import Sink, alertmanager
from testbed.waiting import reaches
from tests.support.delivering import Delivering, resend_loop
from tests.support.fake_receivers import FakeReceiver, RecordingInstruments, SkewedClock
from tests.support.notifications import firing, resolved

QUICK = Backoff(base=timedelta(milliseconds=10), cap=timedelta(milliseconds=50))
REFUSED = Failed(reason=FailureReason.UNREACHABLE, detail="connection refused")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path}/sloburn.db")
    yield opened
    opened.close()


def _now() -> datetime:
    return datetime.now(tz=UTC)


def _put(
    database: Database,
    *notifications: Notification,
    receivers: Sequence[str] = ("am",),
    failing_since: datetime | None = None,
) -> None:
    with database.begin() as tx:
        enqueue(tx, notifications, receivers=receivers, at=_now())
        keys = [notification.key for notification in notifications]
        tx.execute(update(outbox).where(outbox.c.alert_key.in_(keys)).values(failing_since=failing_since))


@asynccontextmanager
async def _running(
    database: Database,
    receivers: Sequence[Receiver],
    *,
    reasserters: Sequence[tuple[str, Reasserter]] = (),
    instruments: RecordingInstruments | None = None,
    resend: timedelta = timedelta(seconds=60),
    backoff: Backoff = QUICK,
    clock: Clock | None = None,
) -> AsyncIterator[DeliveryLoop]:
    loop = DeliveryLoop(
        outbox=StoredOutbox(database=database, lease=timedelta(seconds=1)),
        receivers=receivers,
        clock=clock or SkewedClock(),
        instruments=instruments or RecordingInstruments(),
        timing=DeliveryTiming(recovery=timedelta(milliseconds=20)),
        backoff=backoff,
    )
    both = Delivering(loop, resend_loop(database, reasserters, resend=resend))
    task = asyncio.create_task(both.run())
    try:
        yield loop
    finally:
        both.stop()
        await asyncio.wait_for(task, 60)


def test_what_a_tick_has_committed_goes_out_at_once_and_in_order(database: Database) -> None:
    receiver = FakeReceiver("am")
    instruments = RecordingInstruments()

    async def play() -> None:
        async with _running(database, [receiver], instruments=instruments) as loop:
            await asyncio.sleep(0.1)
            _put(database, firing(), resolved())
            loop.wake()
            await reaches(lambda: len(receiver.delivered) == 2)

    asyncio.run(play())
    assert receiver.delivered == [firing(), resolved()]
    assert instruments.taken == {"am": 2}
    assert instruments.ages[-1] == 0.0


def test_a_resolve_does_not_overtake_a_trigger_that_fails(database: Database) -> None:
    receiver = FakeReceiver("am")
    receiver.script = [REFUSED, Deferred(until=_now()), REFUSED]
    _put(database, firing(), resolved())

    async def play() -> None:
        async with _running(database, [receiver]):
            await reaches(lambda: len(receiver.delivered) == 2)

    asyncio.run(play())
    assert receiver.delivered == [firing(), resolved()]


def test_alerts_that_failed_together_are_tried_again_together(database: Database) -> None:
    """Else the digest of a storm would become a message for each alert after one answer of 503."""

    class Counting(FakeReceiver):
        batches: list[int] = []  # noqa: RUF012  one receiver

        @override
        async def deliver(self, notifications: Sequence[Notification], *, at: datetime) -> Sequence[Outcome]:
            self.batches.append(len(notifications))
            return await super().deliver(notifications, at=at)

    receiver = Counting("am")
    receiver.script = [REFUSED] * 30
    _put(database, *(firing(f"slo-{number}") for number in range(30)))

    async def play() -> None:
        # Jitter is between half a second and one.
        async with _running(database, [receiver], backoff=Backoff(base=timedelta(seconds=0.5))):
            await reaches(lambda: len(receiver.delivered) == 30)

    asyncio.run(play())
    assert receiver.batches == [30, 30]


def test_a_dead_receiver_delays_no_other(database: Database) -> None:
    class Dead(FakeReceiver):
        @override
        async def deliver(self, notifications: Sequence[Notification], *, at: datetime) -> Sequence[Outcome]:
            await over.wait()
            return await super().deliver(notifications, at=at)

    over = asyncio.Event()
    dead, alive = Dead("dead"), FakeReceiver("am")
    _put(database, firing(), receivers=("dead", "am"))

    async def play() -> None:
        async with _running(database, [dead, alive]) as loop:
            await reaches(lambda: alive.delivered == [firing()])
            _put(database, resolved(), receivers=("dead", "am"))
            loop.wake()
            await reaches(lambda: alive.delivered == [firing(), resolved()])
            assert dead.delivered == []
            over.set()

    asyncio.run(play())


def test_what_is_rejected_becomes_a_dead_letter(database: Database) -> None:
    receiver = FakeReceiver("am")
    receiver.script = [Rejected(detail="400 bad label"), Delivered()]
    instruments = RecordingInstruments()
    _put(database, firing(), firing("other"))

    async def play() -> None:
        async with _running(database, [receiver], instruments=instruments):
            await reaches(lambda: receiver.delivered == [firing("other")])

    asyncio.run(play())
    with database.read() as tx:
        assert [letter.error for letter in dead_letters(tx)] == ["400 bad label"]
    assert instruments.failures == {FailureReason.REJECTED: 1}


def test_after_a_day_an_entry_is_given_up(database: Database) -> None:
    receiver = FakeReceiver("am")
    receiver.script = [REFUSED]
    instruments = RecordingInstruments()
    _put(database, firing(), failing_since=_now() - timedelta(hours=24))

    async def play() -> None:
        async with _running(database, [receiver], instruments=instruments):
            await reaches(lambda: instruments.failures[FailureReason.EXPIRED] == 1)

    asyncio.run(play())


def test_after_a_sleep_nothing_is_sent_before_an_evaluation_has_seen_what_still_fires(database: Database) -> None:
    clock, pager = SkewedClock(), FakeReceiver("am")
    pager.script = [REFUSED] * 1000

    async def play() -> None:
        async with _running(database, [pager], clock=clock) as loop:
            await reaches(lambda: len(pager.script) < 1000)
            clock.ahead = timedelta(hours=1)
            left = len(pager.script)
            # An attempt may be under way; no other follows.
            await asyncio.sleep(0.3)
            assert len(pager.script) >= left - 1
            pager.script.clear()
            loop.evaluated()
            await reaches(lambda: pager.delivered == [firing()])

    _put(database, firing())
    asyncio.run(play())


def test_whatever_a_receiver_raises_is_a_failure_that_counts(database: Database) -> None:
    """It is retried like any other, and given up in the end, so that the fallback is told."""
    receiver, instruments = FakeReceiver("am"), RecordingInstruments()
    receiver.script = [RuntimeError("a bug"), UnicodeEncodeError("ascii", "ä", 0, 1, "a secret")]
    _put(database, firing())
    _put(database, firing("old"), failing_since=_now() - timedelta(hours=25))

    async def play() -> None:
        async with _running(database, [receiver], instruments=instruments):
            await reaches(lambda: receiver.delivered == [firing()])

    asyncio.run(play())
    assert instruments.failures[FailureReason.INTERNAL] >= 1
    assert instruments.failures[FailureReason.EXPIRED] == 1
    with database.read() as tx:
        (letter,) = dead_letters(tx)
    assert letter.error == "internal: unexpected RuntimeError; the log has the traceback"


def test_what_is_due_is_tried_once_more_before_the_end(database: Database) -> None:
    receiver = FakeReceiver("am")

    async def play() -> None:
        async with _running(database, [receiver]):
            await asyncio.sleep(0.1)
            _put(database, firing())

    asyncio.run(play())
    assert receiver.delivered == [firing()]


def test_what_was_written_while_the_last_pass_ran_is_tried_before_the_end(database: Database) -> None:
    """A pass that has read the outbox before does not count."""

    class Writing(StoredOutbox):
        __slots__ = ()

        @override
        def oldest_waiting(self, *, from_id: int = 0) -> datetime | None:
            # The end of a pass that has found nothing.
            if not wrote:
                wrote.append(True)
                _put(database, firing())
                loops[0]._stopping.set()
            return super().oldest_waiting(from_id=from_id)

    wrote: list[bool] = []
    loops: list[DeliveryLoop] = []
    receiver = FakeReceiver("am")

    async def play() -> None:
        loop = DeliveryLoop(
            outbox=Writing(database=database),
            receivers=[receiver],
            clock=SkewedClock(),
            instruments=RecordingInstruments(),
            backoff=QUICK,
        )
        loops.append(loop)
        task = asyncio.create_task(loop.run())
        await reaches(lambda: bool(wrote))
        loop.stop()
        await task

    asyncio.run(play())
    assert receiver.delivered == [firing()]


def test_work_that_raises_an_error_is_begun_again() -> None:
    """Such as the heartbeat, which must outlive a bug in one of its calls."""
    begun = 0

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun < 3:
            raise RuntimeError("a bug")

    async def play() -> None:
        beating = restarting("heartbeat", work, stopping=asyncio.Event(), pause=timedelta(milliseconds=1))
        await asyncio.wait_for(beating, 60)

    asyncio.run(play())
    assert begun == 3


def test_what_is_in_force_and_what_has_just_ended_is_repeated(database: Database) -> None:
    reasserter = FakeReceiver("am")
    burning, over = firing("burning"), resolved("over")
    alert = Alert(
        slo=burning.slo,
        severity=Severity.PAGE,
        state=AlertState.FIRING,
        since=burning.starts_at,
        incident=burning.incident,
        announced=True,
    )
    with database.begin() as tx:
        save_alerts(tx, [alert], {burning.key: burning})
        enqueue(tx, [firing("over"), over], receivers=["am"], at=_now())
        enqueue(tx, [resolved("long-over")], receivers=["am"], at=_now() - timedelta(minutes=16))

    async def play() -> None:
        async with _running(database, [], reasserters=[("am", reasserter)], resend=timedelta(milliseconds=50)):
            await reaches(lambda: len(reasserter.resent) >= 3)

    asyncio.run(play())
    assert [set(kept) for kept in reasserter.resent[:3]] == [{burning, over}] * 3


def test_a_page_goes_from_the_database_to_the_pager_and_back(database: Database) -> None:
    """Alertmanager is killed while the page fires, and the end still arrives."""
    with Sink() as sink, alertmanager(sink.url) as server:
        options = AlertmanagerOptions(
            urls=(server.url,),
            external_url="http://127.0.0.1:9720",
            reassertion=Reassertion(group_wait=timedelta(0), margin=timedelta(seconds=1.5)),
        )
        started = _now() - timedelta(minutes=10)

        async def play() -> None:
            instruments = RecordingInstruments()
            receiver = Alertmanager(options, clock=SkewedClock(), instruments=instruments)
            reasserters = [(receiver.name, peer) for peer in receiver.peers]
            try:
                async with _running(database, [receiver], reasserters=reasserters, instruments=instruments) as loop:
                    _put(database, firing(starts_at=started), receivers=[receiver.name])
                    loop.wake()
                    await reaches(lambda: bool(sink.alerts_with("firing")))
                    server.kill()
                    _put(database, resolved(starts_at=started), receivers=[receiver.name])
                    loop.wake()
                    await reaches(lambda: instruments.failures.total() > 0)
                    await asyncio.to_thread(server.start)
                    await reaches(lambda: bool(sink.alerts_with("resolved")))
            finally:
                await receiver.aclose()

        asyncio.run(play())
    with database.read() as tx:
        assert oldest_waiting(tx) is None
