"""Contributors of any range, asked when somebody wants to know."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from app.evaluation import RangeQuestion
from app.evaluation.contributors_in_range import contributing_components, contributors_in_range
from app.evaluation.top_contributors import Series
from app.promql.selector_text import parse_selector
from app.sli import TimeSlices, sli_of_bad
from app.sli.expression import Expression
from app.slo import Events, Labels, Sli, SliceRule
from app.status import ContributorsInRange, ContributorsState
from tests.evaluation.test_top_contributors import Scripted
from tests.support.notifications import START

SLI = sli_of_bad(total=parse_selector('t{job="x"}'), bad=parse_selector('t{job="x",code=~"5.."}'))
TOTAL: Series = [
    ({"job": "x", "code": "200", "route": "/pay", "zone": "a"}, 8.0),
    ({"job": "x", "code": "200", "route": "/cart", "zone": "a"}, 892.0),
    ({"job": "x", "code": "500", "route": "/pay", "zone": "a"}, 82.0),
    ({"job": "x", "code": "503", "route": "/cart", "zone": "a"}, 18.0),
]
ERRORS = TOTAL[2:]


def _asked(
    answers: Mapping[str, Series], sli: Sli = SLI, *, by: tuple[str, ...] = (), within: Labels = (), delay_s: float = 0
) -> ContributorsInRange:
    question = RangeQuestion(start=START - timedelta(hours=1), end=START, by=by, within=within)
    source = Scripted(answers, delay_s=delay_s)
    return asyncio.run(contributors_in_range(sli, (), source, question, deadline_s=0.2 if delay_s else 10.0))


def _queries(total: Series, bad: Series, wrap: str = "%s", more: str = "") -> dict[str, Series]:
    return {
        wrap % f'increase(t{{job="x"{more}}}[3600s])': total,
        wrap % f'increase(t{{code=~"5..",job="x"{more}}}[3600s])': bad,
    }


def test_values_with_most_errors_come_first_and_say_whether_they_stand_out() -> None:
    found = _asked(_queries(TOTAL, ERRORS))
    assert (found.state, found.bad, found.total) == (ContributorsState.ANSWERED, 100.0, 1000.0)
    # Neither the zone, which all have, nor what makes an event bad.
    assert [(item.values, item.bad, item.stands_out) for item in found.items] == [
        ((("route", "/pay"),), 82.0, True),
        ((("route", "/cart"),), 18.0, False),
    ]
    assert (found.items[0].share_of_bad, found.items[0].share_of_total) == (0.82, 0.09)
    # All of them: the zone. What they can be added up by has what makes an event bad too.
    assert (found.shared, found.labels) == ((("zone", "a"),), ["code", "route"])


def test_labels_that_are_asked_for_are_summed_by_prometheus() -> None:
    by = "sum by (code, zone) (%s)"
    totals: Series = [
        ({"code": "200", "zone": "a"}, 900.0),
        ({"code": "500", "zone": "a"}, 82.0),
        ({"code": "503"}, 18.0),
    ]
    found = _asked(_queries(totals, totals[1:], by), by=("code", "zone"))
    assert [(dict(item.values), item.bad, item.total) for item in found.items] == [
        ({"code": "500", "zone": "a"}, 82.0, 82.0),
        ({"code": "503", "zone": ""}, 18.0, 18.0),
    ]


def test_a_contributor_narrows_to_its_own_events() -> None:
    found = _asked(_queries([TOTAL[0], TOTAL[2]], ERRORS[:1], more=',route="/pay"'), within=(("route", "/pay"),))
    assert (found.bad, found.total) == (82.0, 90.0)
    assert [item.values for item in found.items] == []
    # What is left says what kind of errors they are.
    assert (found.shared, found.labels) == ((("code", "500"), ("zone", "a")), [])


@pytest.mark.parametrize(
    ("answers", "delay_s", "state"),
    [
        (_queries(TOTAL[:2], []), 0.0, ContributorsState.NO_ERRORS),
        ({}, 0.0, ContributorsState.UNANSWERED),
        (_queries(TOTAL, ERRORS), 5.0, ContributorsState.UNANSWERED),
    ],
    ids=["no errors", "Prometheus is away", "Prometheus is slow"],
)
def test_no_contributors_and_no_answer_are_told_apart(
    answers: Mapping[str, Series], delay_s: float, state: ContributorsState
) -> None:
    found = _asked(answers, delay_s=delay_s)
    assert (found.state, [*found.items]) == (state, [])
    assert (found.problem is None) == (state is ContributorsState.NO_ERRORS)


def test_of_an_expression_it_is_said_what_to_write_instead() -> None:
    found = _asked({}, Expression(expression="job:errors:ratio", shares=Events.BAD))
    assert (found.state, [*found.items]) == (ContributorsState.NOT_AVAILABLE, [])
    assert "count with `total` and `bad`" in str(found.problem)


def test_the_contributors_of_slices_are_those_of_their_events() -> None:
    rule = SliceRule(length=timedelta(minutes=1), target=0.9)
    found = _asked(_queries(TOTAL, ERRORS), TimeSlices(of=SLI, rule=rule))
    assert dict(found.items[0].values) == {"route": "/pay"}


def test_the_components_of_a_composite_contribute() -> None:
    question = RangeQuestion(start=START - timedelta(hours=1), end=START)
    found = contributing_components([("cart", 1.0, 100.0, 0.1), ("pay", 9.0, 100.0, 0.9)], question)
    assert [(item.slo, item.share_of_bad, item.stands_out) for item in found.items] == [
        ("pay", 0.9, True),
        ("cart", 0.1, False),
    ]
    assert contributing_components([("cart", 0.0, 0.0, 0.0)], question).state is ContributorsState.NO_ERRORS


def test_those_who_ask_within_a_minute_ask_the_same_and_nothing_new_is_left_out() -> None:
    def asked(later_s: float, span: timedelta) -> RangeQuestion:
        end = datetime(2026, 3, 1, 12, 0, 10, tzinfo=UTC) + timedelta(seconds=later_s)
        return RangeQuestion(start=end - span, end=end).rounded

    for span in (timedelta(hours=1), timedelta(days=30)):
        assert asked(0, span) == asked(30, span)
        assert asked(0, span).end >= datetime(2026, 3, 1, 12, 0, 10, tzinfo=UTC)
        assert span <= asked(0, span).end - asked(0, span).start <= span * 1.04
