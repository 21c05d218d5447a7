"""Rings of cells against plain dictionaries."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ledger import Resolution

WIDTH = 30
LENGTHS = (40, 25, 60)
START = 1_000_000


def a_tier() -> Resolution:
    tier = Resolution(WIDTH)
    tier.add_rows(np.array(LENGTHS[:1]))
    tier.add_rows(np.array(LENGTHS[1:]))
    tier.advance(START * WIDTH)
    return tier


def add(tier: Resolution, row: int, cell: int, total: float, bad: float) -> None:
    tier.add(np.array([row]), np.array([cell]), np.array([total]), np.array([bad]))


steps = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.lists(st.tuples(st.integers(0, 2), st.integers(0, 70), st.integers(0, 9), st.integers(0, 3)), max_size=6),
    ),
    min_size=1,
    max_size=40,
)


@given(steps=steps, spans=st.lists(st.integers(1, 70), min_size=3, max_size=3))
def test_sums_are_those_of_a_dictionary(
    steps: list[tuple[int, list[tuple[int, int, int, int]]]], spans: list[int]
) -> None:
    """However cells are written, forgotten and summed before, and wherever the seam of the ring lies."""
    tier = a_tier()
    kept: dict[tuple[int, int], tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
    newest = START
    for forward, events in steps:
        newest += forward
        tier.advance(newest * WIDTH)
        for row, age, total, bad in events:
            add(tier, row, newest - age, total, bad)
            if age < LENGTHS[row]:
                before = kept[row, newest - age]
                kept[row, newest - age] = before[0] + total, before[1] + bad
        rows = np.arange(3)
        starts = np.array([(newest - span) * float(WIDTH) for span in spans])
        # Windows with one begin, such as those that maintenance is taken from, may end long ago.
        for last in (newest, newest - 15, newest - 30):
            sums = tier.sums(rows, starts, np.full(3, last * float(WIDTH)))
            for row, span in zip(rows.tolist(), spans, strict=True):
                cells = range(max(newest - span, newest - LENGTHS[row]) + 1, last + 1)
                assert sums.total[row] == sum(kept[row, cell][0] for cell in cells)
                assert sums.bad[row] == sum(kept[row, cell][1] for cell in cells)


@pytest.mark.parametrize("wanted", [slice(None), slice(0, 40), slice(None, None, 9)])
def test_rows_with_the_same_window_are_summed_as_each_alone(wanted: slice) -> None:
    """Rows that came together are summed as a block, also where only some of them are wanted."""
    dice, size, length = np.random.default_rng(5), 300, 40
    tier = Resolution(WIDTH)
    tier.add_rows(np.full(7, 25))
    tier.add_rows(np.full(size, length))
    tier.advance(START * WIDTH)
    total, bad = (dice.integers(0, most, 9_000).astype(np.float64) for most in (90, 9))
    row, cell = dice.integers(0, size + 7, 9_000), START - dice.integers(0, length, 9_000)
    tier.add(row, cell, total, bad)
    tier.measure(row, cell, total / 10)
    tier.advance((START + 3) * WIDTH)
    rows = np.arange(7, size + 7)[wanted]
    ends = np.full(len(rows), START * float(WIDTH))
    for cells in (1, 5, 33, 70):
        starts = ends - WIDTH * cells
        sums = tier.sums(rows, starts, ends)
        assert sums.total.sum() > 0
        for place in range(len(rows)):
            alone = tier.sums(rows[[place]], starts[[place]], ends[[place]])
            assert (sums.total[place], sums.bad[place]) == (alone.total[0], alone.bad[0])
            assert sums.measured_s[place] == pytest.approx(alone.measured_s[0])


def test_cells_that_changed_are_found_again_in_blocks() -> None:
    """However the rows were added: together or alone, with histories of the same length or not."""
    tier = Resolution(WIDTH)
    tier.add_rows(np.array([40, 25, 40, 40, 25]))
    tier.add_rows(np.array([40]))
    tier.advance(START * WIDTH)
    rows = np.arange(6)
    tier.add(rows, START - 2 * rows, np.ones(6), np.zeros(6))
    found = tier.changed_chunks(np.full(6, START * float(WIDTH)), 1)
    assert sorted(zip(*(column.tolist() for column in found), strict=True)) == [
        (row, START - 2 * row - 1) for row in range(6)
    ]


def test_hundreds_of_rows_are_summed_as_each_alone() -> None:
    """Rows of many lengths and windows are summed by another way than a few."""
    dice, size = np.random.default_rng(4), 300
    tier = Resolution(WIDTH)
    tier.add_rows(np.array(LENGTHS * (size // 3)))
    tier.advance(START * WIDTH)
    total, bad = (dice.integers(0, most, 3_000).astype(np.float64) for most in (90, 9))
    tier.add(dice.integers(0, size, 3_000), START - dice.integers(0, 60, 3_000), total, bad)
    rows, ends = np.arange(size), np.full(size, START * float(WIDTH))
    starts = ends - WIDTH * dice.integers(1, 70, size).astype(np.float64)
    sums = tier.sums(rows, starts, ends)
    for row in rows.tolist():
        alone = tier.sums(np.array([row]), starts[[row]], ends[[row]])
        assert (sums.total[row], sums.bad[row]) == (alone.total[0], alone.bad[0])
    assert sums.total.sum() > 0


def test_a_cell_that_is_cut_counts_by_share() -> None:
    tier = a_tier()
    add(tier, 0, START - 1, 30, 3)
    cut = np.array([(START - 1) * WIDTH - 10.0])
    sums = tier.sums(np.array([0]), cut, np.array([START * float(WIDTH)]))
    assert sums.total[0] == pytest.approx(10)
    assert sums.bad[0] == pytest.approx(1)


def test_the_newest_cell_holds_only_what_has_passed() -> None:
    tier = a_tier()
    tier.advance(START * WIDTH + 10)
    add(tier, 0, START + 1, 10, 0)
    sums = tier.sums(np.array([0]), np.array([START * WIDTH + 5.0]), np.array([START * WIDTH + 10.0]))
    assert sums.total[0] == pytest.approx(5)


def test_what_was_read_can_be_put_back() -> None:
    tier, other = a_tier(), a_tier()
    add(tier, 1, START - 3, 7, 2)
    other.write(1, START - 9, *tier.read(1, START - 9, START))
    assert [column.tolist() for column in other.read(1, START - 9, START)] == [
        column.tolist() for column in tier.read(1, START - 9, START)
    ]


def test_changed_cells_are_taken_once_and_only_when_they_are_final() -> None:
    tier = a_tier()
    add(tier, 0, START - 2, 1, 0)
    add(tier, 2, START, 1, 0)
    final = np.full(3, (START - 1) * float(WIDTH))
    assert [column.tolist() for column in tier.changed_chunks(final, 1)] == [[0], [START - 3]]
    assert [column.tolist() for column in tier.changed_chunks(final, 1)] == [[], []]
    assert [column.tolist() for column in tier.changed_chunks(final + WIDTH, 1)] == [[2], [START - 1]]


def test_a_chunk_with_several_changed_cells_is_taken_once() -> None:
    tier = a_tier()
    for row, cell in ((0, START - 3), (0, START - 2), (2, START - 2)):
        add(tier, row, cell, 1, 0)
    rows, chunks = tier.changed_chunks(np.full(3, START * float(WIDTH)), 4)
    assert list(zip(rows.tolist(), chunks.tolist(), strict=True)) == [(0, START // 4 - 1), (2, START // 4 - 1)]
