"""What samples do not show: two truths with the same samples, of which no count can be right by both."""

import numpy as np
import pytest

from tests.ledger.histories import History, grid

END = 3_600.0
JOINS = 1_800.0


def test_a_recorded_sum_rises_alike_by_a_job_that_counts_and_by_one_that_joins() -> None:
    """The job has counted 2,000 at once, or before it was scraped: what counts either is off by it for the other."""
    at = grid(0, END)
    steady, job = np.floor(1_000 + at), np.where(at < JOINS, 0.0, 2_000.0)
    past = {"counts at once": 0.0, "joins": 2_000.0}
    shown = {name: steady + np.where(at < JOINS, 0.0, before + (2_000.0 - before)) for name, before in past.items()}
    truth = {name: 2_400 + job.max() - before for name, before in past.items()}
    assert (shown["counts at once"] == shown["joins"]).all()
    assert truth == {"counts at once": 4_400, "joins": 2_400}
    labels = {"__name__": "job:rq:sum", "job": "api", "code": "200"}
    found, _ = History([(labels, (at, shown["joins"]))]).final(600, END - 600)
    assert found == pytest.approx(4_400, abs=30)


def test_a_run_that_hardly_falls_and_a_copy_that_lags_are_the_same_until_the_next_sample() -> None:
    """Nothing counts until it is known: the next run, or five minutes, or the value of before."""
    at = grid(0, END)
    until = at <= 2_490
    stood, fell = np.full(len(at), 12_607.0), at > 2_300
    run = np.where(fell & (at > 2_500), 12_700.0, np.where(fell, 12_561.0, stood))
    copy = np.where(fell & until, 12_561.0, stood)
    assert (run[until] == copy[until]).all()
    counted = {}
    for name, values in (("run", run), ("copy", copy)):
        labels = {"__name__": "rq_total", "job": "api", "instance": "pushgateway:9091", "code": "200"}
        for end in (2_490.0, END - 600):
            shown = at <= end + 330 if end > 2_490 else until
            counted[name, end] = History([(labels, (at[shown], values[shown]))]).final(600, end)[0]
    assert counted["run", 2_490.0] == counted["copy", 2_490.0] == 0.0
    assert counted["run", END - 600] == 12_700.0
    assert counted["copy", END - 600] == 0.0
