"""What burned it: which values stand out, and that nobody waits for it."""

import asyncio
import doctest
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
import pytest
from typing_extensions import override

from app.evaluation import culprits as module
from app.evaluation.culprits import Culprit, culprits, outstanding, words
from app.evaluation.ports import Source
from app.prometheus import Matrix, UnreachableError
from app.promql.selector_text import parse_selector
from app.slo import BadSli, GoodSli, RollingWindow, Severity, Slo, SloId
from tests.store.notices import START, firing, resolved

Series = Sequence[tuple[Mapping[str, str], float]]


class Scripted(Source):
    """Answers by the text of the query; remembers what was asked."""

    def __init__(self, answers: Mapping[str, Series], *, delay_s: float = 0.0) -> None:
        self.answers = answers
        self.delay_s = delay_s
        self.asked: list[str] = []

    @override
    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        self.asked.append(expr)
        await asyncio.sleep(self.delay_s)
        if expr not in self.answers:
            raise UnreachableError("away")
        series = self.answers[expr]
        return Matrix(
            labels=tuple(labels for labels, _ in series),
            lengths=np.ones(len(series), np.int64),
            times=np.zeros(len(series)),
            values=np.array([events for _, events in series], np.float64),
        )

    @override
    async def range(
        self, expr: str, start: datetime, end: datetime, step: timedelta, *, deadline: float | None = None
    ) -> Matrix:
        raise NotImplementedError


def _slo(sli: BadSli | GoodSli, slo_id: str = "checkout-availability") -> Slo:
    return Slo(
        id=SloId(slo_id),
        service="checkout",
        name="availability",
        objective=0.999,
        window=RollingWindow(timedelta(days=30)),
        sli=sli,
    )


BAD = BadSli(total=parse_selector('t{job="x"}'), bad=parse_selector('t{job="x",code="500"}'))
GOOD = GoodSli(total=parse_selector("h_count"), good=parse_selector('h_bucket{le="0.3"}'))
TOTAL: Series = [
    ({"job": "x", "code": "200", "route": "/pay", "zone": "a"}, 400.0),
    ({"job": "x", "code": "200", "route": "/cart", "zone": "a"}, 500.0),
    ({"job": "x", "code": "500", "route": "/pay", "zone": "a"}, 82.0),
    ({"job": "x", "code": "500", "route": "/cart", "zone": "a"}, 18.0),
]


def _ask(source: Source, *slos: Slo, told: Sequence[object] = (firing(),), deadline_s: float = 1.0) -> dict[str, str]:
    return asyncio.run(culprits(told, slos, source, at=START, deadline_s=deadline_s))  # type: ignore[arg-type]


def test_the_examples_hold() -> None:
    assert doctest.testmod(module).failed == 0


def test_the_value_with_most_bad_events_is_named_and_what_all_share_is_not() -> None:
    source = Scripted({'increase(t{job="x"}[1h])': TOTAL, 'increase(t{code="500",job="x"}[1h])': TOTAL[2:]})
    assert _ask(source, _slo(BAD)) == {"checkout-availability/page": 'route="/pay" 82 %'}


@pytest.mark.parametrize(
    ("routes", "said"),
    [(("/pay", "/pay"), 'route="/pay" 100 %'), (("/pay", "/cart"), 'code="503" 90 %')],
)
def test_what_makes_an_event_bad_is_named_only_if_nothing_else_stands_out(routes: tuple[str, str], said: str) -> None:
    """A label that narrows all events alike is as good as any other."""
    narrow = 't{route=~"/pay|/cart"}'
    slo = _slo(BadSli(total=parse_selector(narrow), bad=parse_selector('t{code=~"5..",route=~"/pay|/cart"}')))
    bad: Series = [({"code": "503", "route": route}, 45.0) for route in routes]
    bad = [*bad, *(({"code": "500", "route": route}, 5.0) for route in routes)]
    fine: Series = [({"code": "200", "route": route}, 450.0) for route in ("/pay", "/cart")]
    source = Scripted(
        {f"increase({narrow}[1h])": [*fine, *bad], 'increase(t{code=~"5..",route=~"/pay|/cart"}[1h])': bad}
    )
    assert _ask(source, slo) == {"checkout-availability/page": said}


def test_bad_events_may_be_those_that_are_not_good() -> None:
    count: Series = [({"route": "/pay", "version": "2"}, 100.0), ({"route": "/cart", "version": "1"}, 300.0)]
    fast: Series = [({"route": "/pay", "version": "2"}, 10.0), ({"route": "/cart", "version": "1"}, 290.0)]
    source = Scripted({"increase(h_count[1h])": count, 'increase(h_bucket{le="0.3"}[1h])': fast})
    assert _ask(source, _slo(GOOD)) == {"checkout-availability/page": 'route="/pay" 90 %, version="2" 90 %'}


def test_a_member_of_a_group_is_asked_for_alone() -> None:
    source = Scripted({})
    told = firing("checkout-availability:route=/pay", group=(("route", "/pay"),))
    assert _ask(source, _slo(BAD), told=[told]) == {}
    assert 'increase(t{job="x",route="/pay"}[1h])' in source.asked


def test_an_alert_that_ends_asks_for_nothing_and_few_are_asked_for_at_once_pages_first() -> None:
    source = Scripted({})
    many = [firing(f"slo-{number}", severity=Severity.TICKET) for number in range(50)]
    slos = [_slo(BAD, f"slo-{number}") for number in range(50)]
    page = firing("slo-49")
    assert _ask(source, *slos, told=[resolved(), *many, page]) == {}
    assert len(source.asked) == 8


def test_nobody_waits_for_an_answer() -> None:
    began = time.monotonic()
    assert _ask(Scripted({}, delay_s=5.0), _slo(BAD), deadline_s=0.2) == {}
    assert time.monotonic() - began < 1.0


def test_without_bad_events_nobody_is_to_blame() -> None:
    assert outstanding({("", ""): 0.0}, {("", ""): 10.0}) == []
    assert outstanding({}, {}) == []


def test_an_even_spread_names_nobody_and_values_are_quoted() -> None:
    bad = {("", ""): 100.0, ("route", "/a"): 50.0, ("route", "/b"): 50.0}
    assert outstanding(bad, {("", ""): 1000.0, ("route", "/a"): 500.0, ("route", "/b"): 500.0}) == []
    assert words([Culprit("route", 'a"b\n', 0.5, 0.1)]) == 'route="a\\"b\\u000a" 50 %'


def test_thousands_that_begin_at_once_keep_nobody_waiting() -> None:
    """An outage of everything: four are asked about, and the rest is not even looked up."""
    slos = [_slo(BAD, f"slo-{number}") for number in range(2_000)]
    told = [firing(f"slo-1999:route={number}", group=(("route", str(number)),)) for number in range(5_000)]
    source = Scripted({})
    began = time.monotonic()
    assert _ask(source, *slos, told=told) == {}
    assert time.monotonic() - began < 1.0
    assert len(source.asked) == 8
