"""Counters that contradict each other: bad beside a total that stands still, good or bad above the total."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from app.evaluation.figures.figures import Figures
from app.evaluation.figures.problems import contradictions, hides_errors, long_bad_shares
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
        one.run(incident - 600, blind, every=60)
        one.backfill(blind)
        firing = page(one.snapshot("queue-availability"))
        one.run(blind, blind + 2700, every=60)
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


def _figures(**windows: tuple[float, float]) -> Figures:
    """Of one member, the events of the last hour, of the last day and of the SLO window, each with their excess."""
    view = {
        name: SimpleNamespace(total=np.array([total]), excess=np.array([excess]), sli=np.array([0.05]))
        for name, (total, excess) in {"hour": (0.0, 0.0), "day": (0.0, 0.0), "slo": (0.0, 0.0), **windows}.items()
    }
    return cast(
        "Figures",
        SimpleNamespace(
            as_of_s=np.array([float(NOW)]),
            data_since_s=np.array([NOW - 6 * HOUR]),
            windows={timedelta(hours=1): view["hour"], timedelta(days=1): view["day"]},
            slo_window=view["slo"],
        ),
    )


@pytest.mark.parametrize(
    ("windows", "named"),
    [
        # Five events and a tenth of the hour's, or a hundredth of the window's, are what scrapes that lie apart make.
        ({"hour": (100.0, -15.0)}, None),
        ({"hour": (100.0, -15.5)}, ("good", "the last hour")),
        ({"hour": (100.0, 13.5)}, None),
        ({"hour": (100.0, 14.0)}, ("bad", "the last hour")),
        ({"slo": (10_000.0, -105.0)}, None),
        ({"slo": (10_000.0, -105.5)}, ("good", "the SLO window")),
    ],
)
def test_a_part_exceeds_the_total_by_more_than_scrapes_explain(
    windows: dict[str, tuple[float, float]], named: tuple[str, str] | None
) -> None:
    (found,) = contradictions(_figures(**windows))
    assert (None if found is None else (found.part, found.window)) == named


@pytest.mark.parametrize(("excess", "hidden"), [(-15.0, False), (-15.5, True), (15.5, False)])
def test_good_events_above_the_total_hide_errors_in_any_window(excess: float, hidden: bool) -> None:
    assert hides_errors(_figures(day=(100.0, excess))) == [hidden]


@pytest.mark.parametrize(
    ("events", "data_s", "share"), [(20.0, 6 * HOUR, 0.95), (19.0, 6 * HOUR, None), (20.0, 6 * HOUR - 1, None)]
)
def test_the_bad_share_of_a_day_is_known_of_twenty_events_in_six_hours(
    events: float, data_s: float, share: float | None
) -> None:
    figures = _figures(day=(events, 0.0))
    figures.data_since_s[0] = NOW - data_s
    assert long_bad_shares(figures) == pytest.approx([np.nan if share is None else share], nan_ok=True)


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
