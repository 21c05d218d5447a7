"""What grows with time, in virtual time: the database over a year (D8), memory and open files over a day (P10).

`SLOBURN_SOAK` says how long: 14 days and 40 minutes in `make test`; more than a year and a day in `make soak`.
"""

import gc
import logging
import sqlite3
import tracemalloc
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from testbed.trace_kinds import generate
from tests.evaluation.memory import MemorySource, Series, series_of
from tests.evaluation.plain import availability, requests, slos
from tests.evaluation.running import Running, slos_of
from tests.support.soak import SOAK

HOUR, DAY = 3600, 86_400
START = 1_790_000_000 // DAY * DAY
MOST_BYTES_A_DAY = 20_000

_log = logging.getLogger(__name__)


def _bytes(path: Path) -> dict[str, int]:
    """What the database uses: the whole, and of the ledger's chunks by the width of their cells."""
    with closing(sqlite3.connect(path)) as database:
        pages, unused, size = (
            database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        widths = database.execute("SELECT width_s, sum(length(cells)) FROM ledger_chunk GROUP BY width_s")
        return {"all": (pages - unused) * size} | {f"{width} s": total for width, total in widths}


def _noisy(labels: dict[str, str], end: int, *, per_minute: float) -> Series:
    """A counter that is scraped each minute and never grows evenly, so that it cannot be compressed to nothing."""
    times = np.arange(START + 7.0, end, 60.0)
    grown = np.random.default_rng(1).poisson(per_minute, len(times))
    return Series(labels=labels, times=times, values=np.cumsum(grown).astype(np.float64))


@pytest.mark.soak
def test_a_database_grows_by_little_and_not_for_ever(tmp_path: Path) -> None:
    """Fine cells go when no window needs them; what is left is bounded by the longest window."""
    days = 440 if SOAK > 1 else 14
    end = START + days * DAY
    source = MemorySource(
        [_noisy(requests("shop"), end, per_minute=300.0), _noisy(requests("shop", "500"), end, per_minute=0.7)]
    )
    document = availability("shop", window="30d", objective=99)
    sizes: dict[int, dict[str, int]] = {}

    def move(at: float) -> None:
        source.now = at - 1

    with Running(slos([document], tmp_path / "slos"), source, tmp_path / "live.db", move=move) as live:
        # Tables and indexes take their pages once, however many SLOs and days there are.
        empty = _bytes(tmp_path / "live.db")["all"]
        for day in range(1, days + 1):
            live.tick(*range(START + (day - 1) * DAY + HOUR, START + day * DAY + 1, HOUR))
            sizes[day] = _bytes(tmp_path / "live.db")
    _log.info("after %s days: %s; empty: %s", days, sizes[days], empty)
    grown = {name: (sizes[days].get(name, 0) - sizes[10].get(name, 0)) / (days - 10) for name in sizes[days]}
    _log.info("bytes an SLO and day, from day 10: %s", grown)
    assert grown["all"] < MOST_BYTES_A_DAY / 4
    assert (sizes[days]["all"] - empty) / days < MOST_BYTES_A_DAY
    assert empty < 500_000
    # Of the fine cells there are no more than at the beginning.
    for fine in sorted(name for name in sizes[days] if name != "all")[:-1]:
        assert abs(grown[fine]) < 100
    if days > 410:
        assert sizes[days]["all"] <= 1.05 * sizes[410]["all"]


@pytest.mark.soak
def test_memory_and_open_files_stay_as_they_are(tmp_path: Path) -> None:
    """Ticks leave nothing behind: neither what they asked nor what they were answered."""
    pieces, piece_s = (25, HOUR) if SOAK > 1 else (2, HOUR // 3)
    end = START + 6 * HOUR + pieces * piece_s
    traces = generate(("churn",), start=START, end=end, seed=3)
    source = MemorySource(series_of(traces.samples))

    def move(at: float) -> None:
        source.now = at - 1
        source.asked.clear()

    used: dict[int, tuple[int, int]] = {}
    with Running(slos_of(traces, tmp_path / "slos", window="1d"), source, tmp_path / "live.db", move=move) as live:
        live.tick(START + 6 * HOUR)
        live.backfill(START + 6 * HOUR)
        tracemalloc.start()
        for piece in range(1, pieces + 1):
            at = START + 6 * HOUR + piece * piece_s
            live.run(at - piece_s, at)
            gc.collect()
            used[piece] = tracemalloc.get_traced_memory()[0], len(list(Path("/proc/self/fd").iterdir()))
        tracemalloc.stop()
    _log.info("bytes and open files by piece: %s", used)
    assert used[pieces][1] <= used[1][1]
    each = (used[pieces][0] - used[1][0]) / (pieces - 1)
    assert each < 200_000
