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
