"""ADR-0007: the cell that the start of a long window cuts counts exactly, by slots that add up to it."""

import numpy as np
import pytest

from app.ledger import HOUR_S, Increments, Ledger, RowKey, Stage

INTERVAL, CELL_S, DAY = 30, 900, 86_400
NEWEST = 1_800_000_000 // HOUR_S * HOUR_S
HOUR = (NEWEST - 10 * DAY) // HOUR_S
CELL_BEGINS = float((HOUR - 1) * HOUR_S)
BURST_AT = CELL_BEGINS + 240


def _burst(bad: float) -> Increments:
    """Bad events in one slot four minutes into a cell."""
    return Increments.of([(0, BURST_AT - INTERVAL, BURST_AT, bad, bad)])


def _bad_since(ledger: Ledger, start_s: float) -> float:
    return float(ledger.sums(np.array([0]), np.array([start_s]), np.array([float(NEWEST)])).bad[0])


@pytest.fixture
def ledger() -> Ledger:
    """A month of nothing but a burst of 100 bad events."""
    made, rows = Ledger(INTERVAL), np.array([0])
    made.add_row(RowKey("sli", ()), horizon_s=40.0 * DAY, from_s=NEWEST - 40.0 * DAY)
    made.advance(NEWEST)
    made.note_first_samples(rows, np.array([NEWEST - 30.0 * DAY]))
    made.set_progress(rows, settled_s=NEWEST, counted_s=NEWEST, covered_s=NEWEST, complete_from_s=NEWEST - 30.0 * DAY)
    made.record(_burst(100.0), Stage.PAST)
    return made


def test_without_slots_a_cell_that_is_cut_counts_by_share(ledger: Ledger) -> None:
    assert _bad_since(ledger, CELL_BEGINS) == 100.0
    assert _bad_since(ledger, CELL_BEGINS + CELL_S / 2) == pytest.approx(50.0)


def test_slots_that_add_up_to_the_cell_count_exactly(ledger: Ledger) -> None:
    ledger.set_edge_slots(HOUR, np.array([0]), _burst(100.0))
    assert _bad_since(ledger, CELL_BEGINS + 120) == 100.0
    assert _bad_since(ledger, CELL_BEGINS + CELL_S / 2) == 0.0


def test_slots_that_do_not_add_up_to_the_cell_are_not_believed(ledger: Ledger) -> None:
    """Prometheus has forgotten a part of the hour: the share remains."""
    ledger.set_edge_slots(HOUR, np.array([0]), _burst(60.0))
    assert _bad_since(ledger, CELL_BEGINS + CELL_S / 2) == pytest.approx(50.0)


def test_an_hour_of_which_no_sli_was_read_leaves_all_as_it_is(ledger: Ledger) -> None:
    ledger.set_edge_slots(HOUR, np.empty(0, dtype=np.int64), Increments.of(()))
    assert _bad_since(ledger, CELL_BEGINS + CELL_S / 2) == pytest.approx(50.0)
    ledger.set_edge_slots(HOUR, np.array([0]), _burst(100.0))
    assert _bad_since(ledger, CELL_BEGINS + CELL_S / 2) == 0.0


def test_an_sli_that_was_added_since_counts_by_share(ledger: Ledger) -> None:
    ledger.set_edge_slots(HOUR, np.array([0]), _burst(100.0))
    row = ledger.add_row(RowKey("new", ()), horizon_s=40.0 * DAY, from_s=NEWEST - 40.0 * DAY)
    ledger.record(Increments.of([(row, BURST_AT - INTERVAL, BURST_AT, 60.0, 60.0)]), Stage.PAST)
    start_s = np.full(2, CELL_BEGINS + CELL_S / 2)
    found = ledger.sums(np.array([0, row]), start_s, np.full(2, float(NEWEST)))
    assert found.bad.tolist() == pytest.approx([0.0, 30.0])
