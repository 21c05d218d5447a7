"""What each kind of SLI answers: its key, its queries, what a series counts for, and what it is called."""

import pytest

from app.promql.selector_text import parse_selector, render
from app.sli import BadRatio, GoodRatio, HistogramThreshold, picks_bucket
from app.slo import Events, Sli, Weights

TOTAL = parse_selector('m{job="a"}')
BAD = BadRatio(total=TOTAL, bad=parse_selector('m{job="a",code=~"5.."}'))
GOOD = GoodRatio(total=TOTAL, good=parse_selector('m_ok{job="a"}'))
LATENCY = HistogramThreshold(total=parse_selector("h_count"), good=parse_selector('h_bucket{le=~"1|1\\\\.0"}'))


@pytest.mark.parametrize(
    ("sli", "key"),
    [
        (BAD, "2c6d952e3a3d137b9d7aaf6f2c3609a8"),
        (BadRatio(total=TOTAL, bad=BAD.bad, by=("z", "a")), "eb81d577d01bad724bc1853fde920f23"),
        (GOOD, "67f1c44b2084ef1f343ddfc9dd61beea"),
        (
            HistogramThreshold(total=parse_selector("h_count"), good=parse_selector('h_bucket{le="0.3"}')),
            "a8c2c0db0faba5754edc6ee1e4f2fcb7",
        ),
    ],
)
def test_the_key_of_a_stored_history_never_changes(sli: Sli, key: str) -> None:
    """Databases hold these: another key would begin a new history, and read a month again."""
    assert sli.key == key


def test_the_order_in_which_groups_are_written_does_not_matter() -> None:
    one, other = (BadRatio(total=TOTAL, bad=BAD.bad, by=by) for by in (("a", "z"), ("z", "a")))
    assert one.key == other.key


@pytest.mark.parametrize(
    ("sli", "labels", "weights"),
    [
        (BAD, {"__name__": "m", "job": "a", "code": "200"}, Weights(total=1, bad=0)),
        (BAD, {"__name__": "m", "job": "a", "code": "503"}, Weights(total=1, bad=1)),
        (BAD, {"__name__": "m", "job": "b", "code": "503"}, None),
        (GOOD, {"__name__": "m", "job": "a"}, Weights(total=1, bad=1)),
        (GOOD, {"__name__": "m_ok", "job": "a"}, Weights(total=0, bad=-1)),
        (LATENCY, {"__name__": "h_count"}, Weights(total=1, bad=1)),
        (LATENCY, {"__name__": "h_bucket", "le": "1.0"}, Weights(total=0, bad=-1)),
        (LATENCY, {"__name__": "h_bucket", "le": "5"}, None),
        (GoodRatio(total=TOTAL, good=BAD.bad), {"__name__": "m", "job": "a", "code": "503"}, Weights(total=1, bad=0)),
    ],
)
def test_a_series_counts_for_the_sum_of_the_terms_that_select_it(
    sli: Sli, labels: dict[str, str], weights: Weights | None
) -> None:
    assert sli.weights(labels) == weights


def test_an_sli_whose_bad_events_are_among_all_events_is_asked_once() -> None:
    assert BAD.queries == (TOTAL,)
    assert GOOD.queries == (TOTAL, GOOD.good)
    assert BadRatio(total=BAD.bad, bad=TOTAL).queries == (TOTAL,)


@pytest.mark.parametrize(("sli", "part_share", "bad_share"), [(BAD, 0.01, 0.01), (GOOD, 0.75, 0.25)])
def test_the_share_of_bad_events(sli: Sli, part_share: float, bad_share: float) -> None:
    assert sli.bad_share(part_share) == bad_share


def test_the_terms_say_what_they_select() -> None:
    assert [(term.events.words, render(term.selector)) for term in LATENCY.terms] == [
        ("all events", "h_count"),
        ("good events", 'h_bucket{le=~"1|1\\\\.0"}'),
    ]
    assert BAD.part.events is Events.BAD


@pytest.mark.parametrize(
    ("sli", "threshold"),
    [
        (BAD, None),
        (GOOD, None),
        (LATENCY, "1"),
        (HistogramThreshold(total=TOTAL, good=parse_selector('h_bucket{le=~"1e\\\\+06|1000000"}')), "1e+06"),
    ],
)
def test_only_a_bucket_has_a_threshold(sli: Sli, threshold: str | None) -> None:
    assert sli.threshold == threshold


def test_a_bucket_that_the_total_selects_too_is_no_threshold() -> None:
    """As in `bucket{le="0.5",code!~"5.."}` of `bucket{le="0.5"}`: both are scraped or neither is."""
    bucket = parse_selector('h_bucket{le="0.5"}')
    assert picks_bucket(bucket, parse_selector("h_count"))
    assert not picks_bucket(parse_selector('h_bucket{le="0.5",code="200"}'), bucket)
    assert not picks_bucket(parse_selector('h_bucket{le!="0.5"}'), parse_selector("h_count"))
