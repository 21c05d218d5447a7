"""What an evaluation has decided is sent, whatever becomes of the rest of that evaluation."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection
from typing_extensions import override

from app.evaluation.saving import writer
from app.slo import AlertState
from app.store import Database, open_database
from app.store.alerts import recent_transitions
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
    """A database on a disk that hangs: a write ends once *answers* is set."""

    def __init__(self, opened: Database) -> None:
        super().__init__(opened._backend)
        self.answers = threading.Event()
        self.answers.set()

    @contextmanager
    @override
    def begin(self) -> Iterator[Connection]:
        with super().begin() as tx:
            yield tx
            assert self.answers.wait(PATIENCE_S)


def test_a_page_is_not_kept_waiting_by_a_disk_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The write that hangs ends at last, and all is stored once."""
    span = (END - 8 * 3600, END)
    errors = counter(requests("checkout", "500"), span, per_second=0.0, bursts=[((BREAKS, END), 0.5)])
    source = MemorySource([counter(requests("checkout"), span), errors])
    loaded = slos([availability("checkout")], tmp_path / "slos")
    databases: list[Hanging] = []

    def opened(url: str) -> Database:
        databases.append(Hanging(open_database(url)))
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
        running.tick(BREAKS + 600 + INTERVAL_S)
        assert running.evaluator.store_problem is None
        assert not running.evaluator.unwritten
        with running.database.read() as transaction:
            told = [entry.notification for entry in waiting(transaction, "pager")]
    assert [one.at for one in told if one.severity == "page"] == fired[:1]
