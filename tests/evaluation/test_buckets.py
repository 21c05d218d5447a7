"""Which samples of histograms are measured: those whose count and bucket were scraped together."""

import numpy as np
import pytest

from app.ingest.series.buckets import HistogramPairs
from app.ledger import Samples


def _samples(*counters: int) -> Samples:
    """One sample of each counter, all of one scrape."""
    number = len(counters)
    return Samples(
        counter=np.array(counters, dtype=np.int64),
        time=np.full(number, 60.0),
        value=np.ones(number),
        steady=np.zeros(number, dtype=bool),
    )


@pytest.mark.parametrize("of_total", [True, False])
def test_samples_may_be_of_fewer_counters_than_the_newest_histogram_has(of_total: bool) -> None:
    """A histogram without its bucket, or without its count, is the newest; answers about older counters come first."""
    pairs = HistogramPairs()
    pairs.note(0, 0, {"instance": "a"}, in_total=True)
    pairs.note(1, 0, {"instance": "a", "le": "0.3"}, in_total=False)
    pairs.note(9, 1, {"instance": "b"}, in_total=of_total)
    found = {}
    for counters in ((0, 1), (5,), (9,), (12,)):
        kept, unmeasured = pairs.measured(_samples(*counters))
        found[counters] = (kept.counter.tolist(), None if unmeasured is None else unmeasured.histogram.tolist())
    assert found == {
        (0, 1): ([0, 1], None),
        (5,): ([5], None),
        (9,): ([], [1] if of_total else None),
        (12,): ([12], None),
    }
