"""Grouped SLOs: a member for each value, at most five hundred."""

from datetime import UTC, datetime, timedelta

import numpy as np

from app.evaluation.book import Book
from app.evaluation.intake import Intake
from app.evaluation.watch import MOST_GROUPS, Watch, watches_of
from app.prometheus import Matrix
from app.promql.selector_text import parse_selector
from app.slo import BadSli, RollingWindow, Slo, SloId

SLO = Slo(
    id=SloId("web-availability"),
    service="web",
    name="availability",
    objective=0.999,
    window=RollingWindow(timedelta(days=1)),
    sli=BadSli(
        total=parse_selector('http_requests_total{job="web"}'),
        bad=parse_selector('http_requests_total{job="web",code=~"5.."}'),
        by=("route",),
    ),
)
AT = datetime(2026, 3, 1, tzinfo=UTC).timestamp()


def a_matrix(routes: int, *, code: str = "200") -> Matrix:
    labels = tuple(
        {"__name__": "http_requests_total", "code": code, "instance": "a", "job": "web", "route": f"/{number:04}"}
        for number in range(routes)
    )
    return Matrix(
        labels=labels,
        lengths=np.ones(routes, dtype=np.int64),
        times=np.full(routes, AT),
        values=np.ones(routes),
    )


def an_intake() -> tuple[Intake, Watch]:
    watches = watches_of([SLO])
    book = Book(watches, interval_s=30)
    book.start(watches, at_s=AT - 300)
    return book.intake, watches[0]


def test_each_value_is_a_member() -> None:
    intake, watch = an_intake()
    intake.samples(a_matrix(3), [watch])
    assert sorted(watch.rows) == [(("route", f"/{number:04}"),) for number in range(3)]


def test_members_beyond_the_limit_are_refused_and_those_that_are_there_stay() -> None:
    intake, watch = an_intake()
    intake.samples(a_matrix(MOST_GROUPS), [watch])
    samples = intake.samples(a_matrix(MOST_GROUPS + 20, code="500"), [watch])

    assert len(watch.rows) == MOST_GROUPS
    assert len(watch.refused_groups) == 20
    assert len(samples.counter) == MOST_GROUPS


def test_slos_over_the_same_events_share_their_history() -> None:
    stricter = Slo(
        id=SloId("web-strict"), service="web", name="strict", objective=0.9999, window=SLO.window, sli=SLO.sli
    )
    (watch,) = watches_of([SLO, stricter])
    assert watch.slos == (SLO, stricter)
