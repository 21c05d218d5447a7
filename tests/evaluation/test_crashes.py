"""A process that ends between any two statements, and a store that fails, lose nothing and repeat nothing."""

import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from app.store import Database, StoreError, StoreLockedError, StoreUnavailableError, open_database
from app.store.alerts import recent_transitions
from testbed.trace_kinds import generate
from tests.evaluation.crashes import Crash, breakable
from tests.evaluation.memory import MemorySource, series_of
from tests.evaluation.running import INTERVAL_S, Running, differences, slos_of
from tests.support.soak import IS_SOAK

END = 1_800_000_000
BEGIN = END - 2400
Told = Counter[tuple[str, str]]


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> "Incident":
    return Incident(tmp_path_factory.mktemp("incident"))


class Incident:
    """An incident that pages and ends, beside a service whose scrapes fail for half an hour."""

    def __init__(self, folder: Path) -> None:
        traces = generate(("steady", "outage-45m", "short-lived"), start=END - 5 * 3600, end=END, seed=2)
        self.slos = slos_of(traces, folder / "slos", window="1d")
        self._series = series_of(traces.samples)
        self.path = folder / "whole.db"
        with self.running(self.path) as whole:
            self.start(whole)
            whole.run(BEGIN, END)
            self.shown, self.said, self.told = whole.figures, said(whole), told(whole)
            self.incidents = incidents(whole)
        self.eventful = {
            datetime.fromisoformat(at).timestamp() for at, *_, kind in self.said if kind in {"fired", "resolved"}
        }

    @staticmethod
    def start(running: Running) -> None:
        """Count all history at once, so that what alerts see does not depend on how much of it has been read."""
        running.tick(BEGIN)
        running.backfill(BEGIN)

    def running(self, path: Path, open_: Callable[[str], Database] = open_database) -> Running:
        source = MemorySource(self._series)

        def move(at: float) -> None:
            source.now = at - 1

        return Running(self.slos, source, path, move=move, open_=open_)


def said(running: Running) -> list[tuple[str, str, str, str]]:
    with running.database.read() as transaction:
        changes = recent_transitions(transaction, limit=10_000)
    return sorted((str(change.at), change.slo, change.severity.value, change.kind) for change in changes)


def told(running: Running) -> Told:
    with running.database.read() as transaction:
        rows = transaction.execute(text("SELECT alert_key, status FROM outbox")).all()
    return Counter((row.alert_key, row.status) for row in rows)


def incidents(running: Running) -> list[tuple[object, ...]]:
    with running.database.read() as transaction:
        rows = transaction.execute(text("SELECT id, severity, started_at, ended_at, bad_events, spent FROM incident"))
        return sorted(tuple(row) for row in rows)


def assert_same(running: Running, incident: Incident) -> None:
    assert differences(running.figures, incident.shown) == {}
    assert said(running) == incident.said
    assert told(running) == incident.told
    assert incidents(running) == incident.incidents


def test_the_incident_pages_and_ends(worlds: Incident) -> None:
    """What the other tests rely on; and once it is over, its errors fire no page again."""
    kinds = [kind for _, slo, severity, kind in worlds.said if slo.startswith("steady") and severity == "page"]
    assert [kind for kind in kinds if kind in {"fired", "resolved"}] == ["fired", "resolved"]
    assert worlds.told[next(key for key in worlds.told)] >= 1


def test_a_crash_before_any_statement_and_around_any_commit_changes_nothing(worlds: Incident, tmp_path: Path) -> None:
    """The process ends at the first write, then at the second, and so on; what was not committed is ticked again.

    In the slots in which alerts fire and resolve, and in every fourth; in all where `SLOBURN_SOAK` is above 1.
    """
    places = Places()
    with worlds.running(tmp_path / "live.db", open_=breakable(places.reached)) as live:
        places.paused = True
        worlds.start(live)
        at = BEGIN + INTERVAL_S
        while at <= END:
            places.paused = not (IS_SOAK or at in worlds.eventful or at % (4 * INTERVAL_S) == 0)
            try:
                live.tick(at)
            except Crash:
                live.restart()
                if places.last != "committed":
                    continue
            at += INTERVAL_S
    assert {"commit", "committed"} <= places.hit.keys()
    assert len(places.hit) > 8
    uninterrupted = Path(shutil.copy(worlds.path, tmp_path / "whole.db"))
    with worlds.running(uninterrupted) as whole, worlds.running(tmp_path / "live.db") as again:
        whole.tick(END + INTERVAL_S)
        again.tick(END + INTERVAL_S)
        assert differences(again.figures, whole.figures) == {}
        assert said(again) == said(whole)
        assert told(again) == told(whole)


def test_a_restart_within_a_slot_steps_no_alert_twice(worlds: Incident, tmp_path: Path) -> None:
    """Killed behind the commit of every third slot, and started again before the next: all happens when it should."""
    with worlds.running(tmp_path / "live.db") as live:
        worlds.start(live)
        for at in range(BEGIN + INTERVAL_S, END + 1, INTERVAL_S):
            live.tick(at)
            if at % (3 * INTERVAL_S) == 0:
                live.restart()
                live.tick(at)
        live.backfill(END)
        assert_same(live, worlds)


class Places:
    """Crashes at the first place reached, then at the second after that, the third, and from the first again.

    Each round goes one place further than the one before, so that any slot is passed, however many places it has.
    """

    def __init__(self, most: int = 60) -> None:
        self.hit: Counter[str] = Counter()
        self.last = ""
        self.paused = False
        self._most = most
        self._next = 1
        self._left = 1

    def reached(self, place: str) -> None:
        self._left -= not self.paused
        if self._left <= 0:
            self._next += 1
            if self._next > self._most:
                self._next, self._most = 1, self._most + 1
            self._left = self._next
            self.last = place.split("(", maxsplit=1)[0]
            self.hit[self.last] += 1
            raise Crash


@pytest.mark.parametrize("error", [StoreLockedError("locked"), StoreUnavailableError("database or disk is full")])
def test_what_cannot_be_written_is_kept_and_written_later(worlds: Incident, tmp_path: Path, error: StoreError) -> None:
    """Nothing that happened meanwhile is lost or told twice; the trouble is said and counted."""
    broken: list[StoreError] = []

    def reached(_place: str) -> None:
        if broken:
            raise broken[0]

    with worlds.running(tmp_path / "live.db", open_=breakable(reached)) as live:
        worlds.start(live)
        live.run(BEGIN, BEGIN + 600)
        broken.append(error)
        live.run(BEGIN + 600, END - 600)
        assert live.evaluator.store_problem == str(error)
        assert set(live.instruments.failures) == {error.reason}
        assert live.board.snapshots[0].as_of is not None
        broken.clear()
        live.run(END - 600, END)
        assert_same(live, worlds)
        live.restart()
        live.run(END, END + INTERVAL_S)
        assert live.evaluator.store_problem is None


def test_a_lock_of_another_program_loses_nothing(
    worlds: Incident, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real one: for half an hour somebody else holds the write lock."""
    monkeypatch.setattr("app.store.sqlite.BUSY_TIMEOUT_S", 0.02)
    with worlds.running(tmp_path / "live.db") as live:
        worlds.start(live)
        live.run(BEGIN, BEGIN + 300)
        with live.database.read() as transaction:
            before = recent_transitions(transaction)
        with closing(sqlite3.connect(tmp_path / "live.db", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            live.run(BEGIN + 300, END - 300)
            assert set(live.instruments.failures) == {"store_locked"}
            assert live.evaluator.last_commit is not None
            assert live.evaluator.last_commit.timestamp() == BEGIN + 300
            with live.database.read() as transaction:
                assert recent_transitions(transaction) == before
        live.run(END - 300, END)
        assert_same(live, worlds)
        assert live.evaluator.store_problem is None


def test_a_crash_while_nothing_could_be_written_loses_only_that(worlds: Incident, tmp_path: Path) -> None:
    """What was never committed is counted anew; the alert fires when it is seen burning after the restart."""
    broken: list[StoreError] = []

    def reached(_place: str) -> None:
        if broken:
            raise broken[0]

    with worlds.running(tmp_path / "live.db", open_=breakable(reached)) as live:
        worlds.start(live)
        live.run(BEGIN, BEGIN + 600)
        broken.append(StoreLockedError("locked"))
        live.run(BEGIN + 600, END - 1200)
        broken.clear()
        live.restart()
        live.run(END - 1200, END)
        assert differences(live.figures, worlds.shown) == {}
