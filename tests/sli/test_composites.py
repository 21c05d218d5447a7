"""How slices of composites are decided by those of their components."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.promql.selector_text import parse_selector
from app.sli import ComponentCounts, ComposedSlices, Composite, Part, compose_slices, sli_of_bad
from app.slo import Component, CompositeRule, Composition, MissingData, SloId, WithoutEvents

Slice = tuple[float, float] | None
"""All events and the bad ones of a component; None without data."""
RULES = tuple(CompositeRule)


def counts(*members: Sequence[Slice], began: bool = True) -> ComponentCounts:
    known = np.array([[one is not None for one in member] for member in members])
    total, bad = (np.array([[(one or (7.0, 7.0))[i] for one in member] for member in members]) for i in (0, 1))
    return ComponentCounts(total=total, bad=bad, known=known, began=np.full(known.shape[1], began))


def composed(
    rule: CompositeRule,
    *of: ComponentCounts,
    missing: MissingData = MissingData.UNKNOWN,
    weights: Sequence[float] = (),
    final: bool = True,
    without_events: WithoutEvents = WithoutEvents.IGNORED,
) -> ComposedSlices:
    components = tuple(
        Component(slo=f"slo-{i}", key=str(i), target=0.9, missing=missing, weight=weights[i] if weights else 1.0)
        for i in range(len(of))
    )
    composition = Composition(
        rule=rule, components=components, length=timedelta(minutes=1), without_events=without_events
    )
    return compose_slices(composition, of, final=np.full(of[0].total.shape[1], final))


def events(found: ComposedSlices) -> list[Slice]:
    return [
        (total, round(bad, 9)) if known else None
        for total, bad, known in zip(found.total.tolist(), found.bad.tolist(), found.known.tolist(), strict=True)
    ]


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        (CompositeRule.ALL_OF, [(1, 0), (1, 1), (1, 0), (0, 0)]),
        (CompositeRule.WORST_OF, [(1, 0.1), (1, 0.5), (1, 0), (0, 0)]),
        (CompositeRule.WEIGHTED, [(1, 0.075), (1, 0.125), (1, 0), (0, 0)]),
        (CompositeRule.SUM_OF, [(320, 30), (310, 5), (300, 0), (0, 0)]),
    ],
)
def test_each_rule_decides_by_the_components_that_had_events(rule: CompositeRule, wanted: list[Slice]) -> None:
    """At exactly its target a component is good; without events it has no say."""
    one = counts([(20, 0), (10, 5), (0, 0), (0, 0)])
    other = counts([(100, 10), (100, 0), (100, 0), (0, 0)])
    assert events(composed(rule, one, other, weights=(1, 3))) == wanted


@pytest.mark.parametrize(
    ("missing", "wanted"),
    [
        (MissingData.UNKNOWN, [None, (1, 1), None]),
        (MissingData.IGNORED, [(1, 0), (1, 1), None]),
        (MissingData.GOOD, [(1, 0), (1, 1), None]),
        (MissingData.BAD, [(1, 1), (1, 1), None]),
    ],
)
def test_missing_data_of_a_component(missing: MissingData, wanted: list[Slice]) -> None:
    """What one step failed in has failed, whatever the other did; nothing is known where nothing has data."""
    one, other = counts([None, None, None]), counts([(10, 0), (10, 5), None])
    assert events(composed(CompositeRule.ALL_OF, one, other, missing=missing)) == wanted


@pytest.mark.parametrize("missing", [MissingData.GOOD, MissingData.BAD])
def test_nothing_stands_in_for_what_was_never_there_or_may_still_come(missing: MissingData) -> None:
    other = counts([(10, 0)])
    assert events(composed(CompositeRule.WEIGHTED, counts([None], began=False), other, missing=missing)) == [None]
    assert events(composed(CompositeRule.WEIGHTED, counts([None]), other, missing=missing, final=False)) == [None]


def test_a_member_that_has_left_its_group_is_not_missing() -> None:
    group = counts([None, (10, 5)], [(10, 0), (10, 0)])
    assert events(composed(CompositeRule.ALL_OF, group)) == [(1, 0), (1, 1)]
    assert events(composed(CompositeRule.WEIGHTED, group)) == [(1, 0), (1, 0.25)]


@pytest.mark.parametrize(
    ("without_events", "wanted"),
    [(WithoutEvents.IGNORED, (0, 0)), (WithoutEvents.GOOD, (1, 0)), (WithoutEvents.BAD, (1, 1))],
)
def test_slices_without_events(without_events: WithoutEvents, wanted: Slice) -> None:
    assert events(composed(CompositeRule.WORST_OF, counts([(0, 0)]), without_events=without_events)) == [wanted]


SLICES = st.one_of(
    st.none(), st.tuples(st.integers(0, 1000), st.floats(0, 1)).map(lambda pair: (pair[0], pair[0] * pair[1]))
)
WEIGHTS = st.floats(0.01, 1000)


@given(st.lists(st.tuples(SLICES, WEIGHTS), min_size=1, max_size=6), st.floats(0.01, 100))
def test_weights_are_a_mean(components: list[tuple[Slice, float]], scale: float) -> None:
    """Between the best and the worst component, the same for weights of any scale, and never more than one event."""
    of = [counts([one]) for one, _ in components]
    weights = [weight for _, weight in components]
    ((found,), (scaled,)) = (
        events(composed(CompositeRule.WEIGHTED, *of, weights=each, missing=MissingData.IGNORED))
        for each in (weights, [scale * weight for weight in weights])
    )
    there = [(bad / total, weight) for (one, weight) in components if one for total, bad in [one] if total]
    if not any(one for one, _ in components):
        assert found is None
    elif not there:
        assert found == (0, 0)
    else:
        assert found is not None
        assert scaled == pytest.approx(found, abs=1e-8)
        mean = sum(share * weight for share, weight in there) / sum(weight for _, weight in there)
        assert found == pytest.approx((1, mean), abs=1e-8)


@given(st.lists(SLICES, min_size=1, max_size=6), st.sampled_from(RULES), st.sampled_from(list(MissingData)))
def test_bad_is_never_more_than_all_nor_less_than_none(
    components: list[Slice], rule: CompositeRule, missing: MissingData
) -> None:
    found = composed(rule, *(counts([one]) for one in components), missing=missing)
    assert 0 <= found.bad[0] <= found.total[0] + 1e-9
    assert found.parts.shape == (len(components), 1)


def test_the_key_of_a_stored_history_never_changes() -> None:
    sli = sli_of_bad(total=parse_selector("all_total"), bad=parse_selector("bad_total"))
    parts = (
        Part(slo=SloId("a"), sli=sli, target=0.9),
        Part(slo=SloId("b"), sli=sli, group=(("route", "/pay"),), missing=MissingData.BAD),
    )
    composite = Composite(rule=CompositeRule.ALL_OF, parts=parts)
    assert composite.key == "8e948fafcac760e386aa3ed4a937a1b2"
    assert Composite(rule=CompositeRule.ALL_OF, parts=parts[::-1]).key == composite.key
