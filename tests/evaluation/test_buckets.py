"""Which samples of histograms are measured: those whose count and bucket were scraped together."""

import numpy as np
import pytest

from app.ingest.series.buckets import HistogramParts
from app.ledger import Samples
from app.sli import sli_of

SLI = sli_of(total="h_count", good='h_bucket{le="0.3"}')


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
    parts = HistogramParts()
    count, bucket = {"__name__": "h_count"}, {"__name__": "h_bucket", "le": "0.3"}
    parts.note(0, 0, SLI, {**count, "instance": "a"}, in_total=True)
    parts.note(1, 0, SLI, {**bucket, "instance": "a"}, in_total=False)
    parts.note(9, 1, SLI, {**(count if of_total else bucket), "instance": "b"}, in_total=of_total)
    found = {}
    for counters in ((0, 1), (5,), (9,), (12,)):
        kept, unmeasured = parts.measured(_samples(*counters))
        found[counters] = (kept.counter.tolist(), None if unmeasured is None else unmeasured.histogram.tolist())
    assert found == {
        (0, 1): ([0, 1], None),
        (5,): ([5], None),
        (9,): ([], [1] if of_total else None),
        (12,): ([12], None),
    }


def test_all_buckets_of_a_range_are_needed() -> None:
    """Good events between two bounds are measured where the count and both buckets are."""
    between = sli_of(total="h_count", good="h_bucket{le='1'} - h_bucket{le='0.1'}")
    parts = HistogramParts()
    parts.note(0, 0, between, {"__name__": "h_count"}, in_total=True)
    parts.note(1, 0, between, {"__name__": "h_bucket", "le": "0.1"}, in_total=False)
    parts.note(2, 0, between, {"__name__": "h_bucket", "le": "1.0"}, in_total=False)
    found = {
        counters: parts.measured(_samples(*counters))[0].counter.tolist()
        for counters in ((0, 1, 2), (0, 1), (0, 2), (1, 2))
    }
    assert found == {(0, 1, 2): [0, 1, 2], (0, 1): [], (0, 2): [], (1, 2): []}


def test_two_histograms_of_one_sli_are_measured_by_themselves() -> None:
    both = sli_of(total="a_count + b_count", good="a_bucket{le='1'} + b_bucket{le='1'}")
    parts = HistogramParts()
    for counter, labels in enumerate(
        ({"__name__": "a_count"}, {"__name__": "a_bucket", "le": "1"}, {"__name__": "b_count"})
    ):
        parts.note(counter, 0, both, labels, in_total="le" not in labels)
    kept, unmeasured = parts.measured(_samples(0, 1, 2))
    assert kept.counter.tolist() == [0, 1]
    assert unmeasured is not None


def test_errors_that_the_bucket_does_not_select_need_none() -> None:
    """Of `good: h_bucket{le="0.3",code!~"5.."}` no bucket of the errors is counted, and all of them are bad."""
    sli = sli_of(total="h_count", good='h_bucket{le="0.3",code!~"5.."}')
    parts = HistogramParts()
    parts.note(0, 0, sli, {"__name__": "h_count", "code": "500"}, in_total=True)
    parts.note(1, 0, sli, {"__name__": "h_count", "code": "200"}, in_total=True)
    assert parts.measured(_samples(0, 1))[0].counter.tolist() == [0]
