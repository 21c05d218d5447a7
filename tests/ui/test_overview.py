"""The overview: what needs attention, and what its URL chooses, groups, sorts and pages."""

import doctest
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from typing_extensions import override

from app.alerting import Notification
from app.clock import SystemClock
from app.slo import AlertState, Severity, SloId
from app.status import AlertView, Board, DataState, HealthState, Progress, Snapshot
from app.ui import BurnDowns, pages
from app.ui.overview import query, sparkline
from app.ui.overview.query import OverviewQuery
from tests.support.boards import large_board
from tests.support.notifications import firing
from tests.support.sites import TwoIncidents
from tests.support.snapshots import AS_OF, a_snapshot, an_slo, an_unmeasured_snapshot

FIRING = AlertView(severity=Severity.PAGE, state=AlertState.FIRING, since=AS_OF, tier="1h/5m")
FROZEN = AlertView(severity=Severity.PAGE, state=AlertState.FROZEN, since=AS_OF, tier=None, reason="the data is old")


def overview(*snapshots: Snapshot, told: tuple[Notification, ...] = (), prefix: str = "") -> TestClient:
    board = Board()
    board.publish(snapshots)
    board.set_notifications({each.key: each for each in told})
    return site(board, prefix=prefix)


def site(board: Board, *, prefix: str = "", lines: BurnDowns | None = None) -> TestClient:
    app = FastAPI()
    app.include_router(pages(board, clock=SystemClock(), prefix=prefix, burn_downs=lines or TwoIncidents()))
    return TestClient(app)


def attention(text: str) -> str:
    return text.partition('<section class="attention"')[2].partition("</section>")[0]


def table(text: str) -> str:
    return text.partition('<table class="slos">')[2].partition("</table>")[0]


def linked(text: str) -> list[str]:
    """The ids of the SLOs that are linked to, in their order."""
    return re.findall(r'href="/slos/([^"]+)"', text)


def services(http: TestClient, path: str) -> list[str]:
    return [each.partition("-")[0] for each in linked(table(http.get(path).text))]


def spent(service: str, bad: float = 3_000) -> Snapshot:
    return a_snapshot(an_slo(service), bad=bad, health=HealthState.EXHAUSTED)


def test_the_examples_hold() -> None:
    assert doctest.testmod(sparkline).failed == doctest.testmod(query).failed == 0


def test_the_worst_slo_comes_first_or_any_column_either_way() -> None:
    http = overview(
        a_snapshot(an_slo("fine")), an_unmeasured_snapshot(an_slo("dark")), spent("worse"), spent("worst", 9e3)
    )

    assert services(http, "/") == ["worst", "worse", "dark", "fine"]
    assert services(http, "/?sort=service&order=desc") == ["worst", "worse", "fine", "dark"]
    assert services(http, "/?sort=burn_rate&order=desc") == ["worst", "worse", "fine", "dark"]
    header = re.search(
        r'<th scope="col" class="num" aria-sort="descending"><a href="([^"]+)"[^>]*>Budget',
        http.get("/?sort=budget&order=desc").text,
    )
    assert header is not None
    assert header[1] == "/?sort=budget"


def test_alerts_come_first_by_time_to_exhaustion_with_those_of_slos_that_are_gone() -> None:
    told = tuple(
        firing(f"{service}-availability", spent=0.028, top_contributors='route="/<pay>" 82%', severity=severity)
        for service, severity in (("late", Severity.TICKET), ("soon", Severity.PAGE), ("removed", Severity.PAGE))
    )
    soon = a_snapshot(an_slo("soon"))
    soon = replace(soon, budget=replace(soon.budget, exhausted_at=AS_OF + timedelta(hours=1)))
    http = overview(a_snapshot(an_slo("late")), soon, told=told)

    text = http.get("/").text
    assert linked(attention(text)) == ["soon-availability", "removed-availability", "late-availability"]
    assert "route=&#34;/&lt;pay&gt;&#34; 82%" in attention(text)
    assert "2.8%" in attention(text)
    assert text.index("Needs attention now") < text.index('<table class="slos">')
    assert "<title>3 alerts · 0 exhausted, 0 at risk" in text
    assert linked(attention(http.get("/?service=late").text)) == ["late-availability"]


def test_what_is_exhausted_or_cannot_be_judged_needs_attention_too_and_says_why() -> None:
    burning = a_snapshot(an_slo("burning"), health=HealthState.AT_RISK)
    http = overview(burning, spent("login"), an_unmeasured_snapshot(an_slo("dark"), problem="no series match <x>"),
                    a_snapshot(an_slo("mail"), alerts=[FROZEN]), told=(firing("burning-availability"),))  # fmt: skip

    found = attention(http.get("/").text)
    assert linked(found) == [f"{service}-availability" for service in ("burning", "login", "dark", "mail")]
    assert "no series match &lt;x&gt;" in found
    assert "the data is old" in found


def test_history_that_is_being_read_is_no_failure_and_says_how_far_it_is() -> None:
    new = a_snapshot(an_slo("new"), health=HealthState.UNKNOWN, data=DataState.BACKFILLING, alerts=[FROZEN],
                     backfill=Progress(done_hours=180.0, wanted_hours=720.0))  # fmt: skip
    text = overview(new).get("/").text
    found = attention(text)
    assert linked(found) == ["new-availability"]
    assert "History is being read" in found
    assert "25% read" in found
    assert "Cannot be judged" not in found
    assert "Needs attention" not in text
    assert '<span class="ratio">–</span>' in text  # noqa: RUF001  an en dash


def test_that_nothing_needs_attention_is_said_only_where_it_is_known() -> None:
    assert "Nothing needs attention" in overview(a_snapshot()).get("/").text
    assert "Nothing needs attention" not in overview(a_snapshot(alerts=[FROZEN])).get("/").text
    assert "Nothing needs attention" not in overview(an_unmeasured_snapshot()).get("/").text
    empty = overview().get("/").text
    assert "Nothing needs attention" not in empty
    assert "No SLO has been evaluated yet" in empty


def test_the_rest_of_very_many_is_one_link_away() -> None:
    many = [spent(f"s{number}") for number in range(9)]
    told = tuple(firing(f"t{number}") for number in range(11))
    http = overview(*many, told=told)

    found = attention(http.get("/").text)
    assert len(linked(found)) == 8 + 6
    assert "3 more alerts" in found
    link = re.search(r'href="([^"]+)"[^>]*>3 more</a>', found)
    assert link is not None
    listed = http.get(link[1].replace("&amp;", "&")).text
    assert len(linked(table(listed))) == 9
    assert "Needs attention now" not in listed


def group_of(count: int, service: str, **changes: Any) -> list[Snapshot]:
    return [a_snapshot(an_slo(service, f"n{number:03}"), **changes) for number in range(count)]


def test_a_group_is_one_row_with_its_worst_member_and_opens_to_its_members() -> None:
    http = overview(*group_of(30, "calm"), *group_of(29, "busy"), a_snapshot(an_slo("busy", "spent"), bad=3e3, health=HealthState.EXHAUSTED))  # fmt: skip  # noqa: E501

    text = http.get("/").text
    assert linked(table(text)) == []
    assert re.findall(r"worst: (\w+)", table(text)) == ["spent", "n000"]
    assert "-199.2%" in table(text)
    (toggle,) = re.findall(r'id="toggle-busy"[^>]* aria-expanded="false" href="([^"]+)"', text)
    opened = http.get(toggle).text
    assert linked(table(opened))[0] == "busy-spent"
    assert len(linked(table(opened))) == 30
    (toggle,) = re.findall(r'id="toggle-busy"[^>]* aria-expanded="true" href="([^"]+)"', opened)
    assert toggle == "/"


def test_a_small_board_is_open_and_its_groups_can_be_closed() -> None:
    http = overview(*group_of(3, "cart"), *group_of(2, "mail"))
    assert len(services(http, "/")) == 5
    assert services(http, "/?close=cart") == ["mail", "mail"]


def test_slos_are_grouped_by_any_label_or_not_at_all() -> None:
    labelled = [a_snapshot(an_slo(name, labels=labels)) for name, labels in
                (("a", (("team", "x"),)), ("b", (("team", "y"),)), ("c", (("team", "x"),)), ("d", (("team", "y"),)), ("e", ()), ("f", ()))]  # fmt: skip  # noqa: E501
    http = overview(*labelled)

    heads = re.findall(r'aria-expanded="true"[^>]*>.*?</svg>([^<]+)</a>', table(http.get("/?group=label:team").text))
    assert heads == ["x", "y", "without team"]
    assert "aria-expanded" not in table(http.get("/?group=none").text)
    assert len(services(http, "/?group=none")) == 6


def test_the_members_of_a_grouped_slo_are_one_row_that_leads_to_the_whole() -> None:
    grouped = an_slo("cart", by=("route",))
    members = [a_snapshot(grouped, group=(("route", f"/{number}"),)) for number in range(4)]
    worst = a_snapshot(grouped, group=(("route", "/<pay>"),), bad=3e3, health=HealthState.EXHAUSTED)
    http = overview(*members, worst, a_snapshot(an_slo("cart", "latency")))

    text = table(http.get("/").text)
    assert linked(text) == ["cart-availability", "cart-latency"]
    assert "5 groups" in text
    assert "worst: route=/&lt;pay&gt;" in text
    assert len(linked(table(http.get("/?group=none").text))) == 6


def test_filters_are_in_the_url_and_each_can_be_taken_back() -> None:
    http = overview(
        a_snapshot(an_slo("cart", labels=(("team", "a&b"),))),
        a_snapshot(an_slo("mail"), alerts=[FIRING]),
        spent("login"),
    )  # fmt: skip

    assert services(http, "/?q=CART") == ["cart"]
    assert services(http, "/?status=exhausted&status=at_risk") == ["login"]
    assert services(http, "/?alert=firing") == ["mail"]
    assert services(http, "/?label=team%3Da%26b") == ["cart"]
    assert services(http, "/?service=cart&service=login&data=fresh&kind=counters") == ["login", "cart"]
    text = http.get("/?q=cart&status=meeting").text
    assert "1 of 3" in text
    removals = re.findall(r'<li><a href="([^"]+)"[^>]*title="Remove this filter"', text)
    assert removals == ["/?status=meeting", "/?q=cart"]
    assert "No SLO matches" in http.get("/?q=nothing").text
    odd = http.get("/?status=<fine>&page=-1&sort=up")
    assert (odd.status_code, "status=&lt;fine&gt; is not a filter" in odd.text) == (200, True)
    # There is no page 0: it would list nothing.
    assert "/slos/cart-availability" in table(http.get("/?page=00").text)


def test_cards_are_links_that_keep_other_filters_and_say_what_is_chosen() -> None:
    http = overview(a_snapshot(), spent("login"), spent("mail"))
    text = http.get("/?service=login&service=checkout&status=exhausted").text
    cards = re.findall(
        r'<li class="(\w+)(?: none)?"><a href="([^"]*)"[^>]*?(aria-current="true")?>.*?<strong>(\d+)', text
    )
    assert [(state, int(count)) for state, _, _, count in cards] == [
        ("exhausted", 1), ("at_risk", 0), ("unknown", 0), ("meeting", 1), ("firing", 0), ("frozen", 0)]  # fmt: skip
    assert [state for state, _, current, _ in cards if current] == ["exhausted"]
    assert cards[0][1] == "/?service=login&amp;service=checkout"
    assert cards[3][1] == "/?service=login&amp;service=checkout&amp;status=meeting"


def test_what_a_form_sends_becomes_a_short_link() -> None:
    http = overview(a_snapshot(), prefix="/burn")
    sent = "/?q=&group=service&service=&status=exhausted&alert=&sort=status&order=asc"
    response = http.get(sent, follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (303, "/burn/?status=exhausted")
    by_script = http.get(sent, headers={"HX-Request": "true", "HX-Source": "form#filters"}, follow_redirects=False)
    assert (by_script.status_code, by_script.headers["hx-push-url"]) == (200, "/burn/?status=exhausted")
    refreshed = http.get("/?status=exhausted", headers={"HX-Request": "true", "HX-Source": "main#main"})
    assert "hx-push-url" not in refreshed.headers


@pytest.mark.parametrize(
    "text",
    ["", "?q=a+b&service=x&service=y&label=team%3D%C3%A4&group=label%3Ateam&sort=budget&order=desc&open=c&page=3"],
)
def test_a_query_is_written_as_it_was_read(text: str) -> None:
    given = parse_qsl(text.removeprefix("?"))
    assert OverviewQuery.parse(given).canonical == text


def test_a_query_of_any_length_is_read_and_what_is_too_much_is_said() -> None:
    """Each filter has a link with all others: thousands would take minutes."""
    given = [("page", "9" * 5000), *(("service", f"s{number}") for number in range(5000))]
    query = OverviewQuery.parse(given)
    assert (len(query.service), query.unknown) == (200, ("what follows 200 values of service",))
    assert query.page > 1


class CountedLines(TwoIncidents):
    """Counts for how many SLOs a page asks for their lines."""

    def __init__(self) -> None:
        self.asked = 0

    @override
    def burn_downs(self, snapshots: Sequence[Snapshot]) -> Mapping[SloId, Sequence[float]]:
        self.asked = len(snapshots)
        return super().burn_downs(snapshots)


def test_ten_thousand_slos_are_a_page_of_few_rows() -> None:
    """What is asked of the engine, written and drawn is bounded; `make bench ARGS=scale` measures how long it takes."""
    lines = CountedLines()
    http = site(large_board(), lines=lines)
    for path, rows in (("/", 50), ("/?group=none", 100), ("/?group=none&page=100", 100), ("/?open=service-0345", 70)):
        text = http.get(path).text
        assert len(re.findall(r'<tr class="(?:slo|group)', text)) == rows
        assert len(text) < 200_000
        assert lines.asked == rows
    assert "Page 100 of 100" in http.get("/?group=none&page=9999").text


def test_a_sparkline_ends_at_what_is_left_and_never_leaves_its_box() -> None:
    assert sparkline.line([1.0, 1.0, 1.0, 0.5], 0.5) == "M0 2L80 2L120 14"
    deep = sparkline.line([1.0, -5.0, -99.0], -99.0)
    assert [float(y) for y in re.findall(r"[\d.]+ ([\d.]+)", deep)] == [2.0, 26.0, 26.0]
    assert sparkline.zero([1.0, -5.0], -5.0) == 14.0
    assert sparkline.line([], 0.5) == sparkline.line([1.0, 0.5], math.nan) == ""
