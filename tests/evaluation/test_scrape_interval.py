"""Counters that are scraped every few minutes, with the settings that everybody starts with."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from app.slo import AlertState, Severity
from app.status import AlertView, DataState, ProblemCode, Snapshot
from tests.evaluation.memory import MemorySource, Series
from tests.evaluation.plain import availability, requests, slos
from tests.evaluation.running import INTERVAL_S, Running

NOW = 1_800_000_000
HOUR = 3600
OUTAGE = NOW - HOUR


def scraped(labels: dict[str, str], every: float, *, before: float, after: float, seed: int = 7) -> Series:
    """A counter with so many events a second before and after the outage begins, scraped with some jitter.

    The third scrape before the outage fails.
    """
    start = NOW - 12 * HOUR
    times = np.arange(start + 11.0, NOW + HOUR, every)
    times += np.random.default_rng(seed).uniform(-0.4, 0.4, len(times)).round(3)
    values = before * (np.minimum(times, OUTAGE) - start) + after * np.maximum(times - OUTAGE, 0)
    seen = np.arange(len(times)) != int(np.searchsorted(times, OUTAGE)) - 3
    return Series(labels=labels, times=times[seen], values=np.floor(values)[seen])


def shop(every: float) -> MemorySource:
    """All requests fail for an hour."""
    return MemorySource(
        [
            scraped(requests("shop"), every, before=10.0, after=0.0),
            scraped(requests("shop", "500"), every, before=0.0, after=10.0),
        ]
    )


def page(shown: Snapshot) -> AlertView:
    return next(alert for alert in shown.alerts if alert.severity is Severity.PAGE)


@pytest.mark.parametrize(("every", "tier"), [(120, "1h/5m"), (200, "1h/7m"), (300, "1h/10m")])
def test_an_outage_pages_whatever_the_scrape_interval(every: int, tier: str, tmp_path: Path) -> None:
    """Data is fresh and whole in every slot, the alert fires within three scrapes and does not flap."""
    source = shop(every)
    with Running(slos([availability("shop")], tmp_path / "slos"), source, tmp_path / "db") as one:
        one.run(OUTAGE - 900, OUTAGE - 600)
        one.backfill(OUTAGE - 600)
        shown = []
        for at in range(OUTAGE - 600, NOW - 1200, INTERVAL_S):
            one.run(at, at + INTERVAL_S)
            shown.append(one.snapshot("shop-availability"))
    assert {each.data for each in shown} == {DataState.FRESH}
    assert min(view.coverage for each in shown for view in each.windows) > 0.95
    states = [page(each).state for each in shown]
    fired = states.index(AlertState.FIRING)
    assert set(states[:fired]) == {AlertState.INACTIVE}
    assert set(states[fired:]) == {AlertState.FIRING}
    assert (fired * INTERVAL_S - 600) / every <= 3
    assert page(shown[-1]).tier == tier
    hints = [problem.code for problem in shown[-1].problems]
    assert (ProblemCode.SCRAPED_SELDOM in hints) == (tier != "1h/5m")
    hour = next(view for view in shown[-1].windows if view.window == timedelta(hours=1))
    assert hour.total == pytest.approx(36_000, rel=0.1)


def test_samples_too_far_apart_are_said(tmp_path: Path) -> None:
    source = MemorySource([scraped(requests("shop"), 900, before=10.0, after=10.0)])
    with Running(slos([availability("shop")], tmp_path / "slos"), source, tmp_path / "db") as one:
        one.run(NOW - 600, NOW)
        one.backfill(NOW)
        shown = one.snapshot("shop-availability")
    assert shown.data is DataState.ERROR
    assert [problem.code for problem in shown.problems] == [ProblemCode.SCRAPED_TOO_SELDOM]


@pytest.mark.parametrize("every", [120, 300])
def test_pods_with_nearly_equal_counts_are_told_apart_whatever_the_scrape_interval(every: int, tmp_path: Path) -> None:
    """Behind a round robin; also when a reload of the scrape configuration adds a label to all of them."""
    start = NOW - 6 * HOUR
    series = []
    for pod, phase in enumerate((0.05, 0.4, 0.8)):
        times = np.arange(start + phase * every, NOW, every)
        for code, first, pace in (("200", 900_000, 10.0), ("500", 90, 0.0)):
            values = np.floor(first + pod + pace * (times - start))
            for part, more in ((times < OUTAGE, {}), (times >= OUTAGE, {"cluster": "eu"})):
                labels = requests("shop", code, instance=f"api-{pod}:80", **more)
                series.append(Series(labels=labels, times=times[part], values=values[part]))
    with Running(slos([availability("shop")], tmp_path / "slos"), MemorySource(series), tmp_path / "db") as one:
        one.run(OUTAGE - 600, OUTAGE - 300)
        one.backfill(OUTAGE - 300)
        one.run(OUTAGE - 300, OUTAGE + 900)
        one.run(OUTAGE + 900, NOW, every=120)
        shown = one.snapshot("shop-availability")
        assert shown.bad == 0
        assert shown.total == pytest.approx(30 * 6 * HOUR, rel=0.04)
        assert ProblemCode.COUNTER_NOT_MONOTONIC not in {problem.code for problem in shown.problems}
