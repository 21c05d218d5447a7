"""What is known of counters: taken over between the live, the final and the historical count, and what is unproven."""

from dataclasses import replace

import numpy as np
import pytest

from app.ledger import CounterKey, Dip, LastSamples, Registry, RowKey, Samples, unproven_since
from app.slo import Weights

NAN = float("nan")
DIP = Dip(high=9.0, at=50.0, gap_s=15.0, low=2.0, newest=3.0, counted=False, expires_s=900.0, pace=1.0, own_pace=1.0)


@pytest.fixture
def registry() -> Registry:
    """Two rows with a target each, of which each has two counters: 0 and 1, 2 and 3."""
    made = Registry()
    for name in range(2):
        row = made.row(RowKey(f"sli {name}", ()))
        for series in range(2):
            made.counter(row, CounterKey(10 * name + series, name), Weights(total=1.0, bad=float(series)))
    return made


def known(registry: Registry, base: float, *, dips: dict[int, Dip] | None = None) -> LastSamples:
    """Every column has a value of its own for each row, target and counter, which begins with *base*."""
    made = LastSamples.empty()
    made.grow(registry.sizes)
    for number, column in enumerate(made.by_counter):
        column[:] = base + 10.0 * number + np.arange(len(column))
    made.target[:], made.restarted[:] = base + 100.0 + np.arange(2), base + 200.0 + np.arange(2)
    for number, column in enumerate((made.runs.last, made.runs.run, made.runs.earlier)):
        column[:] = base + 300.0 + 10.0 * number + np.arange(2)
    made.dips = dips or {}
    return made


def columns(one: LastSamples) -> list[list[float]]:
    return [
        column.tolist()
        for column in (*one.by_counter, one.target, one.restarted, one.runs.last, one.runs.run, one.runs.earlier)
    ]


def test_what_another_count_says_of_some_rows_is_taken_over_and_no_more(registry: Registry) -> None:
    other = replace(DIP, high=99.0)
    mine = known(registry, 1_000.0, dips={0: DIP, 2: DIP, 3: DIP})
    theirs = known(registry, 5_000.0, dips={1: other, 3: other})
    mine.copy_from(theirs, np.array([1]), registry)
    own, its = columns(known(registry, 1_000.0)), columns(known(registry, 5_000.0))
    # The second row has the second half of the counters, and the second target.
    assert columns(mine) == [
        [*before[: len(before) // 2], *after[len(after) // 2 :]] for before, after in zip(own, its, strict=True)
    ]
    assert mine.dips == {0: DIP, 3: other}
    assert columns(theirs) == its


def test_what_is_taken_over_may_be_new_to_both(registry: Registry) -> None:
    mine, theirs = LastSamples.empty(), LastSamples.empty()
    mine.copy_from(theirs, np.array([0]), registry)
    assert [len(column) for column in columns(mine)] == [len(column) for column in columns(known(registry, 0.0))]
    assert mine.dips == {}


def test_only_what_was_never_seen_is_filled_in_from_an_older_count(registry: Registry) -> None:
    other = replace(DIP, high=99.0)
    mine, older = known(registry, 5_000.0, dips={2: DIP}), known(registry, 1_000.0, dips={1: other, 2: other})
    for column in mine.by_counter:
        column[1] = NAN
    mine.target[0] = mine.runs.last[1] = mine.runs.run[1] = mine.runs.earlier[1] = NAN
    mine.fill_missing_from(older)
    assert [column.tolist() for column in mine.by_counter] == [
        [new, old + 1.0, new + 2.0, new + 3.0] for new, old in ((5_000.0 + 10 * n, 1_000.0 + 10 * n) for n in range(8))
    ]
    assert (mine.target.tolist(), mine.runs.last.tolist()) == ([1_100.0, 5_101.0], [5_300.0, 1_301.0])
    assert (mine.runs.run.tolist(), mine.runs.earlier.tolist()) == ([5_310.0, 1_311.0], [5_320.0, 1_321.0])
    assert mine.dips == {1: other, 2: DIP}


def test_an_older_count_may_know_more_counters_or_fewer(registry: Registry) -> None:
    fewer = LastSamples.empty()
    fewer.grow((1, 1, 2))
    fewer.time[:], fewer.target[:], fewer.runs.last[:] = 7.0, 8.0, 9.0
    fewer.dips = {0: DIP}
    mine = LastSamples.empty()
    mine.grow(registry.sizes)
    mine.fill_missing_from(fewer)
    assert mine.time == pytest.approx([7.0, 7.0, NAN, NAN], nan_ok=True)
    assert mine.target == pytest.approx([8.0, NAN], nan_ok=True)
    assert mine.row == pytest.approx([9.0, NAN], nan_ok=True)
    more = known(registry, 1_000.0, dips={1: DIP, 3: DIP})
    fewer.dips = {}
    fewer.fill_missing_from(more)
    assert (fewer.time.tolist(), fewer.row.tolist()[:2], fewer.dips) == ([7.0, 7.0], [9.0, 1_301.0], {})


def samples(*points: tuple[int, float, float]) -> Samples:
    table = np.array(points)
    return Samples(
        counter=table[:, 0].astype(np.int64), time=table[:, 1], value=table[:, 2], steady=np.zeros(len(table), bool)
    )


def test_unproven_are_first_values_and_falls_behind_what_was_read(registry: Registry) -> None:
    cursor = LastSamples.empty()
    cursor.grow(registry.sizes)
    cursor.time[:], cursor.value[:] = (100.0, 100.0, NAN, 100.0), (5.0, 5.0, NAN, 5.0)
    seen = samples((0, 115.0, 5.0), (1, 115.0, 4.0), (2, 115.0, 7.0), (3, 100.0, 1.0), (1, 130.0, 3.0))
    assert unproven_since(seen, cursor, registry).tolist() == [1, 2]
    # What stands at a lower level is judged by what follows.
    cursor.dips = {1: DIP}
    assert unproven_since(seen, cursor, registry).tolist() == [2]
    # Nothing is known of counters that came after the cursor was last grown, or of any.
    new = registry.counter(0, CounterKey(99, 0), Weights(total=1.0, bad=0.0))
    assert unproven_since(samples((new, 115.0, 1.0), (0, 115.0, 6.0)), cursor, registry).tolist() == [new]
    assert unproven_since(samples((0, 115.0, 6.0)), LastSamples.empty(), registry).tolist() == [0]
    # A counter that goes on as another one is compared with that.
    registry.unite(2, 0)
    assert unproven_since(samples((2, 115.0, 6.0)), cursor, registry).tolist() == []
    assert unproven_since(samples((2, 115.0, 4.0)), cursor, registry).tolist() == [2]


def test_samples_of_one_counter_and_of_some() -> None:
    one = Samples.of_counter(3, np.array([10.0, 25.0]), np.array([1.0, 2.0]))
    assert (one.counter.tolist(), one.time.tolist(), one.value.tolist()) == ([3, 3], [10.0, 25.0], [1.0, 2.0])
    assert one.steady.tolist() == [False, False]
    assert one.steady.dtype == np.bool_
    assert np.isnan(one.levels).tolist() == [True, True]
    levelled = replace(Samples.of_counter(1, np.array([40.0]), np.array([9.0])), level=np.array([5.0]))
    both = Samples.joined([one, levelled])
    assert both.levels == pytest.approx([NAN, NAN, 5.0], nan_ok=True)
    wanted = both.of_counters(np.array([True, True, True, False]))
    assert (wanted.counter.tolist(), wanted.levels.tolist()) == ([1], [5.0])
    assert Samples.joined([one, one]).level is None
