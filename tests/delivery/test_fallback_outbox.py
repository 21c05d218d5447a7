"""Pages while the database cannot be written: from memory, in order, once, and written down afterwards (D2)."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection
from structlog.testing import capture_logs

from app.alerting import Alert, Notification, NotificationStatus, Routing
from app.delivery import (
    Backoff,
    DeliveryLoop,
    DeliveryTiming,
    FailureReason,
    FallbackMemory,
    FallbackMessageRefs,
    FallbackOutbox,
    StoredMessageRefs,
    StoredOutbox,
)
from app.delivery.endings import Done, GiveUp, RetryAt
from app.delivery.outcome import Failed, Rejected
from app.integrations import ActiveAlerts, StoredAlertsToRepeat
from app.slo import AlertState, Severity
from app.store import Database, open_database
from app.store import outbox as stored
from app.store.alerts import save_alerts
from app.store.dead_letters import dead_letters
from app.store.messages import MessageRef
from app.store.outbox import OutboxEntry, enqueue, oldest_waiting
from testbed.waiting import reaches
from tests.support.fake_receivers import FakeReceiver, RecordingInstruments, SkewedClock
from tests.support.notifications import firing, resolved

REFUSED = Failed(reason=FailureReason.UNREACHABLE, detail="connection refused")
QUICK = Backoff(base=timedelta(milliseconds=10), cap=timedelta(milliseconds=20))
ROUTING = Routing(always=("am",))


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setattr("app.store.sqlite.BUSY_TIMEOUT_S", 0.05)
    opened = open_database(f"sqlite:///{tmp_path}/sloburn.db")
    yield opened
    opened.close()


@contextmanager
def unwritable(tmp_path: Path) -> Iterator[None]:
    """Another program holds the write lock: everything can be read and nothing written."""
    with closing(sqlite3.connect(tmp_path / "sloburn.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def unreadable(database: Database, tmp_path: Path) -> Iterator[None]:
    """The file cannot be opened any more, and what was open is closed."""
    path = tmp_path / "sloburn.db"
    database.close()
    path.rename(tmp_path / "elsewhere.db")
    path.mkdir()
    yield
    path.rmdir()
    (tmp_path / "elsewhere.db").rename(path)


def _now() -> datetime:
    return datetime.now(tz=UTC)


def _outbox(database: Database, *, fallbacks: Mapping[str, str] | None = None) -> FallbackOutbox:
    routing = replace(ROUTING, fallbacks=fallbacks or {})
    return FallbackOutbox(StoredOutbox(database=database, routing=routing), memory=FallbackMemory())


def _write(database: Database, *notifications: Notification) -> None:
    with database.begin() as tx:
        enqueue(tx, notifications, receivers=["am"], at=_now())


def _told(receiver: FakeReceiver) -> list[tuple[str, str, bool]]:
    return [
        (notification.slo, notification.status.value, dict(notification.annotations).get("durability") == "degraded")
        for notification in receiver.delivered
    ]


def _play(outbox: FallbackOutbox, receivers: Sequence[FakeReceiver], *steps: tuple[Callable[[], None], int]) -> None:
    """Run a loop: after each step wait until the last receiver was told so many."""

    async def play() -> None:
        loop = DeliveryLoop(
            outbox=outbox,
            receivers=receivers,
            clock=SkewedClock(),
            instruments=RecordingInstruments(),
            timing=DeliveryTiming(idle=timedelta(milliseconds=50)),
            backoff=QUICK,
        )
        task = asyncio.create_task(loop.run())
        for step, count in steps:
            step()
            loop.wake()
            await reaches(lambda count=count: len(receivers[-1].delivered) >= count)  # type: ignore[misc]
        await _settled(outbox)
        loop.stop()
        await task

    asyncio.run(play())


async def _settled(outbox: FallbackOutbox) -> None:
    """Wait until all is seen to, if it can be: a busy machine needs longer for that than for message."""
    blocked = 0
    for _ in range(2_000):
        await asyncio.sleep(0.02)
        blocked = blocked + 1 if outbox._unclaimable else 0
        if blocked > 50 or await asyncio.to_thread(outbox.oldest_waiting) is None:
            return


def test_a_page_that_cannot_be_stored_goes_out_at_once_and_is_not_repeated_once_it_is(
    database: Database, tmp_path: Path
) -> None:
    am = FakeReceiver("am")
    am.script = [REFUSED, REFUSED]
    outbox = _outbox(database)
    notifications = (firing(), resolved())
    with unwritable(tmp_path):
        _play(
            outbox,
            [am],
            (lambda: outbox.hold([firing()], at=_now()), 1),
            (lambda: outbox.hold(notifications, at=_now()), 2),
        )
    _write(database, *notifications)
    outbox.hold((), at=_now())
    _play(outbox, [am], (lambda: _write(database, firing("cart")), 3))
    assert _told(am) == [
        ("checkout-availability", "firing", True),
        ("checkout-availability", "resolved", True),
        ("cart", "firing", False),
    ]
    with database.read() as tx:
        assert oldest_waiting(tx) is None


def test_tickets_wait_for_the_database(database: Database, tmp_path: Path) -> None:
    am = FakeReceiver("am")
    outbox = _outbox(database)
    with unwritable(tmp_path):
        held = [firing("cart", severity=Severity.TICKET), firing()]
        _play(outbox, [am], (lambda: outbox.hold(held, at=_now()), 1))
    assert _told(am) == [("checkout-availability", "firing", True)]


def test_what_was_stored_before_goes_out_first(database: Database, tmp_path: Path) -> None:
    """A page that was written and could not be claimed any more, and its end, which could not be written."""
    am = FakeReceiver("am")
    am.script = [REFUSED] * 3
    outbox = _outbox(database)
    _write(database, firing())
    with unwritable(tmp_path):
        _play(outbox, [am], (lambda: outbox.hold([resolved()], at=_now()), 2))
    assert _told(am) == [("checkout-availability", "firing", False), ("checkout-availability", "resolved", True)]
    _write(database, resolved())
    outbox.hold((), at=_now())
    _play(outbox, [am], (lambda: None, 2))
    assert len(am.delivered) == 2
    with database.read() as tx:
        assert oldest_waiting(tx) is None


def test_the_end_of_a_stored_page_waits_for_the_page(database: Database) -> None:
    """A tick could not be written, though others can: what waits for its next attempt is not overtaken."""
    outbox = _outbox(database)
    _write(database, firing())
    (entry,) = outbox.claim("am", at=_now())
    outbox.hold([resolved()], at=_now())
    assert outbox.claim("am", at=_now()) == []
    assert entry.notification == firing()


def test_a_page_that_is_refused_falls_back_from_memory(database: Database, tmp_path: Path) -> None:
    am, mail = FakeReceiver("am"), FakeReceiver("mail")
    am.script = [Rejected(detail="410 gone")]
    outbox = _outbox(database, fallbacks={"am": "mail"})
    with unwritable(tmp_path):
        _play(outbox, [am, mail], (lambda: outbox.hold([firing()], at=_now()), 1))
    _write(database, firing())
    outbox.hold((), at=_now())
    _play(outbox, [am, mail], (lambda: None, 1))
    assert (_told(am), _told(mail)) == ([], [("checkout-availability", "firing", True)])
    with database.read() as tx:
        assert [letter.error for letter in dead_letters(tx)] == ["410 gone"]
        assert oldest_waiting(tx) is None


def _meanwhile(monkeypatch: pytest.MonkeyPatch, reading: str, act: Callable[[], object]) -> list[threading.Thread]:
    """Let another thread act once what waits for a receiver has been read and memory has not yet been told of it."""
    threads: list[threading.Thread] = []

    def waiting(tx: Connection, receiver: str, *, from_id: int = 0) -> Sequence[OutboxEntry]:
        found = stored.waiting(tx, receiver, from_id=from_id)
        if not from_id and receiver == reading and not threads:
            threads.append(threading.Thread(target=act))
            threads[0].start()
            # As long as it may take; it cannot end before its turn.
            threads[0].join(0.2)
        return found

    monkeypatch.setattr("app.delivery.fallback_outbox.waiting", waiting)
    return threads


def test_what_one_receiver_learns_is_not_undone_by_what_another_has_read_before(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fallback was paged from memory, and that is stored while another task compares memory with the database."""
    outbox = _outbox(database, fallbacks={"am": "mail"})
    with unwritable(tmp_path):
        outbox.hold([firing()], at=_now())
        (entry,) = outbox.claim("am", at=_now())
        outbox.settle({entry.id: GiveUp(reason=FailureReason.REJECTED, error="410 gone")}, at=_now())
        (entry,) = outbox.claim("mail", at=_now())
        outbox.settle({entry.id: Done()}, at=_now())
    _write(database, firing())
    outbox.hold((), at=_now())
    threads = _meanwhile(monkeypatch, "mail", lambda: outbox.claim("am", at=_now()))
    assert outbox.claim("mail", at=_now()) == []
    for thread in threads:
        thread.join()
    assert outbox.claim("am", at=_now()) == []
    assert outbox.claim("mail", at=_now()) == []
    with database.read() as tx:
        assert oldest_waiting(tx) is None


def test_a_page_that_is_held_while_memory_is_compared_goes_out(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = _outbox(database)
    _write(database, firing("cart"))
    with unwritable(tmp_path):
        threads = _meanwhile(monkeypatch, "am", lambda: outbox.hold([firing()], at=_now()))
        outbox.claim("am", at=_now())
        for thread in threads:
            thread.join()
        assert [entry.notification.slo for entry in outbox.claim("am", at=_now())] == ["cart", "checkout-availability"]


@pytest.mark.parametrize("at_first", [1, 2], ids=["decided later", "decided already"])
def test_whoever_is_told_in_the_place_of_another_hears_the_end_too(
    database: Database, tmp_path: Path, at_first: int
) -> None:
    """The receiver is back for the end alone, and takes it itself."""
    am, mail = FakeReceiver("am"), FakeReceiver("mail")
    am.script = [Rejected(detail="410 gone")]
    outbox = _outbox(database, fallbacks={"am": "mail"})
    notifications = (firing(), resolved())
    with unwritable(tmp_path):
        _play(
            outbox,
            [am, mail],
            (lambda: outbox.hold(notifications[:at_first], at=_now()), at_first),
            (lambda: outbox.hold(notifications, at=_now()), 2),
        )
    _write(database, *notifications)
    outbox.hold((), at=_now())
    _play(outbox, [am, mail], (lambda: None, 2))
    assert _told(am) == [("checkout-availability", "resolved", True)]
    assert _told(mail) == [("checkout-availability", "firing", True), ("checkout-availability", "resolved", True)]
    with database.read() as tx:
        assert oldest_waiting(tx) is None


def test_a_stored_page_that_is_refused_falls_back_with_its_end(database: Database, tmp_path: Path) -> None:
    """Both were stored, and cannot be claimed any more; ticks without news go on meanwhile."""
    am, mail = FakeReceiver("am"), FakeReceiver("mail")
    am.script = [Rejected(detail="410 gone")]
    mail.script = [REFUSED] * 3
    outbox = _outbox(database, fallbacks={"am": "mail"})
    _write(database, firing(), resolved())
    with unwritable(tmp_path):
        _play(outbox, [mail, am], (lambda: None, 1), (lambda: outbox.hold((), at=_now()), 1))
    assert [notification.status for notification in am.delivered] == [NotificationStatus.RESOLVED]
    assert mail.delivered == [firing(), resolved()]
    _play(outbox, [am, mail], (lambda: None, 2))
    assert (len(am.delivered), len(mail.delivered)) == (1, 2)
    with database.read() as tx:
        assert oldest_waiting(tx) is None


def test_pages_go_out_while_the_database_cannot_even_be_read(database: Database, tmp_path: Path) -> None:
    am = FakeReceiver("am")
    am.script = [REFUSED]
    outbox = _outbox(database)
    notifications = (firing(), resolved())
    with capture_logs() as logs, unreadable(database, tmp_path):
        _play(
            outbox,
            [am],
            (lambda: outbox.hold([firing()], at=_now()), 1),
            (lambda: outbox.hold(notifications, at=_now()), 2),
        )
    assert not [line for line in logs if line["log_level"] == "error"]
    _write(database, *notifications)
    outbox.hold((), at=_now())
    _play(outbox, [am], (lambda: _write(database, firing("cart")), 3))
    assert [(slo, status) for slo, status, _ in _told(am)] == [
        ("checkout-availability", "firing"),
        ("checkout-availability", "resolved"),
        ("cart", "firing"),
    ]


@pytest.mark.parametrize("is_tried", [True, False])
def test_a_stored_page_is_sent_before_its_end_though_it_cannot_be_read(
    database: Database, tmp_path: Path, *, is_tried: bool
) -> None:
    """It was tried before, or waited at the end of an evaluation."""
    outbox = _outbox(database)
    _write(database, firing())
    now = _now()
    if is_tried:
        (entry,) = outbox.claim("am", at=_now())
        outbox.settle({entry.id: RetryAt(due_at=now, error="slow")}, at=now)
    else:
        outbox.copy_pages()
    with unreadable(database, tmp_path):
        outbox.hold([resolved()], at=now)
        for status in NotificationStatus.FIRING, NotificationStatus.RESOLVED:
            (entry,) = outbox.claim("am", at=now)
            assert entry.notification.status is status
            outbox.settle({entry.id: Done()}, at=now)
        assert outbox.claim("am", at=now) == []
        assert outbox.next_due("am") == now + timedelta(seconds=5)
    _write(database, resolved())
    outbox.hold((), at=now)
    for _ in range(3):
        assert outbox.claim("am", at=_now()) == []
    with database.read() as tx:
        assert oldest_waiting(tx) is None


def test_what_cannot_be_asked_is_asked_again_soon(database: Database, tmp_path: Path) -> None:
    """The database fails after it has been asked for what is due."""
    outbox = _outbox(database)
    now = _now()
    _write(database, firing("cart"))
    made_at = outbox.oldest_waiting()
    assert outbox.claim("mail", at=now) == []
    with unreadable(database, tmp_path):
        assert outbox.next_due("mail") == now + timedelta(seconds=5)
        assert outbox.oldest_waiting() == made_at


def test_what_cannot_be_stored_is_repeated_all_the_same(database: Database) -> None:
    """An Alertmanager that hears no more of a page takes it as resolved; and of its end, as firing."""
    alerts = ActiveAlerts(StoredAlertsToRepeat(database=database, routing=ROUTING))
    now = _now()
    fires = firing("cart", starts_at=now)
    alerts.hold([fires, firing("cart", severity=Severity.TICKET)])
    assert [(one.slo, one.status) for one in alerts.active_and_recently_resolved("am", at=now)] == [
        ("cart", NotificationStatus.FIRING)
    ]
    assert alerts.active_and_recently_resolved("mail", at=now) == ()
    alerts.hold([fires, resolved("cart", starts_at=now, after=timedelta(0))])
    assert [one.status for one in alerts.active_and_recently_resolved("am", at=now)] == [NotificationStatus.RESOLVED]
    assert alerts.active_and_recently_resolved("am", at=now + timedelta(hours=1)) == ()


def test_a_page_that_is_written_while_it_is_looked_for_is_repeated(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the database was read, and before it is looked at what is unwritten."""
    alerts = ActiveAlerts(StoredAlertsToRepeat(database=database, routing=ROUTING))
    page = firing("cart", starts_at=_now())
    alerts.hold([page])

    def read_before_an_evaluation_ends(tx: Connection, receiver: str, *, since: datetime) -> tuple[Notification, ...]:
        found = stored.recently_resolved(tx, receiver, since=since)
        with database.begin() as other:
            save_alerts(other, [_alert_of(page)], {page.key: page})
        alerts.hold([])
        return found

    monkeypatch.setattr("app.integrations.active_alerts.recently_resolved", read_before_an_evaluation_ends)
    assert [one.key for one in alerts.active_and_recently_resolved("am", at=_now())] == [page.key]


def _alert_of(page: Notification) -> Alert:
    return Alert(
        slo=page.slo,
        severity=page.severity,
        state=AlertState.FIRING,
        since=page.starts_at,
        incident=page.incident,
        announced=True,
    )


def test_an_end_is_told_though_nobody_knows_what_message_it_belongs_to(database: Database, tmp_path: Path) -> None:
    messages = FallbackMessageRefs(stored=StoredMessageRefs(database=database))
    messages.remember("slack", [firing()], handle="C1/1", at=_now())
    with unreadable(database, tmp_path):
        assert messages.recall("slack", [resolved()]) == {}
    assert messages.recall("slack", [resolved()]) != {}


def test_a_message_that_cannot_be_noted_was_sent_all_the_same(database: Database, tmp_path: Path) -> None:
    messages = FallbackMessageRefs(stored=StoredMessageRefs(database=database))
    with unwritable(tmp_path):
        messages.remember("slack", [firing()], handle="C1/1", at=_now())
        assert messages.recall("slack", [firing()]) == {firing(): MessageRef(handle="C1/1", alerts=1)}
        messages.forget("slack", [firing()])
    assert messages.recall("slack", [firing()]) == {}


@pytest.mark.parametrize("delivered", [True, False])
@pytest.mark.parametrize("written", [True, False])
def test_what_the_receivers_of_before_a_reload_are_sending_is_sent_again_only_if_they_were_cut_off(
    database: Database, tmp_path: Path, written: bool, delivered: bool
) -> None:
    """While the database cannot be written, be the page in it or only in memory; a new receiver gets it as well."""
    memory, page, pages = FallbackMemory(), firing(), [] if written else [firing()]
    routings = (ROUTING, replace(ROUTING, always=("am", "mail")))
    old, new = (FallbackOutbox(StoredOutbox(database=database, routing=one), memory=memory) for one in routings)
    if written:
        _write(database, page)
    with unwritable(tmp_path):
        old.hold(pages, at=_now())
        (entry,) = old.claim("am", at=_now())
        new.hold(pages, at=_now())
        assert len(new.claim("mail", at=_now())) == len(pages)
        at = _now()
        assert not new.claim("am", at=at)
        # Else the delivery loop would ask again and again until the attempt has ended.
        assert (new.next_due("am") or at) > at
        if delivered:
            old.settle({entry.id: Done()}, at=_now())
        old.abandon()
        assert [one.idempotency_key for one in new.claim("am", at=_now())] == (
            [] if delivered else [entry.idempotency_key]
        )
