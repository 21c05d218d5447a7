"""Packing selectors into few queries loses nobody's series."""

from hypothesis import given
from hypothesis import strategies as st

from app.promql.matching import matches
from app.promql.metric_names import NAME
from app.promql.plan import batches
from app.promql.selector_text import parse_selector, render
from app.slo import Matcher, MatchOp, Selector

VALUES = ["", "cart", "pay", "a|b", "a.b", "(x", "5..", '"\\', "ü\n", "$"]
LABELS = ["job", "code", "route"]
matchers = st.builds(
    Matcher,
    st.sampled_from([NAME, *LABELS]),
    st.sampled_from([MatchOp.EQUAL] * 3 + [MatchOp.NOT_EQUAL]),
    st.sampled_from(VALUES),
)
regexes = st.builds(
    Matcher,
    st.sampled_from(LABELS),
    st.sampled_from([MatchOp.REGEX, MatchOp.NOT_REGEX]),
    st.sampled_from(["5..", "a|b", ".*"]),
)
selectors = st.lists(matchers | regexes, min_size=1, max_size=4).map(lambda some: Selector(tuple(some)))
series = st.dictionaries(st.sampled_from([NAME, *LABELS]), st.sampled_from(VALUES[1:]))


@given(st.lists(selectors, min_size=1, max_size=12, unique=True), series, st.integers(1, 5))
def test_a_batch_brings_every_series_of_its_members(some: list[Selector], labels: dict[str, str], most: int) -> None:
    packed = batches(some, most=most)
    assert sorted(member for batch in packed for member in batch.members) == list(range(len(some)))
    for batch in packed:
        assert len(batch.members) <= most
        for part in (batch, *(batch.halves(some) if len(batch.members) > 1 else ())):
            wanted = any(matches(some[member], labels) for member in part.members)
            assert matches(part.selector, labels) or not wanted


@given(st.lists(selectors, min_size=1, max_size=12, unique=True))
def test_fixed_labels_are_equal_within_a_batch(some: list[Selector]) -> None:
    for batch in batches(some, fixed=(NAME,)):
        names = {tuple(m for m in some[member].matchers if m.label == NAME) for member in batch.members}
        assert len(names) == 1


@given(st.lists(selectors, min_size=1, max_size=12, unique=True))
def test_a_shape_that_brought_too_much_is_not_taken_again(some: list[Selector]) -> None:
    barred = {batch.shape for batch in batches(some) if len(batch.members) > 1}
    again = batches(some, barred=barred)
    assert not barred & {batch.shape for batch in again if len(batch.members) > 1}
    assert sorted(member for batch in again for member in batch.members) == list(range(len(some)))


def test_slos_that_differ_in_their_job_are_one_query() -> None:
    some = [parse_selector(f'http_requests_total{{job="job-{number}"}}') for number in range(100)]
    (batch,) = batches(some)
    assert render(batch.selector).startswith('http_requests_total{job=~"job-0|job-1|job-10|')


def test_own_metric_names_are_one_query() -> None:
    some = [parse_selector(f'm{number}_total{{job="job-{number}"}}') for number in range(10)]
    (batch,) = batches(some)
    assert render(batch.selector).startswith('{__name__=~"m0_total|m1_total')
