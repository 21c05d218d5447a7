"""What targets tell of their own start decides where samples leave doubt: live and in history alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from app.prometheus import UnreachableError
from app.slo.arrays import Floats
from tests.evaluation.memory import MemorySource, Series
from tests.evaluation.plain import availability, requests, slos
from tests.evaluation.running import INTERVAL_S, Running

END = 1_800_000_000
BEGAN = END - 1800.0
"""When a process or a series began, in every case."""
TIMES = np.arange(END - 7200 + 5.0, END + 1200, 30)


def counter(job: str, code: str, values: Floats, *, since: float = 0.0, instance: str = "a:80") -> Series:
    seen = since <= TIMES
    return Series(labels=requests(job, code, instance=instance), times=TIMES[seen], values=np.floor(values[seen]))


def started(job: str, *times_and_starts: tuple[float, float], instance: str = "a:80") -> Series:
    """What a target tells of the start of its process; each start from a time on."""
    times = TIMES[times_and_starts[0][0] <= TIMES]
    values = np.full(len(times), np.nan)
    for since, start in times_and_starts:
        values[times >= since] = start
    return Series(
        labels={"__name__": "process_start_time_seconds", "job": job, "instance": instance}, times=times, values=values
    )


def grown(per_second: float, since: float) -> Floats:
    return per_second * np.maximum(TIMES - since, 0.0)


@dataclass(frozen=True)
class Case:
    """A service's series, and its true total and bad events in the last hour of END, give or take one scrape's."""

    series: list[Series]
    total: float
    bad: float
    within: float


def cases() -> Mapping[str, Case]:
    steady = [counter(job, "200", 1e6 + 10 * (TIMES - END)) for job in ("late", "exporter")]
    created = {
        code: {**requests("scrapes", code, instance="a:80"), "__name__": "http_requests_created"}
        for code in ("200", "500")
    }
    return {
        # A pod serves for three minutes before its first scrape.
        "late": Case(
            [
                steady[0],
                counter("late", "200", grown(9, BEGAN), since=BEGAN + 180, instance="b:80"),
                counter("late", "500", grown(1, BEGAN), since=BEGAN + 180, instance="b:80"),
                started("late", (BEGAN + 180, BEGAN), instance="b:80"),
            ],
            36_000 + 18_000,
            1800,
            600,
        ),
        # What has just begun exports what other processes counted in a year.
        "exporter": Case(
            [
                steady[1],
                counter("exporter", "200", 5e6 + grown(9, BEGAN), since=BEGAN + 20, instance="c:80"),
                counter("exporter", "500", 4e5 + grown(1, BEGAN), since=BEGAN + 20, instance="c:80"),
                started("exporter", (BEGAN + 20, BEGAN), instance="c:80"),
            ],
            36_000 + 18_000,
            1800,
            600,
        ),
        # A restart, and requests come forty times as fast.
        "surge": Case(
            [
                counter("surge", "200", np.where(TIMES < BEGAN, 5000 + TIMES - END + 7200, grown(40, BEGAN))),
                started("surge", (0, END - 1e6), (BEGAN, BEGAN)),
            ],
            1800 + 40 * 1800,
            0,
            1300,
        ),
        # A collector restarts; the processes whose counters it exports go on.
        "collector": Case(
            [
                counter("collector", "200", 1e6 + 10 * (TIMES - END)),
                counter("collector", "500", 5e4 + 0.01 * (TIMES - END)),
                started("collector", (0, END - 1e6), (BEGAN, BEGAN)),
            ],
            36_036,
            36,
            300,
        ),
        # An exporter restarts and exports one more of the counters of a process that goes on.
        "one-more": Case(
            [
                counter("one-more", "200", 1e6 + 10 * (TIMES - END)),
                counter("one-more", "500", 2500 + 0.01 * (TIMES - END), since=BEGAN + 5),
                started("one-more", (0, END - 1e6), (BEGAN, BEGAN)),
            ],
            36_018,
            18,
            300,
        ),
        # A thousand requests fail at once where a request a second is usual: the series is created by the first.
        "created": Case(
            [
                counter("created", "200", 5000 + TIMES - END + 7200),
                counter("created", "500", 1000 + 0 * TIMES, since=BEGAN),
                Series(
                    labels={**requests("created", "500", instance="a:80"), "__name__": "http_requests_created"},
                    times=TIMES[TIMES >= BEGAN],
                    values=np.full(int((TIMES >= BEGAN).sum()), BEGAN),
                ),
            ],
            3600 + 1000,
            1000,
            40,
        ),
        # An exporter tells of each counter that it was created at the scrape, also of those that go on.
        "scrapes": Case(
            [
                counter("scrapes", "200", 5000 + TIMES - END + 7200),
                counter("scrapes", "500", 60_000 + 0 * TIMES, since=BEGAN),
                Series(labels=created["200"], times=TIMES, values=TIMES - 2),
                Series(labels=created["500"], times=TIMES[TIMES >= BEGAN], values=TIMES[TIMES >= BEGAN] - 2),
            ],
            3600,
            0,
            40,
        ),
    }


CASES = cases()
Hour = tuple[float, float]


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Hour]]:
    """Total and bad events in the hour before END of every case, counted live and from history."""
    folder = tmp_path_factory.mktemp("starts")
    source = MemorySource([one for case in CASES.values() for one in case.series])
    watched = slos([availability(job) for job in CASES], folder / "slos")

    def move(at: float) -> None:
        source.now = at - 1

    found = {}
    with (
        Running(watched, source, folder / "live.db", move=move) as live,
        Running(watched, source, folder / "fresh.db", move=move) as fresh,
        Running(watched, source, folder / "restarted.db", move=move) as restarted,
    ):
        # Right after each of the two moments at which something begins, before any of it is counted for good.
        for since, until in ((END - 2400, BEGAN + 60), (BEGAN + 60, BEGAN + 240), (BEGAN + 240, END)):
            restarted.run(int(since), int(until), backfill=False)
            restarted.restart()
        live.run(END - 2400, END - 1620, backfill=False)
        found["at once"] = hours(live)
        live.run(END - 1620, END, backfill=False)
        fresh.tick(END)
        for way, each in (("live", live), ("history", fresh), ("restarted", restarted)):
            each.backfill(END)
            each.tick(END + INTERVAL_S)
            found[way] = hours(each)
    return found


def hours(running: Running) -> dict[str, Hour]:
    views = {shown.slo.service: shown.windows for shown in running.board.snapshots}
    return {
        job: next((view.total, view.bad) for view in windows if view.window.total_seconds() == 3600)
        for job, windows in views.items()
    }


@pytest.mark.parametrize("way", ["live", "history"])
@pytest.mark.parametrize("job", CASES)
def test_starts_decide_together_with_the_samples(counted: dict[str, dict[str, Hour]], job: str, way: str) -> None:
    case = CASES[job]
    total, bad = counted[way][job]
    assert total == pytest.approx(case.total, abs=case.within)
    assert bad == pytest.approx(case.bad, abs=case.within / 10)


def test_live_and_history_agree_to_the_event(counted: dict[str, dict[str, Hour]]) -> None:
    assert counted["live"] == counted["history"]


def test_a_restart_while_starts_are_evidence_changes_no_count(counted: dict[str, dict[str, Hour]]) -> None:
    """What was asked for is only in memory: it is asked for again until it is counted for good."""
    assert counted["restarted"] == counted["live"]


def test_what_began_counts_within_minutes(counted: dict[str, dict[str, Hour]]) -> None:
    """An alert need not wait until samples are final."""
    assert counted["at once"]["created"][1] == 1000


def test_one_small_query_is_asked_where_there_is_doubt_and_no_answer_is_needed(tmp_path: Path) -> None:
    """A start that cannot be asked for leaves what samples tell, and no failure; it is asked for again until then."""
    source = MemorySource(CASES["created"].series)
    about_starts: list[str] = []

    def fault(expr: str) -> None:
        if "process_start_time_seconds" in expr:
            about_starts.append(expr)
            raise UnreachableError("connection refused")

    source.fault = fault
    with Running(slos([availability("created")], tmp_path / "slos"), source, tmp_path / "it.db") as running:
        source.now = END
        running.run(END - 2400, END - 1620, backfill=False)
        assert hours(running)["created"][1] == 0
        assert not running.instruments.failures
    assert 1 <= len(about_starts) <= 3
    assert set(about_starts) == {
        'last_over_time({__name__=~"http_requests_created|process_start_time_seconds",instance="a:80",job="created"}[300s])'
    }
