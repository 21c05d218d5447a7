"""Processes that answer scrapes of one address by turns, as workers without a shared registry do."""

import numpy as np
import pytest

from app.ledger import HISTORY_WARM_UP_S
from app.slo.arrays import Floats
from tests.ledger.histories import History, Labels, Points
from tests.ledger.test_kinds_that_meet import series

END, SINCE, UNTIL = 14_400.0, 600.0, 13_800.0
SCRAPE_S = 15.0
PACE = 5.0
LEVELS = (130_000.0, 100_000.0, 70_000.0, 90_000.0)


def answered_by_turns(
    seed: int, errors: tuple[float, ...], *, pace: float = 0.0, workers: int = 4
) -> list[tuple[Labels, Points]]:
    """Requests and *errors* of workers, of which each scrape shows one by chance; errors grow at a *pace*, 1/s each."""
    at = np.arange(7.0, END, SCRAPE_S)
    which = np.random.default_rng(seed).integers(0, workers, len(at))
    return [
        series(at, np.array(LEVELS)[which] + PACE * at),
        series(at, np.array(errors)[which] + pace * at, "500"),
    ]


def worst_minutes(history: History) -> float:
    """The highest share of bad events within any five minutes, of what was counted last."""
    at, total, bad = history.counted.at, history.counted.total, history.counted.bad
    ends: Floats = np.arange(SINCE + 300, UNTIL, 60)
    within = [(at > end - 300) & (at <= end) for end in ends.tolist()]
    return max(float(bad[here].sum()) / max(float(total[here].sum()), 1.0) for here in within)


@pytest.mark.parametrize("seed", [5, 6])
def test_old_errors_of_two_workers_are_never_new(seed: int) -> None:
    shown = answered_by_turns(seed, (3.0, 0.0), workers=2)
    total, bad = History(shown).final(SINCE, UNTIL)
    assert bad == 0
    assert total == pytest.approx(PACE * (UNTIL - SINCE), rel=0.01)
    history_total, history_bad = History(shown).backwards(SINCE, UNTIL, warm_up_s=HISTORY_WARM_UP_S)
    assert history_total == pytest.approx(total, rel=0.02)
    assert history_bad == bad


@pytest.mark.parametrize("errors", [(3.0, 0.0, 7.0, 2.0), (300.0, 10.0, 700.0, 150.0)])
@pytest.mark.parametrize("seed", [5, 6])
def test_old_errors_of_four_workers_are_never_new(seed: int, errors: tuple[float, ...]) -> None:
    history = History(answered_by_turns(seed, errors))
    total, bad = history.final(SINCE, UNTIL)
    assert bad == 0
    assert total == pytest.approx(PACE * (UNTIL - SINCE), rel=0.01)
    assert worst_minutes(history) < 0.0144


@pytest.mark.parametrize("seed", [5, 6])
def test_levels_far_apart_are_no_traffic(seed: int) -> None:
    """Workers that ran for days: a jump between two levels is a hundred times what their target counts."""
    at = np.arange(7.0, END, 30.0)
    which = np.random.default_rng(seed).integers(0, 4, len(at))
    shown = [
        series(at, np.array((3e6, 1e6, 2e6, 5e5))[which] + 50 * at),
        series(at, np.array((300.0, 10.0, 700.0, 150.0))[which], "500"),
    ]
    total, bad = History(shown).final(SINCE, UNTIL)
    assert total == pytest.approx(50 * (UNTIL - SINCE), rel=0.02)
    assert bad == 0


@pytest.mark.parametrize("at_start", [0.0, 1500.0])
def test_a_crash_loop_is_no_turn(at_start: float) -> None:
    """Lives of two minutes on average: what a process shows meets what those before it have shown by chance only."""
    random, seconds = np.random.default_rng(4), np.arange(0.0, END)
    counted = random.poisson(70.0, len(seconds)).astype(float)
    starts = np.cumsum(random.exponential(120.0, 200)).astype(int)
    starts = starts[(starts > SINCE) & (starts < END)]
    counted[starts] += at_start
    counted, before = np.cumsum(counted), np.zeros(len(seconds))
    for start in starts.tolist():
        before[start:] = counted[start - 1]
    at = np.arange(7, int(END), 15)
    value = (counted - before)[at]
    within = (at > SINCE) & (at <= UNTIL)
    shown, steps = value[within], np.diff(value[within])
    total, _ = History([series(at.astype(float), value)]).final(SINCE, UNTIL)
    assert total == pytest.approx(np.where(steps < 0, shown[1:], steps).sum(), rel=0.02)


@pytest.mark.parametrize("seed", [1, 3, 4])
def test_old_errors_that_stand_still_for_scrapes_are_no_runs_of_a_job(seed: int) -> None:
    """Each worker answers some scrapes in a row, so that its errors stand still while its requests grow."""
    at, random = np.arange(7.0, END, SCRAPE_S), np.random.default_rng(seed)
    which = np.repeat(random.integers(0, 3, len(at)), random.integers(1, 6, len(at)))[: len(at)]
    shown = [
        series(at, np.array(LEVELS)[which] + PACE * at),
        series(at, np.array((10.0, 2.0, 6.0))[which], "500"),
    ]
    total, bad = History(shown).final(SINCE, UNTIL)
    assert bad == 0
    history_total, history_bad = History(shown).backwards(SINCE, UNTIL, warm_up_s=HISTORY_WARM_UP_S)
    assert history_total == pytest.approx(total, rel=0.02)
    assert history_bad == bad


@pytest.mark.parametrize("seed", [5, 6, 7, 8])
def test_old_errors_page_at_no_turn(seed: int) -> None:
    """Without the samples that follow, as alerts see them, and where levels look like traffic at first."""
    history = History(answered_by_turns(seed, (3.0, 0.0, 7.0, 2.0)))
    history.live(SINCE, UNTIL)
    # A page asks for 14.4 times the pace of a budget of 0.1%, in five minutes and in an hour.
    assert history.counted.bad.sum() < 0.001 * history.counted.total.sum()


def test_an_outage_of_all_workers_shows() -> None:
    """Errors at two a second for each worker, beside requests at five."""
    total, bad = History(answered_by_turns(5, (3.0, 0.0, 7.0, 2.0), pace=2.0)).final(SINCE, UNTIL)
    assert bad == pytest.approx(2.0 * (UNTIL - SINCE), rel=0.01)
    assert total == pytest.approx((2.0 + PACE) * (UNTIL - SINCE), rel=0.01)
