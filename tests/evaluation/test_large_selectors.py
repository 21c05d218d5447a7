"""A selector whose answer is too large is read in parts; the parts are remembered, and what is in vain is not tried."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from typing_extensions import override

from app.clock import SystemClock
from app.ingest.counting.slot_queries import _longest_read_s
from app.ingest.series.tracked_slis import tracked_slis_of
from app.prometheus import HttpConfig, Limits, Matrix, TooLargeError, open_client
from app.promql.matching import matches
from app.promql.selector_text import parse_selector
from app.slo import Slo
from app.status import DataState, ProblemCode
from testbed.openmetrics import create_blocks
from testbed.servers import prometheus
from tests.evaluation.memory import MemorySource, Series
from tests.evaluation.plain import availability, counter, requests, slos
from tests.evaluation.running import Running
from tests.evaluation.test_on_real_servers import Asked
from tests.evaluation.test_series_on_real_servers import END as REAL_END
from tests.evaluation.test_series_on_real_servers import samples_of

END = 1_800_000_000
BIG, SMALL = "big-availability", "small-availability"


@dataclass(slots=True)
class Narrow(MemorySource):
    """Refuses answers of more series than *most*; counts series by label as well."""

    most: int = 30
    refused: int = 0

    @override
    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        counting = re.fullmatch(r"(?:count by \((\w+)\) |topk\(1, )\(?last_over_time\((.*)\[\d+ms\]\)\)", expr)
        if counting is None:
            return self._limited(await MemorySource.instant(self, expr, at, deadline=deadline))
        self._note(expr)
        label, selector = counting.groups()
        found = [one.labels for one in self.series if matches(parse_selector(selector), one.labels)]
        if label is None:
            return _vector([(labels, 1.0) for labels in found[:1]])
        counted = Counter(labels.get(label, "") for labels in found)
        return _vector([({label: value}, float(count)) for value, count in counted.items()])

    @override
    async def range(
        self, expr: str, start: datetime, end: datetime, step: timedelta, *, deadline: float | None = None
    ) -> Matrix:
        return self._limited(await MemorySource.range(self, expr, start, end, step, deadline=deadline))

    def _limited(self, matrix: Matrix) -> Matrix:
        if len(matrix) > self.most:
            self.refused += 1
            raise TooLargeError("the answer is larger than 32 MiB; ask for less at once")
        return matrix


def _vector(rows: Sequence[tuple[dict[str, str], float]]) -> Matrix:
    return Matrix(
        labels=tuple(labels for labels, _ in rows),
        lengths=np.ones(len(rows), dtype=np.int64),
        times=np.zeros(len(rows)),
        values=np.array([value for _, value in rows]),
    )


def _fleet(pods: int, end: float = END) -> list[Series]:
    span = (end - 2 * 3600, end)
    big = [counter(requests("big", instance=f"10.0.0.{pod}:80"), span) for pod in range(pods)]
    return [*big, counter(requests("small"), span)]


def _both(folder: Path) -> tuple[Slo, ...]:
    return slos([availability("big"), availability("small")], folder / "slos")


def test_it_is_counted_to_the_event_live_and_in_history(tmp_path: Path) -> None:
    """And from the second slot on nothing is read in vain."""
    source = Narrow(_fleet(100))
    with Running(_both(tmp_path), source, tmp_path / "live.db") as running:
        for at in range(END - 900, END - 840, 30):
            running.tick(at)
        running.backfill(END - 840)
        before = source.refused
        for at in range(END - 840, END, 30):
            running.tick(at)
        assert source.refused == before
        total = {slo: running.snapshot(slo).windows[0].total for slo in (BIG, SMALL)}
        assert total[BIG] == 100 * total[SMALL] > 0
        assert running.snapshot(BIG).data is DataState.FRESH
        assert running.snapshot(BIG).good_ever == 100 * running.snapshot(SMALL).good_ever


def test_what_is_too_large_even_in_parts_is_named_and_not_read_again_soon(tmp_path: Path) -> None:
    """The other SLO is counted all the while, and not a byte more is read in vain."""
    source = Narrow(_fleet(100), most=3)
    with Running(_both(tmp_path), source, tmp_path / "live.db") as running:
        # Counts become final in this slot, and then the reads of a new SLI begin later: these are asked for once more.
        running.tick(END - 870)
        before = source.refused
        for at in range(END - 840, END - 600, 30):
            running.tick(at)
        assert source.refused == before < 20
        (problem,) = running.snapshot(BIG).problems
        assert problem.code is ProblemCode.QUERY_REJECTED
        assert 'http_requests_total{job="big"}' in problem.detail
        assert "narrower selector" in problem.detail
        assert running.snapshot(SMALL).problem is None or running.snapshot(SMALL).data is not DataState.ERROR


def test_series_that_no_label_tells_apart_are_refused(tmp_path: Path) -> None:
    source = Narrow(_fleet(2), most=0)
    with Running(_both(tmp_path), source, tmp_path / "live.db") as running:
        running.tick(END - 900)
        assert running.snapshot(BIG).problems[0].code is ProblemCode.QUERY_REJECTED
        assert running.evaluator.unanswered is None


def test_a_server_whose_every_answer_is_too_large_is_asked_again_after_a_while_only(tmp_path: Path) -> None:
    def refuse(_expr: str) -> None:
        source.refused += 1
        raise TooLargeError("the answer is larger than 32 MiB; ask for less at once")

    source = Narrow(_fleet(2))
    source.fault = refuse
    with Running(_both(tmp_path), source, tmp_path / "live.db") as running:
        running.tick(END - 900)
        running.tick(END - 870)
        before = source.refused
        running.tick(END - 840)
        running.tick(END - 810)
        assert source.refused == before
        assert running.snapshot(BIG).problems[0].code is ProblemCode.QUERY_REJECTED


def test_a_gap_is_caught_up_in_shorter_pieces_the_longer_it_was_refused(tmp_path: Path) -> None:
    """One that is merely not answered is read at once when it is."""
    (tracked,) = tracked_slis_of(slos([availability("big")], tmp_path / "slos"))
    lengths = []
    for tracked.consecutive_failures in range(7):
        tracked.query_rejected = True
        lengths.append(_longest_read_s(tracked))
        tracked.query_rejected = False
        assert _longest_read_s(tracked) == 3600
    assert lengths == [3600, 1800, 900, 300, 300, 300, 300]


@dataclass(slots=True)
class Small(Asked):
    """Takes no answer of more than 48 KiB."""

    @override
    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        limits = Limits(answer_bytes=48 * 1024)
        async with open_client(HttpConfig(url=self.url), clock=SystemClock(), limits=limits) as client:
            return await client.instant(expr, at, deadline=deadline)


def test_it_is_read_in_parts_from_a_real_prometheus(tmp_path: Path) -> None:
    series = _fleet(300, end=REAL_END + 60)
    create_blocks(samples_of(series), tmp_path / "prometheus")
    with prometheus(tmp_path / "prometheus") as server:
        source = Small(server.url)
        with Running(_both(tmp_path), source, tmp_path / "live.db", history=timedelta(0)) as live:
            live.run(REAL_END - 120, REAL_END)
            total = {slo: live.snapshot(slo).windows[0].total for slo in (BIG, SMALL)}
            assert total[BIG] == 300 * total[SMALL] > 0
