from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from app.ledger import Increments, Ledger, Stage
from app.ledger.registry import RowKey

START = 1_800_000_000.0
INTERVAL = 30


def a_ledger() -> tuple[Ledger, int]:
    ledger = Ledger(INTERVAL)
    row = ledger.add_row(RowKey("sli", ()), horizon_s=86_400.0, from_s=0.0)
    rows = np.array([row])
    ledger.set_progress(rows, settled_s=START, counted_s=START, complete_from_s=START - 86_400, covered_s=START)
    ledger.advance(START)
    return ledger, row


def measured_s(ledger: Ledger, row: int) -> float:
    return float(ledger.fine.read(row, ledger.fine.newest - 100, ledger.fine.newest)[2].sum())


def test_a_first_sample_measures_the_time_after_it_and_none_before() -> None:
    """Reaching back to 1970 instead would take minutes and gigabytes."""
    ledger, row = a_ledger()
    rows = np.array([row])
    ledger.advance(START + 30)
    ledger.note_first_samples(rows, np.array([START + 20]))
    ledger.set_progress(rows, counted_s=START + 30)

    ledger.extend(rows, np.array([START + 20]))

    assert measured_s(ledger, row) == 10
    assert ledger.watermark(rows)[0] == START + 30
    sums = ledger.sums(rows, np.array([START - 600]), np.array([START + 30]))
    assert sums.coverage[0] == 1.0


def test_a_new_target_after_a_hole_does_not_fill_it() -> None:
    ledger, row = a_ledger()
    rows = np.array([row])
    ledger.note_first_samples(rows, np.array([START - 600]))
    ledger.advance(START + 300)
    ledger.set_progress(rows, counted_s=START + 300)

    ledger.extend(rows, np.array([START + 290]))

    assert measured_s(ledger, row) == 10
    assert ledger.sums(rows, np.array([START]), np.array([START + 300])).coverage[0] < 0.1


def test_how_often_samples_come_is_learnt_from_those_that_are_a_second_apart() -> None:
    """Down at once, and up by little, since scrapes may fail; two servers behind one address are no faster scrapes."""
    ledger, row = a_ledger()
    rows = np.array([row])

    def learnt_s(*times: float) -> float:
        ledger.rollback_provisional(rows)
        made = Increments.of([(row, START + since, START + at, 1.0, 0.0) for since, at in pairwise(times)])
        ledger.record(replace(made, seen=made.steady), Stage.PROVISIONAL)
        ledger.extend(rows, np.array([START + times[-1]]))
        return float(ledger.scrape_s[row])

    ledger.advance(START + 60)
    assert learnt_s(0.0, 30.0, 30.9, 60.0) == pytest.approx(29.1)
    assert learnt_s(0.0, 30.0, 31.0, 60.0) == pytest.approx(1.0)
    assert learnt_s(0.0, 60.0) == pytest.approx(1.0 + 0.02 * 59.0)
    assert learnt_s(0.0, 0.5) == pytest.approx(1.0 + 0.02 * 59.0)
