"""Pages while the database cannot be written: from memory, in order, once, and written down afterwards (D2)."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.alerting import Notice, NoticeStatus, Routing
from app.delivery import (
    Backoff,
    DegradableDeliveries,
    DeliveryLoop,
    FailureReason,
    Pace,
    StoredDeliveries,
    StoredMessages,
)
from app.delivery.outcome import Failed, Rejected
from app.slo import Severity
from app.store import Database, open_database
from app.store.dead_letters import dead_letters
from app.store.outbox import enqueue, oldest_waiting
from tests.delivery.fakes import FakeReceiver, Remembered, SkewedClock
from tests.delivery.waiting import reaches
from tests.store.notices import firing, resolved

REFUSED = Failed(reason=FailureReason.UNREACHABLE, detail="connection refused")
QUICK = Backoff(base=timedelta(milliseconds=10), cap=timedelta(milliseconds=20))
ROUTING = Routing(always=("am",))


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setattr("app.store.database._BUSY_TIMEOUT_S", 0.05)
    opened = open_database(f"sqlite:///{tmp_path}/sloburn.db")
    yield opened
    opened.close()


@contextmanager
def unwritable(tmp_path: Path) -> Iterator[None]:
    """Another program holds the write lock: everything can be read and nothing written."""
    with closing(sqlite3.connect(tmp_path / "sloburn.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def _now() -> datetime:
    return datetime.now(tz=UTC)


def _deliveries(database: Database, **more: object) -> DegradableDeliveries:
    return DegradableDeliveries(StoredDeliveries(database=database, routing=ROUTING, **more))  # type: ignore[arg-type]


def _write(database: Database, *notices: Notice) -> None:
    with database.begin() as tx:
        enqueue(tx, notices, receivers=["am"], at=_now())


def _told(receiver: FakeReceiver) -> list[tuple[str, str, bool]]:
    return [
        (notice.slo, notice.status.value, dict(notice.annotations).get("durability") == "degraded")
        for notice in receiver.told
    ]


def _play(
    deliveries: DegradableDeliveries, receivers: Sequence[FakeReceiver], *steps: tuple[Callable[[], None], int]
) -> None:
    """Run a loop: after each step wait until the last receiver was told so many."""

    async def play() -> None:
        loop = DeliveryLoop(
            deliveries=deliveries,
            receivers=receivers,
            keepers=[],
            clock=SkewedClock(),
            instruments=Remembered(),
            pace=Pace(idle=timedelta(milliseconds=50)),
            backoff=QUICK,
        )
        task = asyncio.create_task(loop.run())
        for step, count in steps:
            step()
            loop.wake()
            await reaches(lambda count=count: len(receivers[-1].told) >= count)  # type: ignore[misc]
        await asyncio.sleep(0.2)
        loop.stop()
        await task

    asyncio.run(play())


def test_a_page_that_cannot_be_stored_goes_out_at_once_and_is_not_repeated_once_it_is(
    database: Database, tmp_path: Path
) -> None:
    am = FakeReceiver("am")
    am.script = [REFUSED, REFUSED]
    deliveries = _deliveries(database)
    notices = (firing(), resolved())
    with unwritable(tmp_path):
        _play(
            deliveries,
            [am],
            (lambda: deliveries.hold([firing()], at=_now()), 1),
            (lambda: deliveries.hold(notices, at=_now()), 2),
        )
    _write(database, *notices)
    deliveries.hold((), at=_now())
    _play(deliveries, [am], (lambda: _write(database, firing("cart")), 3))
    assert _told(am) == [
        ("checkout-availability", "firing", True),
        ("checkout-availability", "resolved", True),
        ("cart", "firing", False),
    ]
    with database.read() as tx:
        assert oldest_waiting(tx) is None


def test_tickets_wait_for_the_database(database: Database, tmp_path: Path) -> None:
    am = FakeReceiver("am")
    deliveries = _deliveries(database)
    with unwritable(tmp_path):
        held = [firing("cart", severity=Severity.TICKET), firing()]
        _play(deliveries, [am], (lambda: deliveries.hold(held, at=_now()), 1))
    assert _told(am) == [("checkout-availability", "firing", True)]


def test_what_was_stored_before_goes_out_first(database: Database, tmp_path: Path) -> None:
    """A page that was written and could not be claimed any more, and its end, which could not be written."""
    am = FakeReceiver("am")
    am.script = [REFUSED] * 3
    deliveries = _deliveries(database)
    _write(database, firing())
    with unwritable(tmp_path):
        _play(deliveries, [am], (lambda: deliveries.hold([resolved()], at=_now()), 2))
    assert _told(am) == [("checkout-availability", "firing", False), ("checkout-availability", "resolved", True)]
    _write(database, resolved())
    deliveries.hold((), at=_now())
    _play(deliveries, [am], (lambda: None, 2))
    assert len(am.told) == 2
    with database.read() as tx:
        assert oldest_waiting(tx) is None


def test_the_end_of_a_stored_page_waits_for_the_page(database: Database) -> None:
    """A tick could not be written, though others can: what waits for its next attempt is not overtaken."""
    deliveries = _deliveries(database)
    _write(database, firing())
    (entry,) = deliveries.claim("am", at=_now())
    deliveries.hold([resolved()], at=_now())
    assert deliveries.claim("am", at=_now()) == []
    assert entry.notice == firing()


def test_a_page_that_is_refused_falls_back_from_memory(database: Database, tmp_path: Path) -> None:
    am, mail = FakeReceiver("am"), FakeReceiver("mail")
    am.script = [Rejected(detail="410 gone")]
    deliveries = _deliveries(database, fallbacks={"am": "mail"})
    with unwritable(tmp_path):
        _play(deliveries, [am, mail], (lambda: deliveries.hold([firing()], at=_now()), 1))
    _write(database, firing())
    deliveries.hold((), at=_now())
    _play(deliveries, [am, mail], (lambda: None, 1))
    assert (_told(am), _told(mail)) == ([], [("checkout-availability", "firing", True)])
    with database.read() as tx:
        assert [letter.error for letter in dead_letters(tx)] == ["410 gone"]
        assert oldest_waiting(tx) is None


def test_what_cannot_be_stored_is_repeated_all_the_same(database: Database) -> None:
    """An Alertmanager that hears no more of a page takes it as resolved; and of its end, as firing."""
    deliveries = _deliveries(database)
    now = _now()
    fires = firing("cart", starts_at=now)
    deliveries.hold([fires, firing("cart", severity=Severity.TICKET)], at=now)
    assert [(one.slo, one.status) for one in deliveries.picture("am", at=now)] == [("cart", NoticeStatus.FIRING)]
    assert deliveries.picture("mail", at=now) == ()
    deliveries.hold([fires, resolved("cart", starts_at=now, after=timedelta(0))], at=now)
    assert [one.status for one in deliveries.picture("am", at=now)] == [NoticeStatus.RESOLVED]
    assert deliveries.picture("am", at=now + timedelta(hours=1)) == ()


def test_a_message_that_cannot_be_noted_was_sent_all_the_same(database: Database, tmp_path: Path) -> None:
    messages = StoredMessages(database=database)
    with unwritable(tmp_path):
        messages.remember("slack", [firing()], handle="C1/1", at=_now())
        shown = messages.recall("slack", firing())
        assert shown is not None
        assert shown.handle == "C1/1"
        messages.forget("slack", [firing()])
    assert messages.recall("slack", firing()) is None
