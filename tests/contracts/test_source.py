"""The Prometheus in memory answers what a real Prometheus and a real VictoriaMetrics answer to what evaluations ask.

Where the servers differ among each other, nothing is asked here: whether a range holds its left edge, whether a dot
matches a newline (in Prometheus 3), and what `!~".*"` selects (in VictoriaMetrics, series without the label).
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from app.evaluation import Source
from app.ledger import LOOKBACK_S
from app.prometheus import BadQueryError, Matrix
from app.promql.gauges import closed_on_the_left, in_cell
from app.promql.samples import falls_within, last_samples, raw_samples, start_times
from app.promql.selector_text import render
from app.slo import CellFunction, Matcher, MatchOp, Selector
from testbed.openmetrics import create_blocks, import_into
from testbed.servers import prometheus, victoria_metrics
from testbed.traces import Samples
from tests.evaluation.memory import MemorySource, series_of
from tests.evaluation.test_on_real_servers import Asked

AT = 1_700_000_100
"""On the grid of slots and of cells."""
STEP_S = 300
TARGETS = (("shop", "api-0:80"), ("shop", "api-1:80"))
ODD = ("", "cart", "Cart", "a|b", "a.b", "aXb", 'quo"te', "back\\slash", "日本", " ")
LINES = "two\nlines"
Answer = dict[tuple[tuple[str, str], ...], list[tuple[float, float]]]
"""Samples by labels; times in seconds."""
Serve = Callable[[Path], AbstractContextManager[Source]]


def _samples() -> list[Samples]:
    """Two hours of counters, some of which fall, begin, end or have a hole; gauges; labels of all kinds."""
    times = np.arange(AT - 7200 + 7, AT, 30, dtype=np.int64)
    grows = 10 * np.arange(len(times), dtype=np.int64)
    falls = np.concatenate([grows[:100], grows[: len(grows) - 100]])
    hole = (times < AT - 4000) | (times > AT - 2000)

    def one(metric: str, at: np.ndarray, values: np.ndarray, **labels: str) -> Samples:
        pairs = tuple(sorted(labels.items()))
        return Samples(metric=metric, labels=pairs, times_ms=at * 1000, values=values)

    shop = {"job": "shop", "code": "200"}
    return [
        one("requests_total", times, grows, instance="api-0:80", **shop),
        one("requests_total", times, falls, instance="api-1:80", **shop),
        one("requests_total", times[150:], grows[:-150], instance="api-2:80", **shop),
        one("requests_total", times[:100], grows[:100], instance="api-3:80", **shop),
        one("requests_total", times[hole], grows[hole], instance="api-4:80", **shop),
        one("errors_total", times, grows // 100, instance="api-0:80", job="shop", code="500"),
        one("up", times, (grows // 70) % 2, instance="api-0:80", job="shop"),
        one("process_start_time_seconds", times, np.full(len(times), AT - 9000), instance="api-0:80", job="shop"),
        *(one("odd_total", times[-3:], grows[-3:] + number, v=value) for number, value in enumerate(ODD) if value),
        one("odd_total", times[-3:], grows[-3:], other="x"),
        one("lines_total", times[-3:], grows[-3:], v=LINES),
    ]


@contextmanager
def on_prometheus(folder: Path) -> Iterator[Source]:
    create_blocks(map(_escaped, _samples()), folder)
    with prometheus(folder) as server:
        yield Asked(server.url)


@contextmanager
def on_victoria_metrics(folder: Path) -> Iterator[Source]:
    with victoria_metrics(folder) as server:
        import_into(server, map(_escaped, _samples()))
        yield Asked(server.url)


def _escaped(samples: Samples) -> Samples:
    labels = tuple(
        (name, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")) for name, value in samples.labels
    )
    return Samples(metric=samples.metric, labels=labels, times_ms=samples.times_ms, values=samples.values)


@pytest.fixture(scope="module")
def memory() -> Source:
    return MemorySource(series_of(_samples()), now=AT)


@pytest.fixture(scope="module", params=[on_prometheus, on_victoria_metrics])
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    serve: Serve = request.param
    with serve(tmp_path_factory.mktemp("data")) as source:
        yield source


@dataclass(frozen=True, slots=True)
class Range:
    """A range query of cells of *STEP_S*; *unnamed*: some servers drop the name of the metric, and some do not."""

    expr: str
    unnamed: bool = False

    async def ask(self, source: Source) -> Matrix:
        start, end = (datetime.fromtimestamp(at, UTC) for at in (AT - 6000, AT))
        return await source.range(self.expr, start, end, timedelta(seconds=STEP_S))


@dataclass(frozen=True, slots=True)
class Instant:
    """An instant query."""

    expr: str

    async def ask(self, source: Source) -> Matrix:
        return await source.instant(self.expr, datetime.fromtimestamp(AT, UTC))


def _answer(asked: Instant | Range, source: Source) -> Answer:
    matrix = asyncio.run(asked.ask(source))
    ends = np.cumsum(matrix.lengths).tolist()
    found = {}
    for labels, length, end in zip(matrix.labels, matrix.lengths.tolist(), ends, strict=True):
        part = slice(end - length, end)
        pairs = zip(matrix.times[part].tolist(), matrix.values[part].tolist(), strict=True)
        kept = labels if not (isinstance(asked, Range) and asked.unnamed) else {**labels, "__name__": ""}
        found[tuple(sorted(kept.items()))] = [(round(at, 3), value) for at, value in pairs]
    return found


def _matching(name: str, *matchers: tuple[str, MatchOp, str]) -> str:
    named = Matcher("__name__", MatchOp.REGEX if "|" in name else MatchOp.EQUAL, name)
    return render(Selector((named, *(Matcher(*matcher) for matcher in matchers))))


REQUESTS = _matching("requests_total", ("job", MatchOp.EQUAL, "shop"))
BOTH = _matching("requests_total|errors_total", ("job", MatchOp.EQUAL, "shop"))


@pytest.mark.parametrize(
    "asked",
    [
        Instant(raw_samples(REQUESTS, 30_001)),
        Instant(raw_samples(BOTH, 7_200_001)),
        Range(last_samples(BOTH, round(LOOKBACK_S))),
        Range(falls_within(REQUESTS, STEP_S + round(LOOKBACK_S))),
        *(Range(in_cell(function, _matching("up"), STEP_S * 1000), unnamed=True) for function in CellFunction),
        Range(start_times(["requests_created"], TARGETS, STEP_S)),
    ],
    ids=lambda asked: asked.expr[:60],
)
def test_what_evaluations_ask_is_answered_alike(asked: Instant | Range, memory: Source, real: Source) -> None:
    found = _answer(asked, memory)
    assert found
    assert found == _answer(asked, real)


@pytest.mark.parametrize("op", [MatchOp.EQUAL, MatchOp.NOT_EQUAL])
@pytest.mark.parametrize("value", ODD)
def test_values_select_the_same_series(value: str, op: MatchOp, memory: Source, real: Source) -> None:
    asked = Instant(raw_samples(_matching("odd_total", ("v", op, value)), 60_001))
    found = _answer(asked, memory)
    assert len(found) == (1 if op is MatchOp.EQUAL else len(ODD) - 1)
    assert found == _answer(asked, real)


def test_a_value_of_two_lines_selects_its_series(memory: Source, real: Source) -> None:
    asked = Instant(raw_samples(_matching("lines_total", ("v", MatchOp.EQUAL, LINES)), 60_001))
    found = _answer(asked, memory)
    assert len(found) == 1
    assert found == _answer(asked, real)


@pytest.mark.parametrize("op", [MatchOp.REGEX, MatchOp.NOT_REGEX])
@pytest.mark.parametrize("pattern", [".+", "cart|", "a\\|b", "a.b", "(?i)CART", "[^a-z]*", "\\p{L}+"])
def test_patterns_select_the_same_series(pattern: str, op: MatchOp, memory: Source, real: Source) -> None:
    asked = Instant(raw_samples(_matching("odd_total", ("v", op, pattern)), 60_001))
    found = _answer(asked, memory)
    assert 0 < len(found) < len(ODD)
    assert found == _answer(asked, real)


def test_series_that_would_become_one_are_refused_by_prometheus_and_in_memory(tmp_path: Path) -> None:
    """Functions drop the name; VictoriaMetrics answers with one of them, so that the service asks each name alone."""
    twins = [
        Samples(metric=name, labels=(("job", "a"),), times_ms=np.array([AT * 1000 - 7]), values=np.array([1]))
        for name in ("requests_total", "errors_total")
    ]
    asked = Range(falls_within('{__name__=~"requests_total|errors_total",job="a"}', STEP_S))
    create_blocks(twins, tmp_path)
    with prometheus(tmp_path) as server:
        for source in (MemorySource(series_of(twins)), Asked(server.url)):
            with pytest.raises(BadQueryError, match="same labelset"):
                asyncio.run(asked.ask(source))


def test_what_cannot_be_parsed_is_a_bad_query(real: Source) -> None:
    with pytest.raises(BadQueryError):
        _answer(Instant("requests_total{"), real)


def test_each_says_whether_ranges_hold_their_left_edge(memory: Source, real: Source) -> None:
    """The one that says so counts a sample that lies there."""
    asked, edge = Instant(closed_on_the_left()), AT - 7200 + 7
    assert next(iter(_answer(asked, memory).values()))[0][1] == 1.0
    says = next(iter(_answer(asked, real).values()))[0][1] > 1
    at = datetime.fromtimestamp(edge + STEP_S, UTC)
    counted = asyncio.run(
        real.range(in_cell(CellFunction.COUNT, _matching("up"), STEP_S * 1000), at, at, timedelta(seconds=1))
    )
    assert counted.values.tolist() == [11.0 if says else 10.0]
