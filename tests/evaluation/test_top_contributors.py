"""Top contributors: which values stand out, and that neither an evaluation nor a page waits for them."""

import asyncio
import doctest
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import promql_parser as promql
import pytest
from typing_extensions import override

from app.alerting import Notification, NotificationStatus
from app.changes import Change, Received, read_change
from app.evaluation import RangeQuestion
from app.evaluation import top_contributors as module
from app.evaluation.figures.members import members_of
from app.evaluation.judging.recent_changes import changes_before
from app.evaluation.top_contributors import (
    ContributorQueries,
    ContributorQuery,
    Series,
    TopContributor,
    contributor_queries,
    top_contributors,
    words,
)
from app.ingest.ports import Source
from app.ingest.series.tracked_slis import tracked_slis_of
from app.prometheus import BadQueryError, Matrix, UnreachableError
from app.promql.selector_text import parse_selector
from app.sli import TimeSlices, sli_of_bad, sli_of_good
from app.slo import GroupKey, Severity, Sli, SliceRule, SloId
from app.store.outbox import waiting
from app.wording.sentences import description
from tests.evaluation.memory import MemorySource
from tests.evaluation.plain import availability, counter, requests, slos
from tests.evaluation.running import INTERVAL_S, Running
from tests.support.notifications import START, firing

BAD = sli_of_bad(total=parse_selector('t{job="x"}'), bad=parse_selector('t{job="x",code=~"5.."}'))
GOOD = sli_of_good(total=parse_selector("h_count"), good=parse_selector('h_bucket{le="0.3"}'))
NATIVE = (
    "(increase(h_count[600s]) or histogram_count(increase(h[600s])))",
    (
        '(increase(h_bucket{le="0.3"}[600s]) or ignoring (le) '
        "histogram_fraction(-Inf, 0.3, increase(h[600s])) * (histogram_count(increase(h[600s])) > 0))"
    ),
)
TOTAL: Series = [
    ({"job": "x", "code": "200", "route": "/pay", "zone": "a"}, 8.0),
    ({"job": "x", "code": "200", "route": "/cart", "zone": "a"}, 892.0),
    ({"job": "x", "code": "500", "route": "/pay", "zone": "a"}, 82.0),
    ({"job": "x", "code": "500", "route": "/cart", "zone": "a"}, 18.0),
]
SAID = 'route="/pay": 82% of the errors, 9% of the traffic'


class Scripted(Source):
    """Answers by the text of the query; remembers what was asked."""

    def __init__(self, answers: Mapping[str, Series], *, delay_s: float = 0.0, rejected: Collection[str] = ()) -> None:
        self.answers = answers
        self.rejected = rejected
        self.delay_s = delay_s
        self.asked: list[str] = []

    @override
    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        self.asked.append(expr)
        await asyncio.sleep(self.delay_s)
        if expr in self.rejected:
            raise BadQueryError("unknown function")
        if expr not in self.answers:
            raise UnreachableError("away")
        return _matrix(self.answers[expr])

    @override
    async def range(
        self, expr: str, start: datetime, end: datetime, step: timedelta, *, deadline: float | None = None
    ) -> Matrix:
        raise NotImplementedError


def _matrix(series: Series) -> Matrix:
    return Matrix(
        labels=tuple(dict(labels) for labels, _ in series),
        lengths=np.ones(len(series), np.int64),
        times=np.zeros(len(series)),
        values=np.array([events for _, events in series], np.float64),
    )


def _inquiry(sli: Sli, *, group: GroupKey = (), slo: str = "checkout-availability") -> ContributorQuery:
    return ContributorQuery(slo=SloId(slo), sli=sli, group=group, window=timedelta(minutes=10))


def _ask(source: Source, *wanted: ContributorQuery, deadline_s: float = 60.0) -> dict[SloId, str]:
    asking = ContributorQueries(lambda _sli: source)
    asking.want(wanted, START)
    return asyncio.run(asking.ask(START, deadline_s=deadline_s))


def test_the_examples_hold() -> None:
    assert doctest.testmod(module).failed == 0


def test_a_value_is_said_beside_its_share_of_the_traffic_and_what_makes_an_event_bad_is_not() -> None:
    """All errors have the code 500 and come from zone a, as all requests do."""
    source = Scripted({'increase(t{job="x"}[600s])': TOTAL, 'increase(t{code=~"5..",job="x"}[600s])': TOTAL[2:]})
    assert _ask(source, _inquiry(BAD)) == {"checkout-availability": SAID}


def test_bad_events_may_be_those_that_are_not_good() -> None:
    count: Series = [({"route": "/pay", "version": "2"}, 100.0), ({"route": "/cart", "version": "1"}, 300.0)]
    fast: Series = [
        ({"route": "/pay", "version": "2", "le": "0.3"}, 10.0),
        ({"route": "/cart", "version": "1", "le": "0.3"}, 290.0),
    ]
    said = {
        "checkout-availability": 'route="/pay": 90% of the errors, 25% of the traffic; '
        'version="2": 90% of the errors, 25% of the traffic'
    }
    source = Scripted({NATIVE[0]: count, NATIVE[1]: fast})
    assert _ask(source, _inquiry(GOOD)) == said
    sliced = TimeSlices(of=GOOD, rule=SliceRule(length=timedelta(minutes=1), target=0.9))
    assert _ask(source, _inquiry(sliced)) == said
    # A server without native histograms rejects the functions that read them.
    classic = {"increase(h_count[600s])": count, 'increase(h_bucket{le="0.3"}[600s])': fast}
    without = Scripted(classic, rejected=NATIVE)
    assert _ask(without, _inquiry(GOOD)) == said
    assert without.asked == [NATIVE[0], *classic]


def test_a_combination_is_said_where_it_says_more_than_its_values() -> None:
    """Only the new version fails, and only at /pay: half of all requests each, a quarter together."""
    total: Series = [
        ({"route": route, "version": version}, 250.0) for route in ("/pay", "/cart") for version in ("1", "2")
    ]
    bad: Series = [({"route": "/pay", "version": "2"}, 90.0), ({"route": "/cart", "version": "1"}, 3.0)]
    assert words(top_contributors(bad, total)) == (
        'route="/pay" with version="2": 97% of the errors, 25% of the traffic'
    )


def test_values_that_fail_alike_are_not_combined() -> None:
    total: Series = [({"pod": f"p{n}", "node": f"n{n}"}, 100.0) for n in range(4)]
    bad: Series = [({"pod": "p1", "node": "n1"}, 50.0)]
    assert [one.values for one in top_contributors(bad, total)] == [(("node", "n1"),), (("pod", "p1"),)]


def test_an_even_spread_names_nobody_and_values_are_quoted() -> None:
    even: Series = [({"route": "/a"}, 50.0), ({"route": "/b"}, 50.0)]
    assert top_contributors(even, even) == []
    assert top_contributors([], even) == []
    assert words([TopContributor((("route", 'a"b\n'),), 0.5, 0.1)]).startswith('route="a\\"b\\u000a": 50%')


def test_a_member_of_a_group_is_asked_for_alone() -> None:
    source = Scripted({})
    assert _ask(source, _inquiry(BAD, group=(("route", "/pay"),))) == {}
    assert 'increase(t{job="x",route="/pay"}[600s])' in source.asked


def test_few_are_asked_about_at_once_and_none_again_so_soon() -> None:
    source = Scripted({})
    asking = ContributorQueries(lambda _sli: source)
    many = [_inquiry(BAD, slo=f"slo-{number}") for number in range(50)]
    for seconds in (0, 59, 60):
        at = START + timedelta(seconds=seconds)
        asking.want(many[:4], at)
        asyncio.run(asking.ask(at))
    assert len(source.asked) == 2 * 4
    asking.want(many, START + timedelta(seconds=120))
    asyncio.run(asking.ask(START + timedelta(seconds=120)))
    assert len(source.asked) == 3 * 4


@pytest.mark.parametrize(("minutes", "known"), [(5, True), (5.5, False)])
def test_an_answer_of_more_than_five_minutes_ago_may_be_of_another_incident(minutes: float, known: bool) -> None:
    source = Scripted({'increase(t{job="x"}[600s])': TOTAL, 'increase(t{code=~"5..",job="x"}[600s])': TOTAL[2:]})
    asking, page = ContributorQueries(lambda _sli: source), firing(long="1h")
    asking.want([_inquiry(BAD)], START)
    asyncio.run(asking.ask(START))
    asking.want([], START + timedelta(minutes=minutes))
    assert asking.known([page]) == ({page.key: SAID} if known else {})


def _spread(shares: Mapping[str, float], *, label: str = "route") -> Series:
    """A hundred events, of which each value has its share, and values of their own the rest."""
    rest = 100 - sum(shares.values())
    others = [({label: f"{label}-{number}"}, rest / 64) for number in range(64)]
    return [*(({label: name}, share) for name, share in shares.items()), *others]


@pytest.mark.parametrize(
    ("errors", "traffic", "named"), [(30, 1, True), (29.9, 1, False), (40, 35, True), (40, 35.1, False)]
)
def test_a_value_is_named_that_has_three_tenths_of_the_errors_and_a_twentieth_more_of_them_than_of_the_traffic(
    errors: float, traffic: float, named: bool
) -> None:
    found = top_contributors(_spread({"/pay": errors}), _spread({"/pay": traffic}))
    assert [one.values for one in found] == ([(("route", "/pay"),)] if named else [])


@pytest.mark.parametrize(("together", "named"), [(91.0, 2), (89.0, 1)])
def test_a_combination_is_named_that_keeps_nine_tenths_of_the_errors_of_each_of_its_values(
    together: float, named: int
) -> None:
    bad: Series = [
        ({"route": "/pay", "version": "2"}, together),
        ({"route": "/pay", "version": "1"}, 10.0),
        ({"route": "/cart", "version": "2"}, 10.0),
    ]
    total: Series = [({"route": a, "version": b}, 25.0) for a in ("/pay", "/cart") for b in ("1", "2")]
    assert len(top_contributors(bad, total)[0].values) == named


def test_three_values_are_named_at_most() -> None:
    labels = ("route", "version", "zone", "pod")
    failing, others = ({label: f"{label}-{number}" for label in labels} for number in (1, 2))
    assert len(top_contributors([(failing, 100.0)], [(failing, 5.0), (others, 95.0)])) == 3


@pytest.mark.parametrize(("ago", "minutes"), [(None, 5), (3, 5), (12, 12)])
def test_the_errors_of_an_incident_are_looked_at_from_its_beginning_but_five_minutes_at_least(
    ago: int | None, minutes: int, tmp_path: Path
) -> None:
    documents = slos([availability("shop")], tmp_path)
    (member,) = members_of(documents, tracked_slis_of(documents), np.zeros(1))
    begun = None if ago is None else START - timedelta(minutes=ago)
    page = firing(long="1h", top_contributors="", first_bad_at=begun)
    (query,) = contributor_queries([page], [], lambda _slo: member)
    assert query.window == timedelta(minutes=minutes)


def test_a_question_that_takes_too_long_is_given_up() -> None:
    assert _ask(Scripted({}, delay_s=5.0), _inquiry(BAD), deadline_s=0.05) == {}


def test_alerts_that_begin_are_asked_about_before_those_that_may_and_pages_first() -> None:
    told = [firing("slo-0", top_contributors="known"), firing("slo-1", severity=Severity.TICKET), firing("slo-2")]
    asked: list[SloId] = []

    def nobody(slo: SloId) -> None:
        asked.append(slo)

    assert list(contributor_queries(told, [], nobody)) == []
    assert asked == ["slo-2", "slo-1"]


NOW = 1_800_000_000
MINUTE, HOUR, DAY = 60, 3600, 86_400
BEGIN = NOW + 10 * MINUTE


class Contributing(MemorySource):
    """Also answers `increase`; where there are events, it says that it was asked and waits before it answers."""

    begun: asyncio.Event | None = None
    answered: asyncio.Event | None = None
    deadline: float | None = None

    @override
    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        if not expr.startswith("increase("):
            return await super().instant(expr, at, deadline=deadline)
        self.asked.append(expr)
        self.deadline = deadline
        if self.begun is not None and self.answered is not None:
            self.begun.set()
            await self.answered.wait()
        parsed = promql.parse(expr)
        assert isinstance(parsed, promql.Call)
        (ranged,) = parsed.args
        since = at.timestamp() - ranged.range.total_seconds()
        series = [
            (one.labels, float(values[-1] - values[0]))
            for one in self._select(ranged.vector_selector)
            for values in [one.within(since, min(at.timestamp(), self.now))[1]]
            if len(values)
        ]
        return _matrix(series)


@contextmanager
def _shop(folder: Path, *, timeout_s: float = 20.0) -> Iterator[tuple[Running, Contributing]]:
    """Two routes with ten requests a second; at one of them two in five begin to fail."""
    span = (NOW - 2 * DAY, NOW + 4 * HOUR)
    burst = [((float(BEGIN), float(BEGIN + HOUR)), 4.0)]
    series = [
        counter(requests("shop", route="/cart"), span, per_second=90.0),
        counter(requests("shop", route="/pay"), span, per_second=10.0, bursts=[(burst[0][0], -4.0)]),
        counter(requests("shop", "500", route="/pay"), span, per_second=0.0, bursts=burst),
    ]
    source = Contributing(series)

    def move(at: float) -> None:
        source.now = at

    wanted = slos([availability("shop", window="30d")], folder / "slos")
    with Running(wanted, source, folder / "db", move=move, timeout_s=timeout_s) as one:
        one.tick(NOW)
        one.backfill(NOW)
        yield one, source


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[tuple[Running, Contributing]]:
    """The shop, with time enough for each query."""
    with _shop(tmp_path) as found:
        yield found


def _told(one: Running) -> list[Notification]:
    with one.database.read() as transaction:
        return [
            entry.notification
            for entry in waiting(transaction, "pager")
            if entry.notification.severity is Severity.PAGE
        ]


def _until_it_pages(one: Running, *, explain: bool) -> list[Notification]:
    for at in range(NOW + INTERVAL_S, NOW + HOUR, INTERVAL_S):
        one.tick(at)
        told = _told(one)
        if told:
            return told
        if explain:
            one.do(one.evaluator.find_top_contributors())
    raise AssertionError("it never fired")


def test_a_page_names_the_deploy_before_its_errors(shop: tuple[Running, Contributing]) -> None:
    one, _ = shop
    at = datetime.fromtimestamp(NOW - 12 * 60, UTC)
    received = Received(headers={}, body={"service": "shop", "version": "v1.4.2", "started_at": at.isoformat()})
    deployed = read_change(received, at=at)
    assert isinstance(deployed, Change)
    one.recent_changes.add([deployed], at=at)
    (page,) = _until_it_pages(one, explain=False)
    assert page.first_bad_at is not None
    minutes = int((page.first_bad_at - at).total_seconds()) // 60
    assert page.recent_change == f"deployed {minutes} minutes before: shop v1.4.2"
    assert f"Deployed {minutes} minutes before: shop v1.4.2." in description(page)
    slot = timedelta(seconds=INTERVAL_S)
    after = replace(deployed, id="after", version="v3", started_at=page.first_bad_at + slot * 1.1)
    one.recent_changes.add([after], at=after.started_at)
    assert changes_before({"page": page}, one.recent_changes, interval=slot) == {"page": page.recent_change}
    # The slot that counts the errors of a deploy which fails at once began before the deploy.
    within = replace(deployed, id="within", version="v2", started_at=page.first_bad_at + slot * 0.9)
    one.recent_changes.add([within], at=after.started_at)
    said = {"page": "deployed at the same time: shop v2"}
    assert changes_before({"page": page}, one.recent_changes, interval=slot) == said


def test_most_pages_have_their_contributors_with_them(shop: tuple[Running, Contributing]) -> None:
    """The short window burns before the alert fires, so that Prometheus has been asked by then."""
    one, _ = shop
    (page,) = _until_it_pages(one, explain=True)
    assert page.top_contributors == 'route="/pay": 100% of the errors, 10% of the traffic'


def test_slots_are_evaluated_and_pages_stored_while_an_answer_is_awaited_and_what_is_sent_later_has_it(
    shop: tuple[Running, Contributing],
) -> None:
    one, source = shop
    (page,) = _until_it_pages(one, explain=False)
    assert (page.status, page.top_contributors) == (NotificationStatus.FIRING, "")
    assert not any(expr.startswith("increase(") for expr in source.asked)

    async def ask_while_evaluating() -> None:
        source.begun, source.answered = asyncio.Event(), asyncio.Event()
        asking = asyncio.create_task(one.evaluator.find_top_contributors())
        await source.begun.wait()
        last = one.evaluator.stepped
        assert last is not None
        # The lock is free: the next slot is evaluated and stored while Prometheus keeps us waiting.
        source.now = last.timestamp() + INTERVAL_S
        await one.evaluator.evaluate(last + timedelta(seconds=INTERVAL_S))
        assert one.evaluator.last_commit == last + timedelta(seconds=INTERVAL_S)
        source.answered.set()
        await asking

    one.do(ask_while_evaluating())
    (stored,) = _told(one)
    assert stored.top_contributors == ""
    assert "/pay" in one.board.completed(stored).top_contributors
    at = one.evaluator.stepped
    assert at is not None
    one.tick(at.timestamp() + INTERVAL_S)
    (notification,) = one.board.current.notifications
    assert "/pay" in notification.top_contributors
    assert one.board.completed(firing()) == firing()


def test_history_and_contributors_are_asked_of_the_source_that_no_evaluation_waits_for(tmp_path: Path) -> None:
    """Evaluations ask the other one for samples, and for nothing else."""
    with _shop(tmp_path) as (one, source):
        evaluations = MemorySource(source.series)
        one.source, one.background = evaluations, source
        one.restart()
        _until_it_pages(one, explain=True)
        one.do(one.evaluator.contributors(one.slos[0].id, RangeQuestion(start=START, end=START + timedelta(hours=1))))
    assert [text for text in source.asked if text.startswith("increase(")]
    assert evaluations.asked
    assert [text for text in evaluations.asked if "(" in text] == []


@pytest.mark.parametrize(("timeout_s", "most_s", "most_of_range_s"), [(20.0, 5.0, 10.0), (2.0, 2.0, 2.0)])
def test_a_question_is_given_up_before_the_client_counts_its_timeout_against_prometheus(
    tmp_path: Path, timeout_s: float, most_s: float, most_of_range_s: float
) -> None:
    """Each query has twice the time after which it is given up, so that only what gives it up ends it."""
    with _shop(tmp_path, timeout_s=timeout_s) as (one, source):
        _until_it_pages(one, explain=False)
        one.do(one.evaluator.find_top_contributors())
        assert source.deadline == 2 * most_s
        question = RangeQuestion(start=START, end=START + timedelta(hours=1))
        one.do(one.evaluator.contributors(one.slos[0].id, question))
        assert source.deadline == 2 * most_of_range_s
