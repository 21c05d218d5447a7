"""Counters that contradict each other: bad beside a total that stands still, good or bad above the total."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from app.ledger import WindowSums
from app.slo import AlertState, Severity
from app.status import AlertView, DataState, HealthState, ProblemCode, ProblemLevel, Snapshot
from tests.evaluation.memory import MemorySource, Series
from tests.evaluation.plain import counter, document, slos
from tests.evaluation.running import Running

NOW = 1_800_000_000
HOUR = 3600
QUEUE = {"job": "queue", "instance": "queue-0:80"}


def series(name: str, since: float = NOW - 8 * HOUR, **more: float) -> Series:
    return counter({"__name__": name, **QUEUE}, (since, NOW + HOUR), **more)  # type: ignore[arg-type]


def stopped(one: Series, at: float) -> Series:
    """The same counter, standing still from a time on."""
    values = np.where(one.times <= at, one.values, one.values[one.times <= at].max())
    return Series(labels=one.labels, times=one.times, values=values)


def codes(shown: Snapshot) -> list[str]:
    return [problem.code for problem in shown.problems]


def assert_possible(shown: Snapshot) -> None:
    """No count is negative, no part above the whole, no budget above 100%."""
    windows = [(view.good, view.bad, view.total) for view in shown.windows]
    for good, bad, total in ((shown.good, shown.bad, shown.total), *windows):
        assert good >= 0
        assert bad >= 0
        assert good + bad == pytest.approx(total)
    assert shown.budget.remaining_ratio <= 1
    assert 0 <= shown.sli <= 1


def test_errors_beside_a_total_that_stands_still_page(tmp_path: Path) -> None:
    """In a total outage of `dropped / sent` nothing is sent: a Prometheus rule fires, and so do we."""
    outage = NOW - HOUR
    source = MemorySource([stopped(series("sent_total", per_second=10.0), outage), dropped(outage)])
    sli: dict[str, object] = {"total": "sent_total", "bad": "dropped_total"}
    with Running(slos([document("queue", sli, window="30d")], tmp_path / "slos"), source, tmp_path / "db") as one:
        one.run(outage - 600, outage + 300)
        one.backfill(outage + 300)
        shown = one.snapshot("queue-availability")
    short = next(view for view in shown.windows if view.window == timedelta(minutes=5))
    assert short.burn_rate == pytest.approx(1000.0)
    assert short.total == short.bad == pytest.approx(1500, abs=200)
    assert next(alert for alert in shown.alerts if alert.severity is Severity.PAGE).tier == "1h/5m"
    assert_possible(shown)


def dropped(since: float) -> Series:
    times = series("dropped_total").times
    return Series(
        labels={"__name__": "dropped_total", **QUEUE},
        times=times,
        values=np.floor(5.0 * np.maximum(times - since, 0.0)),
    )


@pytest.mark.parametrize(
    ("part", "code", "data", "health"),
    [
        ("good", ProblemCode.GOOD_EXCEEDS_TOTAL, DataState.ERROR, HealthState.UNKNOWN),
        ("bad", ProblemCode.BAD_EXCEEDS_TOTAL, DataState.FRESH, HealthState.EXHAUSTED),
    ],
)
def test_a_part_above_the_total_is_a_problem(
    part: str, code: ProblemCode, data: DataState, health: HealthState, tmp_path: Path
) -> None:
    """Twice as many good or bad events as events: what is shown stays possible, and is not taken for an all-clear."""
    source = MemorySource([series("all_total", per_second=5.0), series("part_total", per_second=10.0)])
    sli: dict[str, object] = {"total": "all_total", part: "part_total"}
    with Running(slos([document("queue", sli)], tmp_path / "slos"), source, tmp_path / "db") as one:
        one.run(NOW - 600, NOW)
        one.backfill(NOW)
        shown = one.snapshot("queue-availability")
    assert code in codes(shown)
    assert (shown.data, shown.health) == (data, health)
    assert_possible(shown)


def test_good_events_above_the_total_resolve_nothing(tmp_path: Path) -> None:
    """The total stops counting in the middle of an incident: that hides errors, and is no end of them."""
    total, good = series("all_total", per_second=10.0), series("good_total", per_second=10.0)
    incident, blind = NOW - 2 * HOUR, NOW - HOUR
    failing = np.where(good.times <= incident, good.values, good.values - 9.0 * (good.times - incident))
    doubled = np.where(good.times <= blind, failing, failing + 100.0 * (good.times - blind))
    source = MemorySource([total, Series(labels=good.labels, times=good.times, values=np.floor(doubled))])
    sli: dict[str, object] = {"total": "all_total", "good": "good_total"}
    with Running(slos([document("queue", sli)], tmp_path / "slos"), source, tmp_path / "db") as one:
        one.run(incident - 600, blind)
        one.backfill(blind)
        firing = page(one.snapshot("queue-availability"))
        one.run(blind, blind + 2700)
        shown = one.snapshot("queue-availability")
    assert firing.state is AlertState.FIRING
    assert ProblemCode.GOOD_EXCEEDS_TOTAL in codes(shown)
    # Only an alert that fires has a rule while it is frozen.
    assert page(shown).state is AlertState.FROZEN
    assert page(shown).tier is not None


def page(shown: Snapshot) -> AlertView:
    return next(alert for alert in shown.alerts if alert.severity is Severity.PAGE)


@pytest.mark.parametrize(("hours", "per_second", "said"), [(8, 9.5, True), (8, 5.0, False), (3, 9.5, False)])
def test_good_and_bad_that_may_be_swapped_are_said(hours: float, per_second: float, said: bool, tmp_path: Path) -> None:
    """A hint where nearly all events of a day are bad, and that for hours: an outage is seen earlier."""
    since = NOW - hours * HOUR
    source = MemorySource(
        [series("asked_total", since, per_second=10.0), series("answered_total", since, per_second=per_second)]
    )
    sli: dict[str, object] = {"total": "asked_total", "bad": "answered_total"}
    with Running(slos([document("queue", sli)], tmp_path / "slos"), source, tmp_path / "db") as one:
        one.run(NOW - 60, NOW)
        one.backfill(NOW)
        found = {problem.code: problem.level for problem in one.snapshot("queue-availability").problems}
    assert found.get(ProblemCode.MOSTLY_BAD) == (ProblemLevel.HINT if said else None)


def test_counters_that_are_scraped_apart_are_no_problem(tmp_path: Path) -> None:
    """All good, and the good counter is always a scrape ahead."""
    good = series("good_total", per_second=5.0)
    source = MemorySource(
        [series("all_total", per_second=5.0), Series(labels=good.labels, times=good.times - 20, values=good.values)]
    )
    sli: dict[str, object] = {"total": "all_total", "good": "good_total"}
    with Running(slos([document("queue", sli)], tmp_path / "slos"), source, tmp_path / "db") as one:
        one.run(NOW - 900, NOW)
        shown = one.snapshot("queue-availability")
    assert codes(shown) == []
    assert_possible(shown)


def test_sums_are_possible_whatever_was_counted() -> None:
    sums = WindowSums.of(np.array([10.0, 0.0, 10.0, 0.0]), np.array([4.0, 7.0, -3.0, 0.0]), np.ones(4))
    assert sums.total.tolist() == [10, 7, 10, 0]
    assert sums.bad.tolist() == [4, 7, 0, 0]
    assert sums.excess.tolist() == [0, 7, -3, 0]
