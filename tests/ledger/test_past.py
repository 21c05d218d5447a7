"""The past of a row as readers get it: which resolution each stretch is of, its slots, and what is left out of it."""

from dataclasses import replace

import numpy as np
import pytest

from app.ledger import (
    COARSE_WIDTH_S,
    FINE_REACH_S,
    MIDDLE_REACH_S,
    MIDDLE_WIDTH_S,
    AdjustedTime,
    Increments,
    Ledger,
    PastSlots,
    RowKey,
    SlotColumns,
    Stage,
    past_slots,
)
from app.ledger.history_edge import HistoryEdge
from app.slo.arrays import Floats

INTERVAL, DAY = 30, 86_400
NEWEST = 1_800_000_000 // DAY * DAY + 10 * INTERVAL
"""A few slots behind a full cell of every resolution."""
FINE_FROM = NEWEST // COARSE_WIDTH_S * COARSE_WIDTH_S - FINE_REACH_S + COARSE_WIDTH_S
MIDDLE_FROM = NEWEST // COARSE_WIDTH_S * COARSE_WIDTH_S - MIDDLE_REACH_S + COARSE_WIDTH_S


def events_at(*at: float, row: int = 1, total: float = 8.0, bad: float = 2.0) -> Increments:
    """So many events in the slot that ends at each time, which was measured, too."""
    made = Increments.of([(row, end - INTERVAL, end, total, bad) for end in at])
    return replace(made, seen=np.ones(len(at), dtype=bool))


@pytest.fixture
def ledger() -> Ledger:
    """Two rows, of which the second has events in cells of each resolution."""
    made, rows = Ledger(INTERVAL), np.arange(2)
    # Together, so that their cells lie side by side.
    keys = [RowKey(f"sli {number}", ()) for number in range(2)]
    made.add_rows(keys, horizon_s=np.full(2, 10.0 * DAY), from_s=np.full(2, NEWEST - 10.0 * DAY))
    made.advance(NEWEST)
    made.note_first_samples(rows, np.array([NEWEST - 8.0 * DAY, NEWEST - 9.0 * DAY]))
    made.set_progress(rows, settled_s=NEWEST, counted_s=NEWEST, covered_s=NEWEST, complete_from_s=NEWEST - 7.0 * DAY)
    made.record(events_at(NEWEST, FINE_FROM + 60.0, FINE_FROM - 60.0, MIDDLE_FROM - 60.0), Stage.PAST)
    return made


def cells_with_events(edges_s: Floats, total: Floats) -> list[tuple[float, float]]:
    """Begin and end of each."""
    places = np.flatnonzero(total).tolist()
    return [(float(edges_s[place]), float(edges_s[place + 1])) for place in places]


def test_each_stretch_is_of_the_finest_resolution_that_reaches_back_to_it(ledger: Ledger) -> None:
    past = ledger.past(1)
    assert cells_with_events(past.edges_s, past.total) == [
        (MIDDLE_FROM - COARSE_WIDTH_S, MIDDLE_FROM),
        (FINE_FROM - MIDDLE_WIDTH_S, FINE_FROM),
        (FINE_FROM + 30.0, FINE_FROM + 60.0),
        (NEWEST - INTERVAL, NEWEST),
    ]
    assert (past.total.sum(), past.bad.sum(), past.measured_s.sum()) == (32.0, 8.0, 120.0)
    widths = np.unique(np.diff(past.edges_s), return_counts=True)
    many_coarse = (10 * DAY // COARSE_WIDTH_S + 40) - (NEWEST // COARSE_WIDTH_S + 1 - MIDDLE_FROM // COARSE_WIDTH_S)
    many_middle = (FINE_FROM - MIDDLE_FROM) // MIDDLE_WIDTH_S
    assert widths[0].tolist() == [INTERVAL, MIDDLE_WIDTH_S, COARSE_WIDTH_S]
    assert widths[1].tolist() == [(NEWEST - FINE_FROM) // INTERVAL, many_middle, many_coarse]
    assert (past.first_sample_s, past.complete_from_s, past.watermark_s) == (
        NEWEST - 9 * DAY,
        NEWEST - 7 * DAY,
        NEWEST,
    )


def test_a_time_is_moved_to_the_edge_before_it(ledger: Ledger) -> None:
    past = ledger.past(1)
    asked = np.array([0.0, MIDDLE_FROM - 1.0, FINE_FROM - 1.0, FINE_FROM + 30.0, FINE_FROM + 59.0, NEWEST + 999.0])
    assert past.floor(asked).tolist() == [
        past.edges_s[0],
        MIDDLE_FROM - COARSE_WIDTH_S,
        FINE_FROM - MIDDLE_WIDTH_S,
        FINE_FROM + 30.0,
        FINE_FROM + 30.0,
        NEWEST,
    ]


def test_events_before_a_time_are_exact_at_an_edge_and_spread_within_a_cell(ledger: Ledger) -> None:
    past = ledger.past(1)
    asked = np.array([MIDDLE_FROM, FINE_FROM - 150.0, FINE_FROM + 60.0, NEWEST])
    total, bad, measured_s = past.counted_before(asked)
    assert total.tolist() == [8.0, 12.0, 24.0, 32.0]
    assert bad.tolist() == [2.0, 3.0, 6.0, 8.0]
    assert measured_s.tolist() == [30.0, 45.0, 90.0, 120.0]


def test_time_that_is_left_out_is_known_and_without_events(ledger: Ledger) -> None:
    past = ledger.past(1)
    assert past.adjusted(AdjustedTime.of(())) is past
    # All of one slot, and half of a cell of five minutes; the newest slot's errors count as good.
    spans = [(FINE_FROM + 30.0, FINE_FROM + 60.0), (FINE_FROM - 150.0, FINE_FROM)]
    adjusted = past.adjusted(AdjustedTime.of(spans, good=[(NEWEST - 30.0, NEWEST)]))
    some = np.flatnonzero(past.total)
    assert adjusted.total[some].tolist() == [8.0, 4.0, 0.0, 8.0]
    assert adjusted.bad[some].tolist() == [2.0, 1.0, 0.0, 0.0]
    assert adjusted.measured_s.tolist() == past.measured_s.tolist()


def slots_with_events(slots: PastSlots) -> list[tuple[int, float, float, float]]:
    """Place, total, bad and measured seconds of each."""
    some = np.flatnonzero(slots.total)
    return list(
        zip(
            some.tolist(),
            *(column[some].tolist() for column in (slots.total, slots.bad, slots.measured_s)),
            strict=True,
        )
    )


def test_slots_have_the_events_of_a_cell_in_its_last_slot(ledger: Ledger) -> None:
    first, last = (MIDDLE_FROM - COARSE_WIDTH_S) // INTERVAL + 1, NEWEST // INTERVAL
    slots = past_slots(ledger, 1, first, last)
    assert slots_with_events(slots) == [
        (end // INTERVAL - first, 8.0, 2.0, 30.0) for end in (MIDDLE_FROM, FINE_FROM, FINE_FROM + 60, NEWEST)
    ]
    each = COARSE_WIDTH_S // INTERVAL
    assert np.unique(slots.width_s[:each]).tolist() == [COARSE_WIDTH_S]
    assert np.unique(slots.width_s[each : (FINE_FROM - MIDDLE_FROM) // INTERVAL + each]).tolist() == [MIDDLE_WIDTH_S]
    assert np.unique(slots.width_s[(FINE_FROM - MIDDLE_FROM) // INTERVAL + each :]).tolist() == [INTERVAL]


def test_cells_that_are_not_wholly_among_the_slots_are_left_out(ledger: Ledger) -> None:
    first = (MIDDLE_FROM - COARSE_WIDTH_S) // INTERVAL + 2
    slots = past_slots(ledger, 1, first, FINE_FROM // INTERVAL - 1)
    assert slots_with_events(slots) == []
    assert np.unique(slots.width_s[: COARSE_WIDTH_S // INTERVAL - 1]).tolist() == [0]
    # The last nine of ten slots of the cell that ends behind them.
    assert slots.width_s[-10:].tolist() == [MIDDLE_WIDTH_S, *[0] * 9]
    assert len(past_slots(ledger, 1, first, first - 1).total) == 0
    assert len(past_slots(ledger, 1, first, first).total) == 1


@pytest.mark.parametrize(
    ("first", "last", "total"),
    [
        (10, 12, [1.0, 2.0, 3.0]),
        (8, 10, [0.0, 0.0, 1.0]),
        (11, 14, [2.0, 3.0, 0.0, 0.0]),
        (12, 12, [3.0]),
        (7, 9, [0.0] * 3),
        (13, 13, [0.0]),
    ],
)
def test_slots_are_cut_and_empty_outside(first: int, last: int, total: list[float]) -> None:
    slots = SlotColumns(np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 30.0]), np.array([5.0, 5.0, 5.0]))
    cut = slots.cut(10, first=first, last=last)
    assert cut.total.tolist() == total
    assert cut.bad.tolist() == [10 * value for value in total]
    assert cut.measured_s.tolist() == [5.0 * (value > 0) for value in total]


def test_what_was_measured_across_the_edge_of_a_history_is_kept() -> None:
    edge, rows = HistoryEdge(), np.array([0, 0, 0, 1])
    edge.add_rows(2)
    edge.move(np.array([0]), 100.0, interval_s=INTERVAL)
    edge.note_measured(rows, np.array([90.0, 100.0, 70.0, 90.0]), np.array([110.0, 130.0, 100.0, 110.0]))
    assert edge.measured_from_s.tolist() == [90.0, np.inf]
    edge.note_measured(rows[:1], np.array([95.0]), np.array([101.0]))
    assert edge.measured_from_s.tolist() == [90.0, np.inf]
    edge.forget(0)
    assert edge.measured_from_s.tolist() == [np.inf, np.inf]


def test_slots_are_replaced_in_every_resolution(ledger: Ledger) -> None:
    ledger.take_changes()
    first = int(FINE_FROM + 60) // INTERVAL
    slots = SlotColumns(np.array([3.0, 5.0]), np.array([1.0, 0.0]), np.array([30.0, 15.0]))
    ledger.replace_slots(1, first, slots, live=False)
    columns = ledger.fine.read(1, first - 1, first + 2)
    assert [column.tolist() for column in columns] == [[0, 3, 5, 0], [0, 1, 0, 0], [0, 30, 15, 0]]
    for resolution in (ledger.middle, ledger.coarse):
        cell = int(FINE_FROM + 60) // resolution.width_s + 1
        assert [column.tolist() for column in resolution.read(1, cell, cell)] == [[8.0], [1.0], [45.0]]
    assert (ledger.ever_total.tolist(), ledger.ever_bad.tolist()) == ([0.0, 0.0], [0.0, 0.0])
    assert ledger.take_changes().tolist() == [np.inf, FINE_FROM + 30.0]
    # The same once more is no change; what is live also counts for the counters that never reset.
    ledger.replace_slots(1, first, slots, live=True)
    assert ledger.take_changes().tolist() == [np.inf, np.inf]
    ledger.replace_slots(1, first, SlotColumns(np.array([4.0]), np.array([3.0]), np.array([30.0])), live=True)
    assert (ledger.ever_total.tolist(), ledger.ever_bad.tolist()) == ([0.0, 1.0], [0.0, 2.0])


def test_increments_are_counted_in_slots_and_recorded_nowhere(ledger: Ledger) -> None:
    first = int(FINE_FROM) // INTERVAL + 10
    begin = (first - 1.0) * INTERVAL
    before = ledger.past(1).total.tolist()
    found = Increments.joined(
        [events_at(begin + 30.0, begin + 90.0), events_at(begin + 90.0), events_at(begin + 60.0, row=0)]
    )
    # Two counters were measured in the third slot, which is no longer for that; one slot lies before, one behind.
    outside = events_at(begin, begin + 150.0)
    total, bad, measured_s = ledger.slots_of(Increments.joined([found, outside]), 1, first, first + 3)
    assert total.tolist() == [8.0, 0.0, 16.0, 0.0]
    assert bad.tolist() == [2.0, 0.0, 4.0, 0.0]
    assert measured_s.tolist() == [30.0, 0.0, 30.0, 0.0]
    assert ledger.past(1).total.tolist() == before
