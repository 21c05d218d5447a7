"""Errors of processes that answer by turns, while too little is known to tell these apart."""

import numpy as np
import pytest

from app.ledger import HISTORY_WARM_UP_S
from tests.ledger.histories import History, Labels, Points
from tests.ledger.test_kinds_that_meet import series

END, SINCE, UNTIL = 7_800.0, 600.0, 7_200.0


def answered_by_turns(
    levels: tuple[float, ...], errors: tuple[float, ...], *, pace: float, scrape_s: float, failing: float = 0.0
) -> list[tuple[Labels, Points]]:
    """Requests at a *pace* of each worker, of which each scrape shows one by chance; errors grow at *failing*, 1/s."""
    at = np.arange(7.0, END, scrape_s)
    which = np.random.default_rng(3).integers(0, len(levels), len(at))
    return [
        series(at, np.floor(np.array(levels)[which] + pace * at)),
        series(at, np.floor(np.array(errors)[which] + failing * at), "500"),
    ]


WORKERS = {
    "young": ((493.0, 520.0), (0.0, 1.0), 0.12, 15.0),
    "eight": (
        (3_565.0, 6_246.0, 7_155.0, 7_599.0, 8_162.0, 8_501.0, 8_946.0, 5_020.0),
        (11.0, 1, 0, 1, 3, 1, 2, 0),
        2.5,
        30.0,
    ),
    "alike": ((32_379.0, 41_986.0, 42_493.0, 42_768.0), (4.0, 13, 18, 17), 2.9, 30.0),
}


@pytest.mark.parametrize("workers", WORKERS.values(), ids=WORKERS)
def test_old_errors_are_never_new(workers: tuple[tuple[float, ...], tuple[float, ...], float, float]) -> None:
    levels, errors, pace, scrape_s = workers
    shown = answered_by_turns(levels, errors, pace=pace, scrape_s=scrape_s)
    for total, bad in (
        History(shown).final(SINCE, UNTIL),
        History(shown).backwards(SINCE, UNTIL, warm_up_s=HISTORY_WARM_UP_S),
    ):
        assert total > 0.9 * pace * (UNTIL - SINCE)
        assert bad < 0.001 * total
    # What follows is not known: errors before the second fall may count, once.
    _, bad = History(shown).live(SINCE, UNTIL)
    assert bad <= 2 * sum(errors)


@pytest.mark.parametrize("workers", WORKERS.values(), ids=WORKERS)
def test_an_outage_shows(workers: tuple[tuple[float, ...], tuple[float, ...], float, float]) -> None:
    levels, errors, pace, scrape_s = workers
    shown = answered_by_turns(levels, errors, pace=pace, scrape_s=scrape_s, failing=0.05)
    _, bad = History(shown).live(SINCE, UNTIL)
    assert bad > 0.9 * 0.05 * (UNTIL - SINCE)


def test_errors_of_a_crash_loop_count() -> None:
    """Each life counts what it shows: its requests are few enough to have been counted anew."""
    at = np.arange(7.0, END, 15.0)
    lived_s = at % 125.0
    total, bad = History([series(at, np.floor(20 * lived_s)), series(at, np.floor(2 * lived_s), "500")]).final(
        SINCE, UNTIL
    )
    assert bad == pytest.approx(total / 11, rel=0.02)
    assert bad > 0.9 * 2.0 * (UNTIL - SINCE)


def test_errors_of_a_job_that_runs_often_count() -> None:
    """A gateway shows the counts of the newest run: they stand still between runs, and each writes its own."""
    at = np.arange(7.0, END, 15.0)
    run = (at // 120).astype(int)
    dice = np.random.default_rng(5)
    rows = dice.integers(2_000, 9_000, run.max() + 1)
    failed = dice.integers(20, 90, run.max() + 1)
    shown = [series(at, rows[run].astype(float)), series(at, failed[run].astype(float), "500")]
    _, bad = History(shown).final(SINCE, UNTIL)
    steps = np.diff(failed[5:61])
    assert bad == pytest.approx(np.where(steps < 0, failed[6:61], steps).sum(), rel=0.1)


def test_errors_count_while_a_counter_is_corrected_twice() -> None:
    """A server that loses the counts of two recycled workers does not come back to them: its errors fell for good."""
    at = np.arange(7.0, END, 15.0)
    lost = np.where(at < 3_000.0, 0.0, np.where(at < 3_200.0, 20_000.0, 40_000.0))
    shown = [
        series(at, 100_000.0 + np.floor(20 * at) - lost),
        # A worker that had nearly all errors took them along.
        series(at, np.floor(np.where(at < 3_000.0, 300.0 + 0.2 * at, 0.2 * (at - 2_990.0))), "500"),
    ]
    for counted in (
        History(shown).final(SINCE, UNTIL),
        History(shown).backwards(SINCE, UNTIL, warm_up_s=HISTORY_WARM_UP_S),
    ):
        assert counted == pytest.approx((20.2 * (UNTIL - SINCE), 0.2 * (UNTIL - SINCE)), rel=0.01)


def test_what_is_suspected_does_not_depend_on_how_time_is_cut() -> None:
    """An idle service whose second copy reads one less: one slot shows too few steps to suspect it."""
    at = np.arange(7.0, END, 30.0)
    dice = np.random.default_rng(25)
    less = (dice.random((2, len(at))) < 0.2).astype(float)
    good, bad = (np.cumsum(dice.poisson(pace * 30.0, len(at))) + 100.0 for pace in (0.02, 0.012))
    shown = [series(at, good - less[0]), series(at, bad - less[1], "500")]
    in_slots = History(shown).live(SINCE, UNTIL, hindsight_s=330.0, slot_s=30.0)
    assert in_slots == History(shown).backwards(SINCE, UNTIL, warm_up_s=HISTORY_WARM_UP_S)
    first, last = np.searchsorted(at, (SINCE, UNTIL)) - 1
    grown = [float(counter[last] - counter[first]) for counter in (good, bad)]
    # Some of the returns of counters that hardly move are taken for events; `increase()` counts tens of thousands.
    assert in_slots == pytest.approx((sum(grown), grown[1]), rel=0.1)
