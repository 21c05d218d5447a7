"""What the page of an SLO says: the headline first, where its links lead, and what is not known."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from typing_extensions import override

from app.budget.forecast import NoForecast
from app.clock import SystemClock
from app.promql.selector_text import parse_selector
from app.sli.condition import Comparison, Condition
from app.sli.expression import Expression
from app.sli.gauge import Gauge
from app.sli.several_sources import SeveralSources
from app.slo import UNKNOWN_FIGURE, AlertState, Severity, Sli, SloId
from app.status import (
    AlertView,
    Board,
    DataState,
    DaySummary,
    HealthState,
    Pasts,
    Problem,
    ProblemCode,
    ProblemLevel,
    Progress,
    RangeSeries,
    Snapshot,
)
from app.ui import SloData, Surroundings, pages
from app.ui.slo.calendar import calendar
from app.ui.slo.charts import ticks
from app.ui.slo.headline import exhausted_step, headline_of
from app.ui.slo.ranges import chart_range
from app.ui.views import rfc3339
from tests.support.api import ListedContributors
from tests.support.pasts import IncidentPasts
from tests.support.sites import CONTRIBUTORS
from tests.support.snapshots import AS_OF, a_latency_slo, a_snapshot, an_slo, an_unmeasured_snapshot

DAY = timedelta(days=1)
PAGING = AlertView(severity=Severity.PAGE, state=AlertState.FIRING, since=AS_OF - timedelta(minutes=9), tier="1h/5m")
NAN = float("nan")
_BELOW = Condition(comparison=Comparison.LESS, number=0.3)


class _Pasts(IncidentPasts):
    """A past in which the series of the SLO window is given."""

    def __init__(self, series: RangeSeries) -> None:
        super().__init__(AS_OF)
        self._series = series

    @override
    def series(
        self,
        slo_id: SloId,
        members: Sequence[SloId],
        start: datetime,
        end: datetime,
        step: timedelta,
        *,
        adjusted: bool = True,
    ) -> RangeSeries:
        if end - start in {DAY * 30, timedelta(hours=4)}:
            return self._series
        return super().series(slo_id, members, start, end, step, adjusted=adjusted)


def _client(
    *snapshots: Snapshot, contributors: ListedContributors | None = None, pasts: Pasts | None = None
) -> TestClient:
    board = Board()
    board.publish(snapshots)
    data = SloData(
        pasts=pasts or IncidentPasts(AS_OF),
        contributors=contributors or ListedContributors(items=CONTRIBUTORS),
        surroundings=Surroundings(
            graphs=lambda: {"default": "http://prometheus:9090/"},
            alertmanager_url=lambda: "http://am:9093",
            place_of=lambda _: "a.yaml:7",
        ),
    )
    app = FastAPI()
    app.include_router(pages(board, clock=SystemClock(), slo_data=data))
    return TestClient(app)


def _since_exhausted() -> RangeSeries:
    at = [AS_OF - timedelta(hours=hours) for hours in (3, 2, 1)]
    return RangeSeries(id=SloId("x"), since=AS_OF - timedelta(hours=4), at=at, budget_remaining=[0.2, NAN, -0.1])


@pytest.mark.parametrize(
    ("snapshot", "word", "since"),
    [
        (a_snapshot(), "Fine", None),
        (a_snapshot(alerts=[PAGING], health=HealthState.AT_RISK), "Burning", PAGING.since),
        (a_snapshot(bad=950, health=HealthState.AT_RISK), "At risk", None),
        (a_snapshot(bad=1_100, health=HealthState.EXHAUSTED), "Exhausted", AS_OF - timedelta(hours=3)),
        (a_snapshot(data=DataState.STALE), "Not known", AS_OF),
        (an_unmeasured_snapshot(), "Not known", None),
        (
            a_snapshot(
                data=DataState.BACKFILLING, health=HealthState.UNKNOWN, backfill=Progress(done_hours=1, wanted_hours=4)
            ),
            "Reading history",
            None,
        ),
    ],
)
def test_a_page_begins_with_what_is_the_matter_and_since_when(
    snapshot: Snapshot, word: str, since: datetime | None
) -> None:
    found = headline_of(snapshot, exhausted_step(_since_exhausted()))
    assert (found.word, found.since) == (word, since)
    text = _client(snapshot).get(f"/slos/{snapshot.id}").text
    assert f"<strong>{word}</strong>" in text


@pytest.mark.parametrize(
    ("code", "level", "word"),
    [
        (ProblemCode.BAD_NEVER_MATCHED, ProblemLevel.WARNING, "Doubtful"),
        (ProblemCode.BAD_NEVER_MATCHED, ProblemLevel.HINT, "Fine"),
        (ProblemCode.OUTSIDE_TOTAL, ProblemLevel.WARNING, "Doubtful"),
        (ProblemCode.LATE_SAMPLES, ProblemLevel.WARNING, "Fine"),
    ],
)
def test_a_budget_is_not_called_fine_while_its_errors_may_be_hidden(
    code: ProblemCode, level: ProblemLevel, word: str
) -> None:
    snapshot = replace(a_snapshot(), problems=(Problem(code=code, level=level, detail="no series has matched"),))
    found = headline_of(snapshot)
    assert (found.word, found.kind) == (word, "warning" if word == "Doubtful" else "meeting")
    assert found.sentence.startswith("no series has matched") == (word == "Doubtful")
    text = _client(snapshot).get(f"/slos/{snapshot.id}").text
    assert f'<p class="problem {level}"><span class="badge {level}">' in text


def test_errors_are_seen_now_only_while_the_shortest_window_has_some() -> None:
    burning = a_snapshot(alerts=[PAGING], health=HealthState.AT_RISK)
    assert headline_of(burning).sentence.startswith("Users see errors now")
    shortest = min(view.window for view in burning.windows)
    windows = tuple(one._replace(bad=0.0) if one.window == shortest else one for one in burning.windows)
    over = replace(burning, windows=windows)
    for snapshot in (over, replace(burning, data=DataState.STALE)):
        assert headline_of(snapshot).word == "Burning"
        assert "now" not in headline_of(snapshot).sentence
    exhausted = replace(over, health=HealthState.EXHAUSTED)
    assert "go on" not in headline_of(exhausted).sentence


def test_until_when_a_budget_lasts_is_part_of_the_headline() -> None:
    burning = a_snapshot(alerts=[PAGING], health=HealthState.AT_RISK)
    until = AS_OF + timedelta(hours=2)
    burning = replace(burning, budget=replace(burning.budget, exhausted_at=until))
    assert headline_of(burning).until == until


def test_since_when_a_budget_is_exhausted_does_not_depend_on_the_range_that_is_shown() -> None:
    exhausted = replace(a_snapshot(bad=1_100, health=HealthState.EXHAUSTED), as_of=AS_OF)
    since = _since_exhausted()
    for first, words in ((0.2, "ago</time></span>"), (-0.3, "ago</time> or earlier</span>")):
        client = _client(exhausted, pasts=_Pasts(replace(since, budget_remaining=[first, NAN, -0.1])))
        pages = [client.get(f"/slos/{exhausted.id}?range={length}").text for length in ("1h", "90d")]
        found = [re.search(r'<span class="since">since <time datetime="([^"]*)".*', text) for text in pages]
        stamps = {one[1] for one in found if one is not None}
        assert stamps == {rfc3339(AS_OF - timedelta(hours=3))}
        assert all(one is not None and words in one[0] for one in found)


@pytest.mark.parametrize(
    ("sli", "graphs"),
    [
        (Expression(expression="histogram_quantile(0.9, a)", good_when=_BELOW), [True, False, False]),
        (Gauge(total=parse_selector('up{job="a"}'), good_when=_BELOW), [True, False]),
    ],
    ids=["expression", "gauge"],
)
def test_only_queries_have_graphs(sli: Sli, graphs: list[bool]) -> None:
    surroundings = Surroundings(graphs=lambda: {"default": "http://prometheus:9090"})
    assert [bool(part.graphs) for part in surroundings.queries(replace(an_slo(), sli=sli))] == graphs


def test_a_query_has_a_graph_in_each_of_its_sources() -> None:
    """Where people reach them; of what is counted from one source that is not said."""
    surroundings = Surroundings(graphs=lambda: {"eu": "https://eu.example.org", "us": "https://us.example.org/prom/"})
    sli = an_slo().sli
    several = replace(an_slo(), sli=SeveralSources(of=sli, sources=("eu", "us", "apac")))
    graphs = [[(name, url.split("/graph")[0]) for name, url in part.graphs] for part in surroundings.queries(several)]
    assert graphs == [[("eu", "https://eu.example.org"), ("us", "https://us.example.org/prom")]] * 2
    (of_one, _) = surroundings.queries(replace(an_slo(), sli=sli.from_source("us")))
    assert [(name, url.split("/graph")[0]) for name, url in of_one.graphs] == [("", "https://us.example.org/prom")]


def test_a_histogram_has_a_graph_of_either_form() -> None:
    """Of an SLI whose metric is native only, the classic series are a graph without a line."""
    found = Surroundings(graphs=lambda: {"default": "http://prometheus:9090"}).queries(a_latency_slo())
    assert [part.text for part in found if part.graphs] == [
        "http_request_duration_seconds_count",
        'http_request_duration_seconds_bucket{le="0.3"}',
        "http_request_duration_seconds",
    ]


def test_links_lead_to_queries_a_silence_and_the_document() -> None:
    text = _client(a_snapshot()).get("/slos/checkout-availability").text
    assert (
        'href="http://prometheus:9090/graph?g0.expr=http_requests_total%7Bjob%3D%22checkout%22%7D&amp;g0.tab=0' in text
    )
    assert 'href="http://am:9093/#/silences/new?filter=%7Bslo%3D%22checkout-availability%22%7D"' in text
    assert "document a.yaml:7" in text


def test_a_range_is_in_every_link_and_a_wrong_one_is_said() -> None:
    http = _client(a_snapshot())
    text = http.get("/slos/checkout-availability?range=6h&label=route%3D/pay").text
    assert re.search(r'href="\?range=1h&amp;label=route%3D%2Fpay#charts"', text)
    assert 'aria-current="true">6h' in text
    out_of_bounds = ("from=0001-01-01T00:00Z&to=0001-01-02T00:00Z", "from=9999-12-31T00:00Z&to=9999-12-31T23:59:59Z")
    for wrong in ("range=soon", "from=yesterday", "from=2026-03-01T12:00Z&to=2026-03-01T11:00Z", *out_of_bounds):
        assert "was not understood" in http.get(f"/slos/checkout-availability?{wrong}").text


def test_times_of_forms_are_utc_and_those_of_links_may_have_any_zone() -> None:
    for start, end in (("2026-03-01T10:00", "2026-03-01T11:00"), ("2026-03-01T12:00:00+02:00", "1772362800")):
        found = chart_range(choice=None, start=start, end=end, newest=AS_OF, default=DAY)
        assert (found.start, found.end) == (AS_OF - timedelta(hours=2), AS_OF - timedelta(hours=1))
        assert found.query == "from=2026-03-01T10:00:00Z&to=2026-03-01T11:00:00Z"


def test_what_was_not_measured_is_a_gap_and_no_row_says_100_percent() -> None:
    text = _client(a_snapshot()).get("/slos/checkout-availability?range=7d").text
    assert '<rect class="unmeasured"' in text
    unmeasured = re.search(r'<tr><td><time datetime="2026-02-25T06[^\n]*</tr>', text)
    assert unmeasured is not None
    assert unmeasured[0].count(f'<td class="num">{UNKNOWN_FIGURE}</td>') == 5
    assert '<td class="num">0%</td></tr>' in unmeasured[0]


@pytest.mark.parametrize(
    ("hours", "texts"),
    [
        (1, ["11:15", "11:30", "11:45"]),
        (24, ["18:00", "Mar 1", "06:00"]),
        (30 * 24, ["Feb 5", "Feb 12", "Feb 19", "Feb 26"]),
        (5 * 365 * 24, ["Dec 2021", "Dec 2022", "Dec 2023", "Dec 2024"]),
    ],
)
def test_pictures_without_scripts_have_round_times_below_them(hours: int, texts: list[str]) -> None:
    start, end = AS_OF - timedelta(hours=hours), AS_OF
    found = ticks(start, end)
    assert [one.text for one in found] == texts
    assert all(0 < float(one.x) < 100 for one in found)


def test_the_page_of_a_group_is_the_sum_of_its_members() -> None:
    """99 bad of 300 in one member and 1 of 2,700 in the other are 100 of 3,000, at a budget of 3."""
    grouped = an_slo(by=("route",))
    worst = a_snapshot(grouped, group=(("route", "/pay"),), health=HealthState.EXHAUSTED)
    members = [
        replace(worst, bad=99.0, good=201.0, total=300.0),
        replace(a_snapshot(grouped, group=(("route", "/cart"),)), bad=1.0, good=2_699.0, total=2_700.0),
    ]
    answer = _client(*members).get("/slos/checkout-availability")
    assert answer.status_code == 200
    text = answer.text
    assert "<strong>100</strong> bad of 3,000 events" in text
    assert "<strong>96.6667%</strong> good" in text
    assert "1 exhausted" in text
    assert text.index("route=/pay") < text.index("route=/cart")
    assert 'data-url="/api/v1/history?slo=checkout-availability"' in text
    assert (
        '<a href="/slos/checkout-availability">the whole group</a>' in _client(*members).get(f"/slos/{worst.id}").text
    )


def test_contributors_are_links_that_narrow_and_an_unanswered_question_is_said() -> None:
    listed = ListedContributors(items=CONTRIBUTORS)
    http = _client(a_snapshot(), contributors=listed)
    text = http.get("/slos/checkout-availability?range=1h&part=contributors&by=zone").text
    assert listed.asked == [("checkout-availability", AS_OF - timedelta(hours=1), AS_OF, ("zone",), ())]
    assert 'href="?range=1h&amp;label=route%3D%2Fpay#contributors"' in text
    assert "stands out" in text
    text = (
        _client(a_snapshot(), contributors=ListedContributors())
        .get("/slos/checkout-availability?part=contributors")
        .text
    )
    assert "no bad events between" in text


def test_as_many_labels_as_the_api_takes_are_asked_for() -> None:
    listed = ListedContributors(items=CONTRIBUTORS)
    query = "&".join(f"by=l{number}&label=m{number}%3Da" for number in range(100))
    _client(a_snapshot(), contributors=listed).get(f"/slos/checkout-availability?part=contributors&{query}")
    ((*_, by, within),) = listed.asked
    assert (len(by), len(within)) == (10, 10)


def test_a_calendar_tells_days_apart_by_what_they_spent_of_an_even_share() -> None:
    """Of 30 days each may spend 3.3%."""

    def day(number: int, spent: float) -> DaySummary:
        start = datetime(2026, 2, number, tzinfo=UTC)
        return DaySummary(start.date(), start, start + DAY, True, 1.0, 1.0, 2.0, 0.5, 1.0, spent, 1.0)  # noqa: FBT003

    spent = (NAN, 0.0, 0.033, 0.09, 0.2, 0.4)
    made = calendar([day(number, one) for number, one in enumerate(spent, 1)], an_slo())
    assert made is not None
    assert [square.level for square in made.squares] == [None, 0, 1, 2, 3, 4]
    assert [(square.column, square.line) for square in made.squares[:2]] == [(51, 6), (52, 0)]
    assert len(made.blanks) == 365 - 6
    assert made.newest_first[0].day.date == date(2026, 2, 6)
    assert calendar([], an_slo()) is None


def test_an_slo_without_data_has_a_page_without_charts() -> None:
    text = _client(an_unmeasured_snapshot()).get("/slos/checkout-availability").text
    assert "Nothing is known of this range." in text
    assert '<svg class="calendar"' not in text


def test_the_forecast_is_a_sentence_with_its_inputs_and_an_area() -> None:
    page = _client(a_snapshot()).get("/slos/checkout-availability").text
    section = page[page.index('id="forecast"') : page.index('id="days"')]
    assert re.search(r"The error budget is expected to|The error budget is exhausted by", section)
    assert "Learned from" in section
    (area,) = re.findall(r'class="band" d="M(0\.0 [^Z]*)Z"', section)
    assert "nan" not in section
    # Out along the lower bound and back along the upper one.
    assert area.endswith("L" + area.split("L")[0])


def test_why_there_is_no_forecast_is_said_and_a_group_has_none() -> None:
    young = replace(a_snapshot(), forecast=NoForecast.NOT_ENOUGH_HISTORY)
    page = _client(young).get("/slos/checkout-availability").text
    assert "No forecast: fewer than 3 days were measured so far." in page
    assert 'class="band"' not in page
    # A round of forecasts before the first samples has found no data; of old data it is right.
    for data, words in (
        (DataState.FRESH, "the mean burn rate must stay below"),
        (DataState.STALE, "there is no current data"),
    ):
        early = replace(a_snapshot(data=data), forecast=NoForecast.NO_DATA)
        assert words in _client(early).get("/slos/checkout-availability").text
    grouped = a_snapshot(an_slo(by=("route",)), group=(("route", "/pay"),))
    assert 'id="forecast"' not in _client(grouped).get("/slos/checkout-availability").text


def test_adjusted_figures_stand_beside_those_that_alerts_are_judged_by() -> None:
    adjusted = replace(a_snapshot(), counted=a_snapshot(bad=1_100))
    assert (
        "Adjustments</a> have changed these figures; without them -9.9%"
        in _client(adjusted).get(f"/slos/{adjusted.id}").text
    )
    assert "have changed these figures" not in _client(a_snapshot()).get(f"/slos/{adjusted.id}").text
