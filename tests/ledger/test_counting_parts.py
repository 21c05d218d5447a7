"""Parts of counting by themselves: paces across the cells of their grid, samples that are events, and falls."""

from collections.abc import Sequence

import numpy as np
import pytest

from app.ledger import CounterKey, Increments, LastSamples, Registry, RowKey, Samples, count
from app.ledger.counting.sampled import count_sampled
from app.slo import Weights
from tests.ledger.counters import Scraped

NAN = float("nan")
Noted = tuple[list[int], list[float], list[float]]


def noted(calls: Sequence[Noted], counters: int) -> LastSamples:
    cursor = LastSamples.empty()
    cursor.grow((1, 1, counters))
    for counter, time, delta in calls:
        cursor.note_steps(np.array(counter), np.array(time), np.array(delta))
        cursor.time[np.array(counter)] = np.array(time)
    return cursor


def one_by_one(calls: Sequence[Noted]) -> list[Noted]:
    return [
        ([counter], [time], [delta])
        for call in calls
        for counter, time, delta in sorted(zip(*call, strict=True), key=lambda sample: sample[1])
    ]


@pytest.mark.parametrize(
    ("calls", "anchor", "run", "pace"),
    [
        # Within one cell: no pace yet.
        ([([0, 0, 0], [10.0, 70.0, 130.0], [0.0, 60.0, 60.0])], 10.0, 120.0, NAN),
        # One edge behind what is known: its pace is that up to the last sample of the cell before.
        (
            [
                ([0, 0, 0], [10.0, 70.0, 130.0], [0.0, 60.0, 60.0]),
                ([0, 0], [190.0, 250.0], [30.0, 30.0]),
            ],
            130.0,
            60.0,
            1.0,
        ),
        # Two edges, one behind what is known and one among the samples.
        (
            [
                ([0, 0, 0], [10.0, 70.0, 130.0], [0.0, 60.0, 60.0]),
                ([0, 0, 0], [190.0, 250.0, 310.0], [30.0, 30.0, 90.0]),
            ],
            250.0,
            90.0,
            0.5,
        ),
        # Two edges among the samples of a counter that was not known.
        ([([0, 0, 0], [10.0, 160.0, 310.0], [0.0, 15.0, 30.0])], 160.0, 30.0, 0.1),
        # A sample in each cell, noted alone.
        ([([0], [10.0], [0.0]), ([0], [160.0], [15.0]), ([0], [310.0], [30.0])], 160.0, 30.0, 0.1),
        # Behind a hole nothing is known of a pace.
        (
            [
                ([0, 0], [10.0, 160.0], [0.0, 15.0]),
                ([0, 0], [1000.0, 1060.0], [500.0, 6.0]),
            ],
            1000.0,
            6.0,
            NAN,
        ),
    ],
)
def test_paces_across_the_cells_of_their_grid(calls: list[Noted], anchor: float, run: float, pace: float) -> None:
    """Cells are 150 s long; noted together or sample by sample, and beside another counter, paces are the same."""
    beside = [
        ([*counter, *(1 for _ in counter)], [*time, *time], [*delta, *(2 * one for one in delta)])
        for counter, time, delta in calls
    ]
    for cursor in (noted(calls, 1), noted(one_by_one(calls), 1), noted(beside, 2)):
        assert (cursor.anchor[0], cursor.run[0]) == (anchor, pytest.approx(run))
        assert cursor.pace[0] == pytest.approx(pace, nan_ok=True)
    assert cursor.run[1] == pytest.approx(2 * run)
    assert cursor.pace[1] == pytest.approx(2 * pace, nan_ok=True)


def sampled_registry() -> Registry:
    registry = Registry()
    row = registry.row(RowKey("sli", ()))
    registry.note_sampled(row)
    registry.counter(row, CounterKey(1, 1), Weights(total=1.0, bad=0.0))
    registry.counter(row, CounterKey(2, 1), Weights(total=0.0, bad=2.0))
    return registry


def gauges(points: Sequence[tuple[int, float, float]]) -> Samples:
    counter, time, value = zip(*points, strict=True)
    return Samples(
        counter=np.array(counter), time=np.array(time), value=np.array(value), steady=np.zeros(len(points), dtype=bool)
    )


def counted_samples(cursor: LastSamples, points: Sequence[tuple[int, float, float]], until: float) -> Increments:
    return count_sampled(gauges(points), cursor, sampled_registry(), until=until, gap_s=np.array([300.0]))


def test_each_sample_of_a_gauge_counts_once_at_its_own_time() -> None:
    """A fall is none; what is read twice, or lies behind the end, is not counted; a hole is not measured."""
    cursor = LastSamples.empty()
    cursor.grow(sampled_registry().sizes)
    points = [(0, 30.0, 5.0), (0, 60.0, 3.0), (1, 60.0, 1.5), (0, 390.0, 4.0), (0, 420.0, 7.0)]
    found = counted_samples(cursor, [*points, points[1]], 400.0)
    assert found.at.tolist() == [30.0, 60.0, 390.0, 60.0]
    assert found.total.tolist() == [5.0, 3.0, 4.0, 0.0]
    assert found.bad.tolist() == [0.0, 0.0, 0.0, 3.0]
    # The first sample of a series follows on none, and neither does one behind a hole of more than five minutes.
    assert found.since.tolist() == [30.0, 30.0, 390.0, 60.0]
    assert found.seen.tolist() == [True, True, True, False]
    assert (cursor.time.tolist(), cursor.value.tolist()) == ([390.0, 60.0], [4.0, 1.5])
    again = counted_samples(cursor, points, 450.0)
    assert (again.since.tolist(), again.at.tolist(), again.total.tolist()) == ([390.0], [420.0], [7.0])


def events_of(good: Sequence[float], bad: Sequence[float], *, scrape_s: float = 30.0) -> tuple[float, float]:
    """All and bad events behind the first scrape of one target, counted in one piece."""
    series = {
        ("a", number): [(scrape_s * (scrape + 1), value) for scrape, value in enumerate(values)]
        for number, values in enumerate((good, bad))
    }
    scraped = Scraped(series)
    end = scrape_s * len(good)
    found = count(scraped.between(0.0, end), LastSamples.empty(), scraped.registry, until=end).increments
    return float(found.total.sum()), float(found.bad.sum())


@pytest.mark.parametrize(
    ("good", "bad", "events"),
    [
        # A restart: counted from zero at once, and on as it passes its old level.
        ([0, 50, 100, 10, 60, 110, 160], [0, 0, 0, 0, 0, 0, 0], (260, 0)),
        # A single zero of a large counter, and of the errors beside it: a sample that was written before its scrape.
        ([9000, 9030, 9060, 0, 9090, 9120], [5, 5, 5, 0, 5, 6], (121, 1)),
        # Far above its old level it has counted from zero.
        ([2000, 2001, 2002, 0, 4000, 4001], [0, 0, 0, 0, 0, 0], (4003, 0)),
        # Corrected by 120: that counts nothing, and the pace goes on from there, past the old level too.
        ([10000, 10030, 10060, 9970, 10000, 10030, 10060, 10090, 10120], [0] * 9, (210, 0)),
        # An older value for two scrapes, and back: as if it had not fallen.
        ([10000, 10030, 10060, 9940, 9970, 10150, 10180], [0] * 7, (180, 0)),
    ],
)
def test_falls_count_what_happened(good: list[float], bad: list[float], events: tuple[float, float]) -> None:
    assert events_of(good, bad) == events


def test_a_late_sample_of_a_scrape_is_judged_by_the_scrape_before() -> None:
    """Others of its scrape have come already: the time since then is not nothing."""
    registry = Registry()
    row = registry.row(RowKey("sli", ()))
    good, bad = (
        registry.counter(row, CounterKey(series, target=7), Weights(total=1.0, bad=is_bad))
        for series, is_bad in ((1, 0.0), (2, 1.0))
    )

    def shown(counter: int, times: Sequence[float], values: Sequence[float]) -> Samples:
        return Samples.of_counter(counter, np.array(times), np.array(values))

    times = np.arange(0.0, 601.0, 30.0).tolist()
    cursor = LastSamples.empty()
    first = Samples.joined(
        [
            shown(good, times, [1e6 + 10 * at for at in times]),
            shown(bad, times[:14], [500 + 0.1 * at for at in times[:14]]),
        ]
    )
    cursor = count(first, cursor, registry, until=600.0).cursor
    cursor = count(shown(good, [630.0], [1e6 + 6300]), cursor, registry, until=630.0).cursor
    late = count(shown(bad, [630.0], [30.0]), cursor, registry, until=660.0)
    assert late.increments.bad.sum() == 30
    assert (late.increments.since < late.increments.at).all()
