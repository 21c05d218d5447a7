"""What each kind of SLI answers: its key, its queries, what a series counts for, and what it is called."""

import pytest

from app.promql.buckets import bound_text
from app.promql.selector_text import parse_selector, render
from app.sli import sli_of, sli_of_bad, sli_of_error_ratio, sli_of_good
from app.slo import Contribution, Events, Sli, Weights

TOTAL = parse_selector('m{job="a"}')
ERRORS = parse_selector('m{job="a",code=~"5.."}')
OK = parse_selector('m_ok{job="a"}')
BAD = sli_of_bad(total=TOTAL, bad=ERRORS)
GOOD = sli_of_good(total=TOTAL, good=OK)
LATENCY = sli_of_good(total=parse_selector("h_count"), good=parse_selector('h_bucket{le=~"1|1\\\\.0"}'))


@pytest.mark.parametrize(
    ("sli", "key"),
    [
        (BAD, "2c6d952e3a3d137b9d7aaf6f2c3609a8"),
        (sli_of_bad(total=TOTAL, bad=ERRORS, by=("z", "a")), "eb81d577d01bad724bc1853fde920f23"),
        (GOOD, "67f1c44b2084ef1f343ddfc9dd61beea"),
        (
            sli_of_good(total=parse_selector("h_count"), good=parse_selector('h_bucket{le="0.3"}')),
            "a8c2c0db0faba5754edc6ee1e4f2fcb7",
        ),
    ],
)
def test_the_key_of_a_stored_history_never_changes(sli: Sli, key: str) -> None:
    """Databases hold these: another key would begin a new history, and read a month again."""
    assert sli.key == key


def test_the_order_in_which_groups_are_written_does_not_matter() -> None:
    one, other = (sli_of_bad(total=TOTAL, bad=ERRORS, by=by) for by in (("a", "z"), ("z", "a")))
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
        (sli_of_good(total=TOTAL, good=ERRORS), {"__name__": "m", "job": "a", "code": "503"}, Weights(total=1, bad=0)),
    ],
)
def test_a_series_counts_for_the_sum_of_the_terms_that_select_it(
    sli: Sli, labels: dict[str, str], weights: Weights | None
) -> None:
    assert sli.contributions(labels) == (() if weights is None else (Contribution(weights=weights),))


def test_an_sli_whose_bad_events_are_among_all_events_is_asked_once() -> None:
    assert BAD.queries == (TOTAL,)
    assert GOOD.queries == (TOTAL, OK)
    assert sli_of_bad(total=ERRORS, bad=TOTAL).queries == (TOTAL,)


def test_the_terms_say_what_they_select() -> None:
    assert [(term.events.words, render(term.selector)) for term in LATENCY.terms] == [
        ("all events", "h_count"),
        ("good events", 'h_bucket{le=~"1|1\\\\.0"}'),
    ]
    assert BAD.terms[-1].events is Events.BAD


@pytest.mark.parametrize(
    ("sli", "bounds"),
    [
        (BAD, []),
        (GOOD, []),
        (LATENCY, ['le="1"']),
        (
            sli_of_good(total=parse_selector("h_count"), good=parse_selector('h_bucket{le=~"1e6|1000000"}')),
            ['le="1000000"'],
        ),
    ],
)
def test_only_a_bucket_has_a_threshold(sli: Sli, bounds: list[str]) -> None:
    assert [bound_text(bucket) for bucket in sli.buckets] == bounds


def test_a_bucket_that_the_total_selects_too_is_no_threshold() -> None:
    """As in `bucket{le="0.5",code!~"5.."}` of `bucket{le="0.5"}`: both are scraped or neither is."""
    bucket, other = parse_selector('h_bucket{le="0.5"}'), parse_selector('h_bucket{le="0.5",code="200"}')
    assert sli_of_good(total=parse_selector("h_count"), good=bucket).buckets == (bucket,)
    assert sli_of_good(total=bucket, good=other).buckets == ()
    assert sli_of_good(total=parse_selector('h_bucket{le="+Inf"}'), good=bucket).buckets == (bucket,)
    assert sli_of_good(total=parse_selector("other_count"), good=bucket).buckets == ()


SUM = sli_of(total="sum(rate(ok[w])) + sum(rate(failed[w])) - sum(rate(failed{code='404'}[w]))", bad="failed")
BETWEEN = sli_of(total="h_count", good='sum(rate(h_bucket{le="1"}[w])) - sum(rate(h_bucket{le="0.1"}[w]))')


@pytest.mark.parametrize(
    ("sli", "labels", "weights"),
    [
        (SUM, {"__name__": "ok"}, Weights(total=1, bad=0)),
        (SUM, {"__name__": "failed"}, Weights(total=1, bad=1)),
        (SUM, {"__name__": "failed", "code": "404"}, Weights(total=0, bad=1)),
        (SUM, {"__name__": "other"}, None),
        (BETWEEN, {"__name__": "h_count"}, Weights(total=1, bad=1)),
        (BETWEEN, {"__name__": "h_bucket", "le": "1.0"}, Weights(total=0, bad=-1)),
        (BETWEEN, {"__name__": "h_bucket", "le": "0.1"}, Weights(total=0, bad=1)),
        (sli_of(total="m - m{code='404'}", bad="m{code='500'}"), {"__name__": "m", "code": "404"}, None),
    ],
)
def test_a_sum_has_any_number_of_terms(sli: Sli, labels: dict[str, str], weights: Weights | None) -> None:
    assert sli.contributions(labels) == (() if weights is None else (Contribution(weights=weights),))


def test_all_terms_that_bring_series_of_their_own_are_asked_for() -> None:
    assert [render(selector) for selector in SUM.queries] == ["failed", "ok"]


def test_the_terms_of_a_sum_without_a_part_are_the_good_and_the_bad_events() -> None:
    sli = sli_of(total="sum(rate(ok[w])) + sum(rate(failed[w]))", bad="sum(rate(failed[w]))")
    assert [(term.events, render(term.selector)) for term in sli.terms] == [
        (Events.BAD, "failed"),
        (Events.GOOD, "ok"),
    ]


def test_the_buckets_of_a_range_are_both_of_the_histogram() -> None:
    assert [render(bucket) for bucket in BETWEEN.buckets] == ['h_bucket{le="0.1"}', 'h_bucket{le=~"1|1\\\\.0"}']


def test_the_same_events_are_the_same_sum_however_they_are_written() -> None:
    one = sli_of(total="sum(rate(a[w])) + sum(rate(b[w]))", bad="2 * sum(rate(b[w])) - sum(rate(b[w]))")
    for other in (
        sli_of(total="sum(rate(b[5m])) + sum(rate(a[5m]))", good="sum(rate(a[5m]))"),
        sli_of_error_ratio("1 - sum(rate(a[w])) / (sum(rate(a[w])) + sum(rate(b[w])))"),
        sli_of_error_ratio("sum(rate(b[w])) * 60 / (60 * (sum(rate(a[w])) + sum(rate(b[w]))))"),
    ):
        assert other == one
        assert other.key == one.key


def test_sums_of_other_weights_have_another_history() -> None:
    keys = {sli_of(total="a", bad=bad).key for bad in ("b", "b / 2", "b + c", "b - c", "a - b")}
    assert len(keys) == 5
