"""Time slices: each is one event, by what happened in it."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from app.budget import budget
from app.ingest.series.evaluated import judged_slices
from app.promql.selector_text import parse_selector
from app.sli import TimeSlices, sli_of_bad
from app.slo import SliceRule, WithoutEvents
from tests.evaluation.plain import slos
from tests.evaluation.running import Running
from tests.evaluation.test_expressions import DAY, END, HOUR, Computed, Value, hour_of, live_and_fresh, within

SLI: dict[str, object] = {"total": "all_total", "bad": "bad_total"}


def asked(length: timedelta) -> tuple[str, str]:
    """The PromQL of what happened in a slice: all events, and the bad ones."""
    sli = sli_of_bad(total=parse_selector("all_total"), bad=parse_selector("bad_total"))
    (total, _), (bad, _) = sli.in_slice(length)
    return total, bad


def sliced(rule: Mapping[str, object]) -> dict[str, object]:
    slo = {"name": "availability", "objective": 99.9, "window": "2d", "sli": SLI, "time_slices": dict(rule)}
    return {"service": "x", "slos": [slo]}


def served(length: timedelta, *, total: Value, bad: Value) -> Computed:
    of_all, of_bad = asked(length)
    return Computed({of_all: {(): total}, of_bad: {(): bad}})


def test_a_slice_is_good_if_its_ratio_meets_the_target(tmp_path: Path) -> None:
    """Ten minutes at exactly the target are good, ten below it bad; live and from history alike."""

    def bad(at: float) -> float:
        if END - 1200 < at <= END - 600:
            return 5.0
        return 6.0 if END - 600 < at <= END or END - DAY - HOUR < at <= END - DAY else 0.0

    source = served(timedelta(minutes=1), total=within(0, 0, 0, 100.0), bad=bad)
    watched = slos([sliced({"length": "1m", "target": 95})], tmp_path / "slos")
    with live_and_fresh(watched, source, tmp_path) as both:
        for each in both:
            assert hour_of(each.snapshot("x-availability"))[:2] == (60, 10)
            snapshot = each.snapshot("x-availability")
            assert (snapshot.total, snapshot.bad) == (2 * 24 * 60, 70)
            assert snapshot.slo.sli.kind == "time_slices"
            assert snapshot.problems == ()


def test_slices_of_an_hour_stay_fresh_between_their_ends(tmp_path: Path) -> None:
    length = timedelta(hours=1)
    source = served(length, total=within(0, 0, 0, 100.0), bad=within(END - HOUR, END, 50.0, 0.0))
    with Running(slos([sliced({"length": "1h", "target": 99})], tmp_path / "slos"), source, tmp_path / "db") as running:
        running.run(END - 600, END + 1500)
        running.backfill(END + 1500)
        snapshot = running.snapshot("x-availability")
        assert (snapshot.total, snapshot.bad) == (48, 1)
        assert snapshot.data == "fresh"
        assert snapshot.coverage == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    ("rule", "events"),
    [
        ({}, (30, pytest.approx(3))),
        ({"without_events": "good"}, (60, pytest.approx(3))),
        ({"without_events": "bad"}, (60, pytest.approx(33))),
        ({"target": "95%", "without_events": "bad"}, (60, 60)),
        ({"target": "80%"}, (30, 0)),
    ],
)
def test_ratios_and_slices_without_events(tmp_path: Path, rule: dict[str, object], events: tuple[float, float]) -> None:
    """Half of the hour nothing happened; in the other half a tenth was bad."""
    source = served(
        timedelta(minutes=1), total=within(END - 1800, END, 20.0, 0.0), bad=within(END - 1800, END, 2.0, 0.0)
    )
    with Running(slos([sliced({"length": "1m", **rule})], tmp_path / "slos"), source, tmp_path / "db") as running:
        running.tick(END)
        running.backfill(END)
        total, bad, coverage = hour_of(running.snapshot("x-availability"))
        assert (total, bad) == events
        assert coverage == pytest.approx(1.0, abs=2e-2)


def test_an_absent_series_of_errors_is_none_and_an_absent_total_is_no_data(tmp_path: Path) -> None:
    of_all, of_bad = asked(timedelta(minutes=1))
    source = Computed({of_all: {(): lambda at: None if END - 900 < at <= END - 300 else 7.0}, of_bad: {}})
    watched = slos([sliced({"length": "1m", "target": 99})], tmp_path / "slos")
    with Running(watched, source, tmp_path / "db") as running:
        running.tick(END)
        running.backfill(END)
        total, bad, coverage = hour_of(running.snapshot("x-availability"))
        assert (total, bad) == (50, 0)
        assert coverage == pytest.approx(50 / 60, abs=0.02)


def test_the_key_of_a_stored_history_never_changes() -> None:
    sli = sli_of_bad(total=parse_selector("all_total"), bad=parse_selector("bad_total"))
    rule = SliceRule(length=timedelta(minutes=5), target=0.95, without_events=WithoutEvents.GOOD)
    assert TimeSlices(of=sli, rule=rule).key == "9d7f39ded65aabab150c320ec6cf828c"


TWO_WEEKS = 14 * 24 * 60


def consumed(total: list[float], bad: list[float], *, error_budget: float, target: float | None = None) -> float:
    """Which share of its budget two weeks of minutes have spent, by what happened in each."""
    rule = SliceRule(length=timedelta(minutes=1), target=target)
    slices, of_bad = judged_slices(np.array(total), np.array(bad), rule)
    figures = budget(np.array([of_bad.sum()]), np.array([slices.sum()]), error_budget=np.array([error_budget]))
    return float(figures.consumed[0])


def test_two_weeks_of_slices_at_95_percent_allow_1008_bad_minutes() -> None:
    """The example of OpenSLO; how bad a minute is does not matter."""
    bad = [100.0 if minute < 1_008 else 0.0 for minute in range(TWO_WEEKS)]
    assert consumed([100.0] * TWO_WEEKS, bad, error_budget=0.05, target=0.9) == pytest.approx(1.0)
    slightly = [11.0 if share else 0.0 for share in bad]
    assert consumed([100.0] * TWO_WEEKS, slightly, error_budget=0.05, target=0.9) == pytest.approx(1.0)


def test_ratios_of_slices_from_99_to_1_percent_spend_95_percent_in_13_hours_43_minutes() -> None:
    """The example of OpenSLO: two weeks in which each minute counts by its ratio, busy or not."""
    total = [1000.0 if minute % 2 else 10.0 for minute in range(TWO_WEEKS)]
    minutes = 13 * 60 + 43
    for lasted, is_spent in ((minutes - 1, False), (minutes + 1, True)):
        bad = [of_all * (0.99 if minute < lasted else 0.01) for minute, of_all in enumerate(total)]
        assert (consumed(total, bad, error_budget=0.05) >= 1.0) is is_spent


def test_a_week_at_99_95_percent_allows_5_minutes_and_2_seconds() -> None:
    seconds = 7 * 86_400
    figures = budget(np.array([302.4]), np.array([float(seconds)]), error_budget=np.array([1 - 0.9995]))
    assert figures.remaining[0] == pytest.approx(0.0, abs=1e-9)
