"""Composites: decided by the slices of other SLOs, live and from history, against what the samples say."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from typing_extensions import override

from app.adjustments import AdjustmentEffect, AdjustmentSelector
from app.prometheus import Matrix
from app.slo import Slo, SloId
from tests.adjustments.test_recurrence import adjusting
from tests.evaluation.memory import MemorySource, Series
from tests.evaluation.plain import availability, counter, requests, slos
from tests.evaluation.running import Running, differences, two_running
from tests.evaluation.test_expressions import DAY, END, HOUR, hour_of

Floats = NDArray[np.float64]
Minutes = Mapping[str, tuple[Floats, Floats]]
"""By job, all events and the bad ones of each minute of the two days before END."""
_MINUTES = 2 * 24 * 60
_JOBS = ("cart", "pay", "ship")
BUDGETS = np.array([[0.05], [0.1], [0.05]]) + 1e-9


def watch(slis: Mapping[str, Mapping[str, object]], folder: Path) -> tuple[Slo, ...]:
    """The services, and the composites by their names."""
    steps = [availability(job, objective=95, window="2d") for job in _JOBS]
    composites = [{"name": name, "objective": 99, "window": "2d", "sli": dict(sli)} for name, sli in slis.items()]
    return slos([*steps, {"service": "shop", "slos": composites}], folder)


def shop(*, until: float = END + HOUR) -> list[Series]:
    """Three services with errors of their own at random, incidents, and one that rests at times."""
    dice = np.random.default_rng(5)
    series = []
    for i, job in enumerate(_JOBS):
        span = (END - 2 * DAY - 2 * HOUR, until)
        starts = dice.integers(0, 2 * DAY - HOUR, 12)
        bursts = [((END - 2 * DAY + float(at), END - 2 * DAY + float(at) + 400.0), 0.3 * (i + 1)) for at in starts]
        rests = [((END - DAY - HOUR, END - DAY), -2.0)] if job == "ship" else []
        series.append(counter(requests(job), span, per_second=2.0, bursts=rests))
        series.append(counter(requests(job, "500"), span, per_second=0.0, bursts=bursts))
    return series


def minutes_of(series: Sequence[Series]) -> Minutes:
    found = {job: (np.zeros(_MINUTES), np.zeros(_MINUTES)) for job in _JOBS}
    for one in series:
        of_all, of_bad = found[one.labels["job"]]
        events, at = np.diff(one.values), one.times[1:]
        minute = np.ceil((at - (END - 2 * DAY)) / 60).astype(int) - 1
        inside = (minute >= 0) & (minute < _MINUTES)
        np.add.at(of_all, minute[inside], events[inside])
        if one.labels["code"] == "500":
            np.add.at(of_bad, minute[inside], events[inside])
    return found


@contextmanager
def live_and_fresh(watched: Sequence[Slo], series: Sequence[Series], folder: Path) -> Iterator[tuple[Running, Running]]:
    """One that has run for ten minutes and one that has just started."""
    with two_running(watched, series, folder) as (live, fresh):
        live.run(END - 600, END, backfill=False)
        fresh.tick(END)
        for each in (live, fresh):
            each.backfill(END)
        yield live, fresh


def shares(minutes: Minutes) -> tuple[Floats, NDArray[np.bool_]]:
    total, bad = (np.array([minutes[job][column] for job in _JOBS]) for column in (0, 1))
    return np.divide(bad, total, out=np.zeros(total.shape), where=total > 0), total > 0


def all_of(minutes: Minutes) -> tuple[float, float]:
    share, _ = shares(minutes)
    return _MINUTES, float((share > BUDGETS).any(axis=0).sum())


def worst_of(minutes: Minutes) -> tuple[float, float]:
    share, _ = shares(minutes)
    return _MINUTES, float(share.max(axis=0).sum())


def weighted(minutes: Minutes) -> tuple[float, float]:
    share, there = shares(minutes)
    weights = np.array([[1.0], [4.0], [3.0]]) * there
    return _MINUTES, float(((weights * share).sum(axis=0) / weights.sum(axis=0)).sum())


def sum_of(minutes: Minutes) -> tuple[float, float]:
    total, bad = (np.array([minutes[job][column].sum() for job in _JOBS]) for column in (0, 1))
    return float(total @ [1, 1, 2]), float(bad @ [1, 1, 2])


def nested(minutes: Minutes) -> tuple[float, float]:
    share, _ = shares(minutes)
    return _MINUTES, float(((share > BUDGETS).any(axis=0) | (share.max(axis=0) > 0.5)).sum())


CART, PAY, SHIP = (f"{job}-availability" for job in _JOBS)


COMPOSITES: Mapping[str, tuple[Mapping[str, object], Callable[[Minutes], tuple[float, float]]]] = {
    "all-of": ({"all_of": [CART, {"slo": PAY, "target": 90}, SHIP]}, all_of),
    "worst-of": ({"worst_of": [CART, PAY, SHIP]}, worst_of),
    "weighted": ({"weighted": [CART, {"slo": PAY, "weight": 4}, {"slo": SHIP, "weight": 3}]}, weighted),
    "sum-of": ({"sum_of": [CART, PAY, {"slo": SHIP, "weight": 2}]}, sum_of),
    "nested": ({"worst_of": ["shop-all-of", "shop-worst-of"], "target": 50}, nested),
}


def test_a_composite_is_what_its_components_make_of_every_minute(tmp_path: Path) -> None:
    """Two days of three services, one of them at rest for an hour; live and from history alike."""
    series = shop()
    watched = watch({name: sli for name, (sli, _) in COMPOSITES.items()}, tmp_path / "slos")
    minutes = minutes_of(series)
    with live_and_fresh(watched, series, tmp_path) as both:
        live, fresh = both
        for each in both:
            for name, (_, truth) in COMPOSITES.items():
                snapshot = each.snapshot(f"shop-{name}")
                assert (snapshot.total, snapshot.bad) == pytest.approx(truth(minutes)), name
                assert snapshot.bad > 0
                assert snapshot.coverage == pytest.approx(1.0, abs=1e-3)
                assert (snapshot.data, snapshot.problems) == ("fresh", ())
                assert snapshot.slo.sli.kind == "composite"
        live.restart()
        for each in both:
            each.run(END, END + 600)
            each.backfill(END + 600)
        assert differences(live.figures, fresh.figures) == {}


def test_no_sample_is_asked_for_of_before_the_components_began(tmp_path: Path) -> None:
    """Their own history has told when that was; a window of a month is complete all the same."""
    began = END - 40 * HOUR
    steps = [availability(job, window="30d") for job in ("cart", "pay")]
    journey = {"name": "journey", "objective": 99, "window": "30d", "sli": {"all_of": [CART, PAY]}}
    watched = slos([*steps, {"service": "shop", "slos": [journey]}], tmp_path / "slos")
    source = Dated([counter(requests(job), (began, END + HOUR)) for job in ("cart", "pay")])
    with Running(watched, source, tmp_path / "db") as one:
        one.tick(END)
        one.backfill(END)
        one.tick(END + 30)
        shown = one.snapshot("shop-journey")
        assert shown.data == "fresh"
        assert shown.total == pytest.approx(40 * 60, abs=2)
        assert shown.bad == 0
        assert one.evaluator.backfill_progress == 1.0
    # The ends of what was read.
    assert abs(min(source.at) - began) <= HOUR


@dataclass(slots=True)
class Dated(MemorySource):
    """A Prometheus in memory that notes up to when samples were asked for."""

    at: list[float] = field(default_factory=list)

    @override
    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        self.at.append(at.timestamp())
        return await MemorySource.instant(self, expr, at, deadline=deadline)


def test_time_that_is_excluded_of_a_component_is_excluded_from_its_composites(tmp_path: Path) -> None:
    """An hour of one step: of composites and theirs all of it, of a sum of several steps nothing."""
    watched = watch({name: sli for name, (sli, _) in COMPOSITES.items()}, tmp_path / "slos")
    source = MemorySource(shop())
    with Running(watched, source, tmp_path / "db") as one:
        source.now = END
        one.tick(END)
        one.backfill(END)
        one.tick(END + 60)
        selector = AdjustmentSelector(slos=frozenset({SloId(PAY)}))
        start = datetime.fromtimestamp(END - 2 * HOUR, UTC).replace(tzinfo=None).isoformat()
        excluded = adjusting(start, timedelta(hours=1), selector=selector, mute_alerts=True)
        one.adjustments.replace([excluded])
        one.tick(END + 120)
        assert one.snapshot("shop-sum-of").counted is None
        for name in ("all-of", "worst-of", "weighted", "nested"):
            shown = one.snapshot(f"shop-{name}")
            assert shown.counted is not None, name
            assert shown.counted.total - shown.total == pytest.approx(60), name
        one.adjustments.replace([replace(excluded, effect=AdjustmentEffect.COUNT_AS_GOOD)])
        one.tick(END + 180)
        assert one.snapshot("shop-all-of").counted is None


def test_what_becomes_of_a_component_without_data_is_said(tmp_path: Path) -> None:
    """For ten minutes nothing is known of one step; nothing of any for another five."""
    hole, outage = (END - 2400.0, END - 1800.0), (END - 1200.0, END - 900.0)
    span = (END - 2 * DAY - 2 * HOUR, END + HOUR)
    series = [
        counter(requests(job), span, per_second=2.0, without=[outage, *([hole] if job == "pay" else [])])
        for job in _JOBS
    ]
    policies = ("unknown", "ignored", "good", "bad")
    watched = watch({policy: {"all_of": [CART, PAY], "missing": policy} for policy in policies}, tmp_path / "slos")
    with live_and_fresh(watched, series, tmp_path) as both:
        for each in both:
            hour = {policy: hour_of(each.snapshot(f"shop-{policy}")) for policy in policies}
            assert [hour[policy][:2] for policy in policies] == [(45, 0), (55, 0), (55, 0), (55, 10)]


def test_an_aggregate_has_the_events_of_all_members(tmp_path: Path) -> None:
    """Also those that were counted across a hole, and of a member that has vanished."""
    span = (END - DAY - HOUR, END + HOUR)
    spans = {"/pay": span, "/cart": (span[0], END - 3 * HOUR), "/ship": (END - 2 * HOUR, span[1])}
    series = [
        counter(
            requests("shop", code, route=route, zone="eu"),
            each,
            without=[(END - 5000.0, END - 4000.0)],
            per_second=rate,
        )
        for route, each in spans.items()
        for code, rate in (("200", 2.0), ("500", 0.1))
    ]
    document: dict[str, Any] = availability("shop", objective=95, by=["route", "zone"])
    watched = slos([{**document, "slos": [{**document["slos"][0], "aggregate": True}]}], tmp_path / "slos")
    with live_and_fresh(watched, series, tmp_path) as both:
        truth = [
            sum(within_the_day(one) for one in series if code in {None, one.labels["code"]}) for code in (None, "500")
        ]
        for each in both:
            aggregate = each.snapshot("shop-availability-all")
            assert len([one for one in each.board.snapshots if one.group]) == 3
            assert [aggregate.total, aggregate.bad] == pytest.approx(truth, abs=1)
            assert aggregate.alerts == ()


def within_the_day(one: Series) -> float:
    """What a counter has counted in the day before END."""
    before, until = (one.values[one.times <= at] for at in (END - DAY, END))
    return float(until[-1] - (before[-1] if len(before) else 0.0))


def test_components_are_named_as_contributors(tmp_path: Path) -> None:
    span = (END - 2 * HOUR, END + HOUR)
    series = [counter(requests(job), span, per_second=2.0) for job in _JOBS]
    series.append(counter(requests("pay", "500"), span, per_second=0.0, bursts=[((END - 1200.0, END + HOUR), 2.0)]))
    (*steps, journey) = watch({"journey": {"all_of": [CART, PAY, SHIP]}}, tmp_path / "slos")
    with Running((*steps, journey), MemorySource(series), tmp_path / "db") as running:
        running.run(END - 1200, END - 600, backfill=False)
        running.backfill(END - 600)
        running.run(END - 600, END - 300)
        running.do(running.evaluator.find_top_contributors())
        told = [one for one in running.board.current.notifications if one.slo == "shop-journey"]
        assert {one.top_contributors for one in told} == {"pay-availability: 100% of what was bad"}


def test_what_is_counted_across_holes_is_in_the_slices_whenever_they_are_made(tmp_path: Path) -> None:
    """One of two servers of a step is unseen for hours, long ago, lately and while the service runs.

    Its errors of these times are spread over them: 2.5% of the step's events, in each minute of all three holes. The
    hole of two days ago lies across several of the pieces that history is read in, which begin at other times for a
    service that starts later.
    """
    span = (END - 2 * DAY - 2 * HOUR, END + HOUR)
    holes = [(END - 34 * HOUR, END - 29 * HOUR), (END - 5 * HOUR, END - 4 * HOUR), (END - 3600.0, END - 1800.0)]
    series = [
        counter(requests(job, instance=f"{number}:80"), span, per_second=2.0, without=holes if number else ())
        for job in ("cart", "pay")
        for number in range(2 if job == "pay" else 1)
    ]
    errors = [(hole, 0.1) for hole in holes]
    series.append(counter(requests("pay", "500", instance="1:80"), span, per_second=0.0, bursts=errors, without=holes))
    steps = [availability(job, objective=99, window="2d") for job in ("cart", "pay")]
    journeys = [
        {"name": name, "objective": 99, "window": "2d", "sli": {name: [CART, PAY]}} for name in ("all_of", "sum_of")
    ]
    watched = slos([*steps, {"service": "shop", "slos": journeys}], tmp_path / "slos")
    with two_running(watched, series, tmp_path) as (live, fresh):
        live.run(END - 5400, END - 4800, every=300, backfill=False)
        live.backfill(END - 4800)
        live.run(END - 4800, END - 2400, every=60, backfill=False)
        live.restart()
        live.run(END - 2400, END, every=60)
        fresh.tick(END - 600, END)
        for each in (live, fresh):
            each.backfill(END)
            cart, pay = (each.snapshot(step) for step in (CART, PAY))
            (both, together) = (each.snapshot(f"shop-{name}") for name in ("all_of", "sum_of"))
            # A minute at the end of a hole in which both servers were seen is good.
            assert both.bad == pytest.approx((5 + 1 + 0.5) * 60, abs=6)
            assert both.total == 2 * 24 * 60
            assert (together.total, together.bad) == pytest.approx((cart.total + pay.total, pay.bad), rel=1e-9)
        assert differences(live.figures, fresh.figures, coverage=1e-6) == {}


def test_a_sum_of_slos_goes_on_until_a_component_vanishes(tmp_path: Path) -> None:
    """Ten minutes into a quarter of an hour, 29 hours ago: of that cell the part with both is known and counted."""
    quarter = (END - 29 * HOUR) // 900 * 900
    span = (END - 2 * DAY - 2 * HOUR, END + HOUR)
    series = [
        counter(requests("cart"), span, per_second=2.0),
        counter(requests("pay"), span, per_second=3.0, without=[(quarter + 585, quarter + 4500)]),
    ]
    steps = [availability(job, window="2d") for job in ("cart", "pay")]
    journey = {"name": "sum", "objective": 99, "window": "2d", "sli": {"sum_of": [CART, PAY]}}
    watched = slos([*steps, {"service": "shop", "slos": [journey]}], tmp_path / "slos")
    with live_and_fresh(watched, series, tmp_path) as both:
        for each in both:
            past = each.evaluator.past(SloId("shop-sum"))
            assert past is not None
            assert past.row is not None
            total, _, measured_s = past.row.counted_before(np.array([quarter, quarter + 900.0]))
            assert np.diff(total).item() == pytest.approx(5 * 600, abs=300)
            assert np.diff(measured_s).item() == pytest.approx(600, abs=60)
