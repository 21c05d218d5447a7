"""A damaged database file is found at the start, whatever is damaged: D4.

`SLOBURN_SOAK` multiplies the number of damages: 20 in `make test`, 400 and more in `make soak`.
"""

import os
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.slo import Slo
from app.store import StoreCorruptError, open_database
from testbed.trace_kinds import generate
from tests.evaluation.memory import MemorySource, Series, series_of
from tests.evaluation.running import Running, slos_of
from tests.support.soak import SOAK

END = 1_800_000_000
_HEADER = 100
"""SQLite notes in the first bytes of a file that it has looked at it."""
SEEDS = 20 * SOAK


@dataclass(frozen=True)
class Living:
    """The files of a service that was killed in an incident, as they lie on disk."""

    slos: tuple[Slo, ...]
    series: list[Series]
    path: Path

    def copy(self, folder: Path) -> Path:
        folder.mkdir()
        for part in self.path.parent.glob("live.db*"):
            shutil.copy(part, folder / part.name)
        return folder / "live.db"

    def running(self, path: Path) -> Running:
        return Running(self.slos, MemorySource(self.series), path)


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    folder = tmp_path_factory.mktemp("living")
    traces = generate(("steady", "short-lived"), start=END - 8 * 3600, end=END, seed=2)
    living = Living(slos_of(traces, folder / "slos", window="1d"), series_of(traces.samples), folder / "live.db")
    # Left open while the tests run: what is closed properly has no log beside it.
    with living.running(living.path) as running:
        running.tick(END - 3000)
        running.backfill(END - 3000)
        running.run(END - 3000, END - 300)
        # What was written so far moves from the log into the file.
        running.restart()
        running.run(END - 300, END)
        assert (folder / "live.db-wal").stat().st_size > 0
        yield living


def _flip(path: Path, dice: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(dice.choice((1, 10, 300))):
        content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    path.write_bytes(content)


def _truncate(path: Path, dice: random.Random) -> None:
    os.truncate(path, dice.randrange(path.stat().st_size))


def _zero(path: Path, dice: random.Random) -> None:
    """A page that never reached the disk."""
    with path.open("r+b") as file:
        file.seek(dice.randrange(path.stat().st_size // 4096) * 4096)
        file.write(bytes(4096))


def test_damage_is_refused_or_harmless_and_nothing_is_overwritten(living: Living, tmp_path: Path) -> None:
    """The file is refused as damaged and left as it is, or it works on; never anything else."""
    outcomes: Counter[str] = Counter()
    for seed in range(SEEDS):
        dice = random.Random(seed)
        path = living.copy(tmp_path / str(seed))
        log = path.with_name(path.name + "-wal")
        damaged = dice.choice((path, path, log))
        if damaged == path and dice.random() < 0.5:
            log.unlink()
        dice.choice((_flip, _truncate, _zero))(damaged, dice)
        before, logged = path.read_bytes(), log.exists()
        try:
            _work_on(living, path)
        except StoreCorruptError:
            # What the log holds may move into the file; nothing else may.
            assert logged or path.read_bytes()[_HEADER:] == before[_HEADER:]
            outcomes["refused"] += 1
            open_database(f"sqlite:///{path}", recover=True).put_aside()
            assert list(path.parent.glob("live.db.damaged-*"))
            _work_on(living, path)
        else:
            outcomes["works on"] += 1
    assert min(outcomes["refused"], outcomes["works on"]) > SEEDS // 10


def test_a_log_that_was_cut_off_is_worth_its_whole_transactions(living: Living, tmp_path: Path) -> None:
    """What was committed before the cut is there: slots in order, without a hole, and nothing of a slot by half."""
    whole = _changes(living.path)
    for seed in range(SEEDS // 4):
        path = living.copy(tmp_path / str(seed))
        _truncate(path.with_name(path.name + "-wal"), random.Random(seed))
        found = _changes(path)
        assert whole[: len(found)] == found


def _work_on(living: Living, path: Path) -> None:
    with living.running(path) as running:
        running.tick(END + 30)


def _changes(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return database.execute("SELECT * FROM transition ORDER BY id").fetchall()
