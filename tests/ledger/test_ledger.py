"""The ledger as a whole: what is provisional can be taken back, kept, and put back, without a trace."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ledger import Increments, Ledger, RowKey, Stage, pack_cells, unpack_cells
from app.slo.arrays import Floats, Ints

INTERVAL = 30
START = 1_800_000_000
ROWS = 2
HOUR = 3600.0


@dataclass(frozen=True)
class Step:
    """Events of one row between two samples, in slots after the start; not *steady* across a hole."""

    row: int
    since: float
    at: float
    total: int
    bad: int


steps = st.builds(
    lambda row, since, length, total, share: Step(row, since, since + length, total, int(total * share)),
    st.integers(0, ROWS - 1),
    st.floats(-60, 40),
    st.floats(0.1, 60),
    st.integers(0, 1000),
    st.floats(0, 1),
)


def increments(some: list[Step]) -> Increments:
    rows = [
        (step.row, START + step.since * INTERVAL, START + step.at * INTERVAL, float(step.total), float(step.bad))
        for step in some
    ]
    made = Increments.of(rows)
    return replace(made, seen=made.steady)


def a_ledger(*, newest: float = START + 100 * INTERVAL) -> Ledger:
    ledger = Ledger(INTERVAL)
    for number in range(ROWS):
        ledger.add_row(RowKey("sli", (("route", str(number)),)), horizon_s=86_400.0, from_s=float(START))
    ledger.advance(newest)
    rows = np.arange(ROWS)
    ledger.note_first_samples(rows, np.full(ROWS, START - 3 * HOUR))
    ledger.set_progress(rows, settled_s=START, counted_s=newest, complete_from_s=START - 3 * HOUR)
    return ledger


def cells(ledger: Ledger) -> list[Floats]:
    """Everything that the tiers hold of the hours around the start."""
    found = []
    for tier in ledger.resolutions:
        first = int((START - 2 * HOUR) // tier.width_s)
        for row in range(ROWS):
            found += ledger_read(ledger, tier.width_s, row, first)
    return found


def ledger_read(ledger: Ledger, width_s: int, row: int, first: int) -> list[Floats]:
    tier = next(tier for tier in ledger.resolutions if tier.width_s == width_s)
    return list(tier.read(row, first, tier.newest))


def assert_alike(found: list[Floats], wanted: list[Floats]) -> None:
    for number, (mine, its) in enumerate(zip(found, wanted, strict=True)):
        # Measured seconds are kept in float32; where there is nothing, nothing may be left of rounding.
        assert number % 3 == 2 or ((mine == 0) == (its == 0)).all()
        assert mine == pytest.approx(its, abs=1e-3, rel=1e-9)


def everything(row: int) -> tuple[Ints, Floats, Floats]:
    return np.array([row]), np.array([START - 2 * HOUR]), np.array([START + 100.0 * INTERVAL])


@given(st.lists(steps, max_size=6), st.lists(steps, max_size=6))
def test_what_was_provisional_can_be_taken_back(final: list[Step], provisional: list[Step]) -> None:
    """Also what was spread over a hole that began before the counts were settled."""
    ledger = a_ledger()
    ledger.record(increments([step for step in final if step.at <= 0]), Stage.FINAL)
    before, ever = cells(ledger), (ledger.ever_total.copy(), ledger.ever_bad.copy())
    later = [step for step in provisional if step.at > 0]
    ledger.record(increments([step for step in later if step.since >= 0]), Stage.PROVISIONAL)
    ledger.record(without_measuring([step for step in later if step.since < 0]), Stage.PROVISIONAL)
    ledger.rollback_provisional(np.arange(ROWS))
    assert_alike(cells(ledger), before)
    assert ledger.ever_total == pytest.approx(ever[0], abs=1e-6)
    assert ledger.ever_bad == pytest.approx(ever[1], abs=1e-6)


def without_measuring(some: list[Step]) -> Increments:
    """Steps across the settled time: what they measure before it stays measured, as it was."""
    made = increments(some)
    made.seen[:] = False
    return made


@given(st.lists(steps, min_size=1, max_size=8))
def test_every_event_is_in_every_resolution_once(some: list[Step]) -> None:
    ledger = a_ledger()
    ledger.record(increments(some), Stage.FINAL)
    for row in range(ROWS):
        total = sum(step.total for step in some if step.row == row)
        bad = sum(step.bad for step in some if step.row == row)
        for tier in ledger.resolutions:
            sums = tier.sums(*everything(row))
            assert sums.total[0] == pytest.approx(total)
            assert sums.bad[0] == pytest.approx(bad)
        assert ledger.ever_total[row] == pytest.approx(total)


@given(st.lists(steps, max_size=8), st.lists(steps, max_size=8))
def test_what_is_kept_of_a_ledger_makes_the_same_ledger(final: list[Step], provisional: list[Step]) -> None:
    """Final cells in chunks without what is provisional in them, the rest apart."""
    ledger = a_ledger()
    ledger.record(increments([step for step in final if step.at <= 0]), Stage.FINAL)
    ledger.record(increments([step for step in provisional if step.at > 0]), Stage.PROVISIONAL)
    again = a_ledger()
    for tier, its in zip(ledger.resolutions, again.resolutions, strict=True):
        settled = START // tier.width_s
        for row in range(ROWS):
            first = settled - 300
            its.write(
                row,
                first,
                *unpack_cells(pack_cells(*ledger.read_final(tier, *map(np.atleast_1d, (row, first, settled))))),
            )
    firsts, lengths, *columns = ledger.provisional(np.arange(ROWS))
    ends = np.cumsum(lengths)
    for row in range(ROWS):
        again.restore(row, int(firsts[row]), *(column[ends[row] - lengths[row] : ends[row]] for column in columns))
    early = ledger.provisional_in_settled
    again.add_settled(early[:, 0].astype(np.int64), early[:, 1].astype(np.int64), early[:, 2], early[:, 3])
    assert_alike(cells(again), cells(ledger))
    for one in (again, ledger):
        one.rollback_provisional(np.arange(ROWS))
    assert_alike(cells(again), cells(ledger))


@given(st.lists(steps, min_size=1, max_size=5), st.integers(0, 100))
def test_later_slots_never_change_earlier_windows(some: list[Step], slots: int) -> None:
    ledger = a_ledger(newest=START + 40 * INTERVAL)
    ledger.record(increments([step for step in some if step.at <= 40]), Stage.FINAL)
    rows = np.arange(ROWS)
    now, later = START + 40.0 * INTERVAL, START + (41.0 + slots) * INTERVAL
    window = np.full(ROWS, START - HOUR), np.full(ROWS, now)
    ledger.set_progress(rows, counted_s=now, covered_s=now)
    before = ledger.sums(rows, *window)
    ledger.advance(later)
    waiting = ledger.sums(rows, *window)
    ledger.set_progress(rows, counted_s=later, covered_s=later)
    ledger.record(increments([Step(0, 40.5, 40.5 + slots / 2 + 0.1, 500, 50)]), Stage.FINAL)
    after = ledger.sums(rows, *window)
    for sums in (waiting, after):
        assert sums.total == pytest.approx(before.total)
        assert sums.bad == pytest.approx(before.bad)


def test_history_that_is_read_again_keeps_what_later_samples_have_counted_of_it() -> None:
    """Also in the slot that ends at its edge; what lies behind the edge is none of the history."""
    ledger, edge_s = a_ledger(), START + 10 * INTERVAL
    ledger.set_history_edge(np.array([0]), edge_s)
    ledger.record(increments([Step(0, 3, 3.5, 4, 1), Step(0, 9.5, 10, 7, 2), Step(0, 10.5, 11, 5, 3)]), Stage.FINAL)
    ledger.record(increments([Step(0, 6.5, 7, 9, 9)]), Stage.PARTIAL_PAST)
    ledger.forget_until(0, edge_s)
    total, bad, _ = ledger.fine.read(0, START // INTERVAL + 1, START // INTERVAL + 11)
    assert total.tolist() == [0, 0, 0, 4, 0, 0, 0, 0, 0, 7, 5]
    assert bad.tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 3]


def test_counters_that_were_shown_never_fall() -> None:
    ledger = a_ledger()
    rows = np.arange(ROWS)
    ledger.record(increments([Step(0, 1, 2, 100, 10)]), Stage.PROVISIONAL)
    assert [column.tolist() for column in ledger.ever(rows)] == [[90, 0], [10, 0]]
    ledger.rollback_provisional(rows)
    assert [column.tolist() for column in ledger.ever(rows)] == [[90, 0], [10, 0]]
    ledger.record(increments([Step(0, 1, 2, 120, 5)]), Stage.FINAL)
    assert [column.tolist() for column in ledger.ever(rows)] == [[115, 0], [10, 0]]


def test_an_interval_must_divide_the_cells() -> None:
    with pytest.raises(ValueError, match="does not divide"):
        Ledger(45)


@given(st.binary(max_size=200), st.integers(0, 100))
def test_other_bytes_are_refused(data: bytes, cut: int) -> None:
    cells = np.arange(50.0)
    for bytes_ in (data, pack_cells(cells, cells, cells)[:cut]):
        with pytest.raises(ValueError, match="not packed"):
            unpack_cells(bytes_)


def test_a_window_up_to_the_watermark_leaves_out_what_is_counted_behind_it() -> None:
    """The newest cell of 15 minutes also holds slots that are not measured yet, of a server whose samples lag."""
    ledger = a_ledger()
    ledger.record(increments([Step(0, float(slot), slot + 1.0, 10, 1) for slot in range(80)]), Stage.PROVISIONAL)
    ledger.record(without_measuring([Step(0, 84.0, 85.0, 50, 5)]), Stage.PROVISIONAL)
    rows = np.array([0])
    as_of = ledger.watermark(rows)
    assert as_of == START + 80 * INTERVAL
    for reach_s in (HOUR, 24 * HOUR, 3 * 24 * HOUR):
        sums = ledger.sums(rows, as_of - reach_s, as_of)
        assert (sums.total.item(), sums.bad.item()) == (800.0, 80.0)


def test_what_prometheus_has_forgotten_becomes_final_as_it_was_counted() -> None:
    """Also what lies in settled slots, behind the edge of a history that may still be counted again."""
    ledger, rows = a_ledger(), np.array([0])
    ledger.set_history_edge(np.arange(ROWS), START)
    across = [Step(0, -20.0, 20.0, 40, 4), Step(1, -20.0, 20.0, 80, 8)]
    ledger.record(without_measuring(across), Stage.PROVISIONAL)
    ledger.set_progress(rows, counted_s=START + 20.0 * INTERVAL)
    settled = [resolution.changed_chunks(ledger.settled_s, 10) for resolution in ledger.resolutions]
    ledger.finalise(rows)
    assert ledger.settled_s.tolist() == [START + 20.0 * INTERVAL, START]
    # Only the other row's counts can still be taken back.
    assert set(ledger.provisional_in_settled[:, 0]) == {1.0}
    assert set(ledger.history_edge.counts[:, 0]) == {0.0}
    assert ledger.history_edge.counts[:, 2:].sum(axis=0) == pytest.approx([20.0, 2.0])
    assert [len(found[0]) for found in settled] == [0, 0, 0]
    changed = [resolution.changed_chunks(ledger.settled_s, 10)[0] for resolution in ledger.resolutions]
    assert [set(found.tolist()) for found in changed] == [{0}, {0}, {0}]
    ledger.rollback_provisional(np.arange(ROWS))
    assert ledger.fine.sums(*everything(0)).total[0] == pytest.approx(40.0)
    assert ledger.fine.sums(*everything(1)).total[0] == pytest.approx(0.0, abs=1e-6)


def test_what_lies_before_a_time_in_the_wide_cell_that_holds_it_is_taken_back() -> None:
    """Without the middle cells that know it apart, the rest of the wide cell could not be told from it later."""
    cut = START // 900 * 900 + 600
    ledger = a_ledger(newest=cut + 3_600.0)
    first = (cut - 600 - START) / INTERVAL
    one_each = [Step(0, first + 10 * number + 1.0, first + 10 * number + 2.0, 10**number, 1) for number in range(4)]
    ledger.record(increments(one_each), Stage.PAST)
    # Samples behind the history have counted and measured this before its edge.
    ledger.set_history_edge(np.array([0]), cut)
    ledger.record(increments([Step(0, first + 18.5, first + 19.5, 5, 2)]), Stage.FINAL)
    ledger.forget_in_cut(0, cut)
    middle = [column.tolist() for column in ledger.middle.read(0, cut // 300 - 2, cut // 300 + 2)]
    assert middle[:2] == [[0.0, 0.0, 5.0, 100.0, 1_000.0], [0.0, 0.0, 2.0, 1.0, 1.0]]
    wide = [column.tolist() for column in ledger.coarse.read(0, cut // 900, cut // 900 + 2)]
    assert wide[:2] == [[0.0, 105.0, 1_000.0], [0.0, 3.0, 1.0]]


def test_samples_are_neighbours_across_one_failed_scrape() -> None:
    ledger = Ledger(INTERVAL)
    for number, sampled in enumerate((False, True, True, False, True)):
        ledger.add_row(RowKey("sli", (("n", str(number)),)), horizon_s=86_400.0, from_s=START, sampled=sampled)
    ledger.scrape_s[:] = [60.0, 60.0, 15.0, 300.0, np.nan]
    # Counters: at least the look-back of 330 s. Events: at least two minutes and a bit; what is not known is long.
    assert ledger.gap_s == pytest.approx([330.0, 126.0, 126.0, 630.0, 330.0])
    ledger.scrape_s[:] = 3_600.0
    assert ledger.gap_s == pytest.approx([693.0] * 5)


def test_changes_are_taken_once() -> None:
    ledger = a_ledger()
    ledger.take_changes()
    ledger.record(increments([Step(1, 4.5, 5.0, 3, 1), Step(1, 8.5, 9.0, 3, 1)]), Stage.FINAL)
    assert ledger.take_changes().tolist() == [np.inf, START + 4.0 * INTERVAL]
    assert ledger.take_changes().tolist() == [np.inf, np.inf]
