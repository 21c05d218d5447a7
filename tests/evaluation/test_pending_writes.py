"""What an evaluation has decided is sent, whatever becomes of the rest of that evaluation."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, event
from typing_extensions import override

from app.evaluation.saving import writer
from app.slo import AlertState
from app.store import Database, StoreUnavailableError, open_database, open_database_in_memory
from app.store.alerts import recent_transitions
from app.store.hanging_write import HangingWrite
from app.store.outbox import waiting
from testbed.waiting import PATIENCE_S
from tests.evaluation.memory import MemorySource
from tests.evaluation.plain import availability, counter, requests, slos
from tests.evaluation.running import INTERVAL_S, Running

END = 1_800_000_000
BREAKS = END - 3600


def test_a_page_whose_evaluation_fails_is_sent_by_the_next_one(tmp_path: Path) -> None:
    """The evaluation in which the alert fires breaks off before anything of it is committed."""
    span = (END - 8 * 3600, END)
    errors = counter(requests("checkout", "500"), span, per_second=0.0, bursts=[((BREAKS, END), 0.5)])
    source = MemorySource([counter(requests("checkout"), span), errors])

    def move(at: float) -> None:
        source.now = at - 1

    loaded = slos([availability("checkout")], tmp_path / "slos")
    with Running(loaded, source, tmp_path / "live.db", move=move) as running:
        running.run(BREAKS - 600, BREAKS)

        def fails_once_it_fires() -> None:
            if any(alert.state is AlertState.FIRING for alert in running.snapshot("checkout-availability").alerts):
                raise ZeroDivisionError("a mistake")

        async def until_it_fails() -> None:
            for at in range(BREAKS + INTERVAL_S, BREAKS + 1200, INTERVAL_S):
                move(at)
                await running.evaluator.evaluate(datetime.fromtimestamp(at, UTC), judged=fails_once_it_fires)

        with pytest.raises(ZeroDivisionError):
            running.do(until_it_fails())
        at = source.now + 1
        with running.database.read() as transaction:
            assert not waiting(transaction, "pager")
        running.tick(at + INTERVAL_S)
        with running.database.read() as transaction:
            told = waiting(transaction, "pager")
            changes = recent_transitions(transaction)
    assert [
        (entry.notification.severity, entry.notification.status, entry.notification.at.timestamp()) for entry in told
    ] == [("page", "firing", at)]
    assert [(change.kind, change.at.timestamp()) for change in changes if change.notify] == [("fired", at)]


class Hanging(Database):
    """A database on a disk that hangs: a write waits *at* its first statement or its commit until *answers* is set."""

    def __init__(self, opened: Database, at: str) -> None:
        super().__init__(opened._backend)
        self.at = at
        self.answers = threading.Event()
        self.answers.set()

    @contextmanager
    @override
    def begin(self) -> Iterator[Connection]:
        with super().begin() as tx:
            if self.at == "statement":
                event.listen(tx, "after_cursor_execute", self._hang)
            yield tx
            if self.at == "commit":
                self._hang()

    def _hang(self, *_statement: object) -> None:
        assert self.answers.wait(PATIENCE_S)


def test_a_write_that_computes_is_not_given_up() -> None:
    """What it reads must not change meanwhile."""
    write = HangingWrite()
    database = open_database_in_memory()
    with database.begin() as tx, write.computing(tx):
        assert not write.give_up()
    assert write.give_up()
    with pytest.raises(StoreUnavailableError, match="given up"), database.begin() as tx, write.computing(tx):
        pytest.fail("nothing is read")
    database.close()


@pytest.mark.parametrize("hangs_at", ["statement", "commit"])
def test_a_page_is_not_kept_waiting_by_a_disk_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hangs_at: str
) -> None:
    """The write that hangs ends at last, and all is stored once; what has changed meanwhile is not read by it."""
    span = (END - 8 * 3600, END)
    errors = counter(requests("checkout", "500"), span, per_second=0.0, bursts=[((BREAKS, END), 0.5)])
    source = MemorySource([counter(requests("checkout"), span), errors])
    loaded = slos([availability("checkout")], tmp_path / "slos")
    databases: list[Hanging] = []

    def opened(url: str) -> Database:
        databases.append(Hanging(open_database(url), hangs_at))
        return databases[-1]

    def move(at: float) -> None:
        source.now = at - 1

    with Running(loaded, source, tmp_path / "live.db", move=move, open_=opened) as running:
        running.run(BREAKS - 600, BREAKS)
        databases[0].answers.clear()
        monkeypatch.setattr(writer, "_HANGS_AFTER_S", 0.05)
        running.run(BREAKS, BREAKS + 600)
        assert "hangs" in str(running.evaluator.store_problem)
        fired = [one.at for one in running.evaluator.unwritten if one.severity == "page"]
        databases[0].answers.set()
        monkeypatch.setattr(writer, "_HANGS_AFTER_S", 600.0)
        # The write that hung ends first: the next is not begun before.
        saving = running.evaluator._writer._saving
        assert saving is not None
        running.do(asyncio.wait({saving}))
        assert isinstance(saving.exception(), StoreUnavailableError) is (hangs_at == "statement")
        running.tick(BREAKS + 600 + INTERVAL_S)
        assert running.evaluator.store_problem is None
        assert not running.evaluator.unwritten
        with running.database.read() as transaction:
            told = [entry.notification for entry in waiting(transaction, "pager")]
    assert [one.at for one in told if one.severity == "page"] == fired[:1]
