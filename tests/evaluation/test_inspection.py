"""Gauges that documents take for counters, and the buckets that a histogram has, as the service finds them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from typing_extensions import override

from app.ingest.queries.metric_inspection import Inspection
from app.ingest.series.tracked_slis import TrackedSli, tracked_slis_of
from app.prometheus import Matrix, MetricSource, UnreachableError
from app.slo import AlertState, Cause
from app.status import DataState, Problem, ProblemCode
from tests.evaluation.memory import MemorySource
from tests.evaluation.plain import counter, document, requests, slos
from tests.evaluation.running import Running
from tests.evaluation.test_expressions import Computed

NOW = datetime(2027, 1, 15, 8, tzinfo=UTC)


@dataclass(slots=True)
class Metrics(MetricSource):
    """Metrics with these *types*; *answers* by the beginning of an expression: values, or labels of one series each."""

    types: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, Sequence[float] | Sequence[dict[str, str]]] = field(default_factory=dict)
    down: bool = False
    asked: list[str] = field(default_factory=list)
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    named: list[str] = field(default_factory=list)

    @override
    async def label_names(
        self, selector: str, start: datetime, end: datetime, *, deadline: float | None = None
    ) -> tuple[str, ...]:
        self.named.append(selector)
        return self.labels.get(selector, ())

    @override
    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        found = next((answer for start, answer in self.answers.items() if expr.startswith(start)), ())
        labels = tuple(one if isinstance(one, dict) else {} for one in found)
        values = np.array([one if isinstance(one, float) else 1.0 for one in found])
        return Matrix(labels=labels, lengths=np.ones(len(found), dtype=np.int64), times=values, values=values)

    @override
    async def metric_types(self, metric: str, *, deadline: float | None = None) -> frozenset[str]:
        self.asked.append(metric)
        if self.down:
            raise UnreachableError("connection refused")
        return frozenset({self.types[metric]} if metric in self.types else ())


def watch_of(sli: dict[str, object], folder: Path) -> TrackedSli:
    return tracked_slis_of(slos([document("shop", sli)], folder))[0]


def behaving(fell: float, changed: float) -> dict[str, list[float]]:
    return {"sum(resets(": [fell], "sum(changes(": [changed]}


async def refused(name: str, metrics: Metrics, folder: Path) -> str | None:
    tracked = watch_of({"total": name, "bad": f'{name}{{code="500"}}'}, folder)
    await Inspection([tracked], metrics).step(NOW)
    return tracked.refusal


@pytest.mark.parametrize(
    ("name", "types", "behaviour", "gauge"),
    [
        ("queue_depth", {"queue_depth": "gauge"}, behaving(40.0, 100.0), True),
        ("queue_depth", {"queue_depth": "gauge"}, behaving(0.0, 0.0), True),
        ("jmx_calls", {"jmx_calls": "gauge"}, behaving(1.0, 100.0), False),
        ("requests", {"requests": "counter"}, behaving(40.0, 100.0), False),
        ("queue_depth", {}, behaving(40.0, 100.0), True),
        ("requests", {}, behaving(2.0, 700.0), False),
        ("requests_total", {}, behaving(40.0, 100.0), False),
        ("seconds_count", {"seconds": "histogram"}, behaving(40.0, 100.0), False),
        ("replicas_count", {"replicas_count": "gauge"}, behaving(9.0, 20.0), True),
        ("sessions_count", {}, behaving(40.0, 100.0), True),
        ("seconds_count", {}, {**behaving(40.0, 100.0), "count(": [2.0]}, False),
        ("up", {}, {}, True),
        # Up to a twentieth of a counter's changes are restarts, of five changes or more.
        ("jmx_calls", {"jmx_calls": "gauge"}, behaving(1.0, 20.0), False),
        ("jmx_calls", {"jmx_calls": "gauge"}, behaving(1.0, 19.0), True),
        ("jmx_calls", {"jmx_calls": "gauge"}, behaving(0.0, 5.0), False),
        ("jmx_calls", {"jmx_calls": "gauge"}, behaving(0.0, 4.0), True),
        # A fifth of a gauge's are falls, five at least.
        ("queue_depth", {}, behaving(5.0, 25.0), True),
        ("queue_depth", {}, behaving(5.0, 26.0), False),
        ("queue_depth", {}, behaving(4.0, 5.0), False),
    ],
)
@pytest.mark.anyio
async def test_a_gauge_is_refused(
    name: str, types: dict[str, str], behaviour: dict[str, list[float]], gauge: bool, tmp_path: Path
) -> None:
    """By its metadata, unless it only grows; without metadata by how it behaves, unless its name is a counter's.

    A count is a counter's where there is a sum beside it.
    """
    refusal = await refused(name, Metrics(types=types, answers=behaviour), tmp_path)

    assert (f"{name} is a gauge" in refusal if refusal else refusal) == (True if gauge else None)


@pytest.mark.anyio
async def test_a_prometheus_that_does_not_answer_refuses_nothing_and_is_asked_again(tmp_path: Path) -> None:
    tracked = watch_of({"total": "requests", "bad": 'requests{code="500"}'}, tmp_path)
    metrics = Metrics(types={"requests": "gauge"}, answers=behaving(9.0, 9.0), down=True)
    inspection = Inspection([tracked], metrics)
    steps = [await inspection.step(NOW), tracked.refusal]
    metrics.down = False
    steps += [await inspection.step(NOW), await inspection.step(NOW.replace(minute=2))]
    assert steps == [True, None, False, True]
    assert tracked.refusal


@pytest.mark.anyio
async def test_the_buckets_that_there_are_are_asked_for_where_one_is_missing(tmp_path: Path) -> None:
    tracked = watch_of({"histogram": "seconds", "threshold": 0.3}, tmp_path)
    metrics = Metrics(types={"seconds": "histogram"}, answers={"group by (le)": [{"le": "+Inf"}, {"le": "0.5"}]})
    inspection = Inspection([tracked], metrics)
    await inspection.step(NOW)
    tracked.unmeasured[0] = NOW.timestamp()
    await inspection.step(NOW)
    assert tracked.buckets == ("0.5", "+Inf")


def test_a_refused_sli_is_not_evaluated_and_says_so(tmp_path: Path) -> None:
    at = round(NOW.timestamp())
    source = MemorySource([counter(requests("shop"), (at - 7200, at + 3600))])
    sli: dict[str, object] = {
        "total": 'http_requests_total{job="shop"}',
        "bad": 'http_requests_total{job="shop",code="500"}',
    }
    with Running(slos([document("shop", sli)], tmp_path / "slos"), source, tmp_path / "db") as one:
        one.run(at - 600, at)
        (tracked,) = one.evaluator._ledger_writer.tracked_slis
        tracked.refusal = "http_requests_total is a gauge"
        asked = len(source.asked)
        one.run(at, at + 780)
        shown = one.snapshot("shop-availability")
        assert len(source.asked) == asked
        assert not one.evaluator.backfilling
    assert shown.data is DataState.ERROR
    assert shown.problems[0].code is ProblemCode.GAUGE
    assert np.isnan(shown.budget.remaining_ratio)
    # Nobody would learn of it otherwise: its alerts are frozen.
    assert [one.state for one in shown.alerts if one.cause is Cause.NO_DATA] == [AlertState.FIRING]


@pytest.mark.anyio
async def test_the_type_of_a_metric_is_asked_once_for_all_slis(tmp_path: Path) -> None:
    documents = [
        document(
            f"s{number}", {"total": f'requests{{job="{number}"}}', "bad": f'requests{{job="{number}",code="500"}}'}
        )
        for number in range(8)
    ]
    metrics = Metrics(types={"requests": "counter"})
    inspection = Inspection(tracked_slis_of(slos(documents, tmp_path)), metrics)
    steps = [await inspection.step(NOW) for _ in range(3)]
    assert steps == [True, True, False]
    assert set(metrics.asked) == {"requests"}
    assert len(metrics.asked) <= 4


TOTAL = 'http_requests_total{job="shop"}'
OTHER = {"errors_total": ("__name__", "job")}
E = {"e_total": ("code",)}
MATCHED = {'e_total{code=~"5xx"}': ("code",)}
UNMATCHED = [
    ('http_requests_total{job="shop",code=~"5.."}', {}, "hint"),
    ('http_requests_total{job="shop",code="500"}', {}, "hint"),
    ('http_requests_total{job="shop",reason="x"}', {}, "warning"),
    ('http_requests_total{job="shop",code=~"5xx"}', {}, "warning"),
    ('http_requests_total{job="shop",code="500 "}', {}, "warning"),
    ('errors_total{job="shop"}', OTHER, "hint"),
    ('errors_total{job="shop",kind!="x"}', OTHER, "hint"),
    ('errors_total{job="shop",kind="x"}', OTHER, "warning"),
    ('eror_total{job="shop"}', OTHER, "warning"),
]


def never_matched_problems(one: Running, metrics: Metrics) -> list[Problem]:
    """What is said of selectors that have matched nothing, after two steps of the inspection."""
    at = round(NOW.timestamp())
    one.run(at - 120, at)
    one.backfill(at)
    inspection = Inspection(one.evaluator._ledger_writer.tracked_slis, metrics)
    for _ in range(2):
        one.do(inspection.step(NOW))
    one.run(at, at + 60)
    return [problem for problem in one.snapshot("shop-availability").problems if "never_matched" in problem.code]


def never_matched(
    sli: dict[str, object], metrics: Metrics, folder: Path, *, hours: float
) -> tuple[str | None, list[str]]:
    """The level at which it is said that bad has matched nothing, and what Prometheus was asked for the names of."""
    at = round(NOW.timestamp())
    source = MemorySource([counter(requests("shop"), (at - 3600 * hours, at + 3600))])
    with Running(slos([document("shop", sli)], folder / "slos"), source, folder / "db") as one:
        found = never_matched_problems(one, metrics)
    return (found[0].level.value if found else None), metrics.named


@pytest.mark.parametrize(("bad", "labels", "level"), UNMATCHED)
def test_what_a_selector_of_bad_events_names_and_nobody_has_is_a_warning_in_time(
    bad: str, labels: dict[str, tuple[str, ...]], level: str, tmp_path: Path
) -> None:
    """A value that has not come yet is none: it comes with the first error."""
    found, named = never_matched({"total": TOTAL, "bad": bad}, Metrics(labels=labels), tmp_path, hours=7)
    assert found == level
    # Of the metric of the total everything is known.
    assert len(named) == (0 if bad.startswith("http") else 1)


def test_of_a_service_of_some_hours_it_is_a_hint(tmp_path: Path) -> None:
    assert never_matched({"total": TOTAL, "bad": "eror_total"}, Metrics(), tmp_path, hours=5)[0] == "hint"


RATIO = 'sum(rate(e_total{code=~"5xx"}[5m])) / sum(rate(m_total[5m]))'
CODES = {"group by (code)": [{"code": "200"}]}


@pytest.mark.parametrize(
    ("sli", "metrics", "said"),
    [
        ({"bad_ratio": f"{RATIO} or vector(0)"}, Metrics(), ("bad_never_matched", "warning")),
        ({"bad_ratio": f"{RATIO} or vector(0)"}, Metrics(labels=E), ("bad_never_matched", "hint")),
        ({"bad_ratio": f"{RATIO} or vector(0)"}, Metrics(labels=E, answers=CODES), ("bad_never_matched", "warning")),
        ({"bad_ratio": f"{RATIO} or vector(0)"}, Metrics(labels=E | MATCHED), None),
        ({"good_ratio": f"1 - {RATIO} or vector(1)"}, Metrics(), ("bad_never_matched", "warning")),
        ({"good_ratio": f"{RATIO} or vector(0)"}, Metrics(), ("good_never_matched", "warning")),
        ({"expression": "avg(m_total) + avg(n_total)", "good_when": "< 1"}, Metrics(), ("term_never_matched", "hint")),
    ],
)
def test_a_selector_of_an_expression_that_has_matched_nothing_is_named(
    sli: dict[str, object], metrics: Metrics, said: tuple[str, str] | None, tmp_path: Path
) -> None:
    """Of an expression with a fallback all seems well: it has values."""
    watched = slos([document("shop", {**sli, "every": "1m"})], tmp_path / "slos")
    evaluated = watched[0].sli.evaluated
    assert evaluated is not None
    metrics.labels = {"m_total": ("job",), **metrics.labels}
    share = 1.0 if "1 -" in evaluated.value else 0.0
    with Running(watched, Computed({evaluated.value: {(): lambda _at: share}}), tmp_path / "db") as one:
        found = never_matched_problems(one, metrics)
        assert [(problem.code, problem.level) for problem in found] == ([] if said is None else [said])


@pytest.mark.parametrize(
    ("labels", "level"),
    [({}, "warning"), ({"errors_total": ("job",)}, "hint"), ({'errors_total{job="shop"}': ("job",)}, None)],
)
@pytest.mark.anyio
async def test_the_selectors_of_slices_are_looked_at_until_they_match(
    labels: dict[str, tuple[str, ...]], level: str | None, tmp_path: Path
) -> None:
    one = document("shop", {"total": TOTAL, "bad": 'errors_total{job="shop"}'})
    one["slos"][0]["time_slices"] = {"length": "1m", "target": "95%"}  # type: ignore[index]
    tracked = tracked_slis_of(slos([one], tmp_path))[0]
    tracked.started = True
    metrics = Metrics(labels=labels)
    inspection = Inspection([tracked], metrics)
    await inspection.step(NOW)
    assert (bool(tracked.unmatched), bool(tracked.misnamed)) == (level is not None, level == "warning")
    metrics.labels = {'errors_total{job="shop"}': ("job",)}
    await inspection.step(NOW.replace(hour=14))
    assert not tracked.unmatched
    asked = len(metrics.named)
    await inspection.step(NOW.replace(hour=20))
    assert len(metrics.named) == asked
