"""Native histograms as counters: between bounds, when buckets widen or begin again, beside classic ones."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from app.ingest.series.native_histograms import LastHistograms
from app.prometheus import HistogramSample, HistogramSeries
from tests.evaluation.memory import Floats, MemorySource, Series
from tests.evaluation.plain import document, slos
from tests.evaluation.running import Running, differences

LABELS = {"__name__": "h", "instance": "a", "job": "x"}
HOUR = 3600
END = 1_700_000_100 // 300 * 300
Buckets = Mapping[tuple[float, float], float]


def sample(time: float, buckets: Buckets, count: float | None = None) -> HistogramSample:
    """A histogram of buckets, by their bounds."""
    bounds = sorted(buckets)
    return HistogramSample(
        time=time,
        count=sum(buckets.values()) if count is None else count,
        lower=np.array([lower for lower, _ in bounds]),
        upper=np.array([upper for _, upper in bounds]),
        counts=np.array([buckets[bound] for bound in bounds]),
    )


def at_most(
    samples: Sequence[HistogramSample], bound: float, *, custom: bool = False
) -> tuple[list[float], list[float]]:
    """What is at most a bound at each sample, and what each is to be counted from where that is another value."""
    series = HistogramSeries(labels=LABELS, samples=tuple(samples), custom=custom)
    _, bucket = LastHistograms().counters(series, {"x": bound})
    return bucket.values.tolist(), bucket.levels.tolist()


@pytest.mark.parametrize(
    ("buckets", "bound", "custom", "wanted"),
    [
        ({(0.25, 0.5): 100, (0.5, 1.0): 50}, 0.5, False, 100),
        ({(0.25, 0.5): 100, (0.5, 1.0): 50}, 0.25, False, 0),
        ({(0.25, 0.5): 100, (0.5, 1.0): 50}, 2.0, False, 150),
        # Logarithmically, as Prometheus 3 does: a fixed part of the orders of magnitude.
        ({(0.25, 0.5): 100, (0.5, 1.0): 50}, 0.3, False, 100 * math.log2(0.3 / 0.25)),
        ({(0.25, 0.5): 100, (0.5, 1.0): 50}, 0.3, True, 20),
        # The first bucket begins at zero, and nothing is known of the last one.
        ({(-math.inf, 0.5): 100, (0.5, math.inf): 50}, 0.3, True, 60),
        ({(-math.inf, 0.5): 100, (0.5, math.inf): 50}, 0.7, True, 100),
        ({(-1.0, 1.0): 10, (1.0, 2.0): 1}, 0.5, False, 5),
        ({(-2.0, -1.0): 3, (-1.0, 1.0): 10, (1.0, 2.0): 1}, 0.5, False, 3 + 7.5),
        ({}, 0.5, False, 0),
    ],
)
def test_what_lies_between_two_bounds_is_interpolated(
    buckets: Buckets, bound: float, custom: bool, wanted: float
) -> None:
    values, _ = at_most([sample(1.0, buckets)], bound, custom=custom)
    assert values == [pytest.approx(wanted)]


def test_wider_buckets_change_no_count() -> None:
    """What was counted by the narrow ones is not counted again: the next sample is compared by the wide ones."""
    narrow = sample(1.0, {(0.25, 2**-1.5): 60, (2**-1.5, 0.5): 40})
    wide = sample(31.0, {(0.25, 0.5): 110})
    values, levels = at_most([narrow, wide], 0.3)
    share = math.log2(0.3 / 0.25)
    assert values == [pytest.approx(60 * share * 2), pytest.approx(110 * share)]
    assert math.isnan(levels[0])
    assert values[1] - levels[1] == pytest.approx(10 * share)
    # At a bound of both nothing is interpolated.
    assert np.isnan(at_most([narrow, wide], 0.5)[1]).all()


def test_a_reset_shows_by_any_bucket() -> None:
    """A process that has counted more since its restart than before it hides its reset in the count."""
    last = LastHistograms()
    before = HistogramSeries(labels=LABELS, samples=(sample(1.0, {(0.25, 0.5): 60, (0.5, 1.0): 40}),), custom=False)
    after = HistogramSeries(labels=LABELS, samples=(sample(31.0, {(0.25, 0.5): 200}),), custom=False)
    assert all(np.isnan(one.levels).all() for one in last.counters(before, {"0.5": 0.5}))
    assert [one.levels.tolist() for one in last.counters(after, {"0.5": 0.5})] == [[0.0], [0.0]]
    # Where the count falls, it says so itself.
    again = HistogramSeries(labels=LABELS, samples=(sample(61.0, {(0.25, 0.5): 7}),), custom=False)
    assert all(np.isnan(one.levels).all() for one in last.counters(again, {"0.5": 0.5}))


def test_observations_of_nan_are_in_no_bucket() -> None:
    found = LastHistograms().counters(
        HistogramSeries(labels=LABELS, samples=(sample(1.0, {(0.25, 0.5): 3}, count=5),), custom=False),
        {"+Inf": math.inf, "0.5": 0.5},
    )
    assert [one.values.tolist() for one in found] == [[5.0], [5.0], [3.0]]


def test_a_metric_that_becomes_native_counts_once(tmp_path: Path) -> None:
    """Classic for a day, both for a quarter of an hour, then native with other bounds; live and from history."""
    times: Floats = np.arange(END - 27 * HOUR + 7.0, END, 60.0)
    slow: Floats = np.arange(1.0, len(times) + 1)
    fast: Floats = 9.0 * slow
    classic, native = times < END - 1200, times >= END - 2100
    series = [
        Series(labels={**LABELS, "__name__": "h_count"}, times=times[classic], values=(fast + slow)[classic]),
        Series(labels={**LABELS, "__name__": "h_bucket", "le": "0.3"}, times=times[classic], values=fast[classic]),
    ]
    samples = tuple(
        sample(time, {(0.125, 0.25): 0.8 * one, (0.25, 0.5): 0.2 * one + other})
        for time, one, other in zip(times[native], fast[native], slow[native], strict=True)
    )
    source = MemorySource(series, native=[HistogramSeries(labels=LABELS, samples=samples, custom=False)])
    loaded = slos([document("a", {"histogram": "h", "threshold": "300ms"}, objective=90)], tmp_path / "slos")
    with (
        Running(loaded, source, tmp_path / "live.db") as live,
        Running(loaded, source, tmp_path / "fresh.db") as fresh,
    ):
        live.run(END - 1800, END)
        live.backfill(END)
        fresh.tick(END)
        fresh.backfill(END)
        # Fast events of the classic buckets, and what is interpolated between the native ones.
        share = math.log2(0.3 / 0.25)
        by_native = (9 * 0.8 + share * (9 * 0.2 + 1)) / 10
        for running in (live, fresh):
            snapshot = running.snapshot("a-availability")
            assert snapshot.total == pytest.approx(86_400 / 60 * 10)
            assert snapshot.bad == pytest.approx((1440 - 20) + 20 * 10 * (1 - by_native), abs=1e-6)
            assert {problem.code for problem in snapshot.problems} == {"threshold_interpolated"}
        assert differences(live.figures, fresh.figures) == {}
