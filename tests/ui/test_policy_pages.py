"""The pages of error budget policies: what may go ahead, exceptions, and the log of decisions."""

import html
import re
from dataclasses import replace
from datetime import timedelta

import httpx2
import pytest
from fastapi.testclient import TestClient

from app.gate import ExceptionRequest, GateCaller
from app.policy import BudgetPolicy, GateDecision, GateQuestion, GateRule, PolicyState
from app.slo import SloId
from app.status import DataState, Snapshot
from tests.support.api import Served
from tests.support.boards import HOSTILE, large_board
from tests.support.sites import TOKEN, site_of
from tests.support.snapshots import AS_OF, a_snapshot, an_slo

POLICY = BudgetPolicy(
    name="payments",
    states=(
        PolicyState(name="healthy", deploys=GateDecision.ALLOW),
        PolicyState(
            name="freeze",
            deploys=GateDecision.DENY,
            budget_left=0.0,
            leave_above=0.05,
            minimum_stay=timedelta(hours=12),
        ),
    ),
    rules=(GateRule(name="urgent", decision=GateDecision.ALLOW, changes=("fix",)),),
    owners=("ada",),
)


def _left(service: str, ratio: float, data: DataState = DataState.FRESH) -> Snapshot:
    snapshot = a_snapshot(an_slo(service))
    return replace(snapshot, budget=replace(snapshot.budget, remaining_ratio=ratio), data=data)


@pytest.fixture
def served() -> Served:
    """One service that is frozen, one that is fine, and one of which nothing is known."""
    served = Served(policies=(POLICY,), token=TOKEN)
    served.gate.load()
    served.board.publish([_left("fine", 0.6), _left("frozen", -0.031), _left("dark", 0.4, DataState.STALE)])
    served.gate.step(AS_OF)
    return served


@pytest.fixture
def http(served: Served) -> TestClient:
    return TestClient(site_of(served), follow_redirects=False)


def _text(answer: httpx2.Response) -> str:
    assert answer.status_code == 200
    main = answer.text.partition("<main")[2]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", main)).split())


def _services(http: TestClient, query: str = "") -> list[str]:
    return re.findall(r'<h3>.*?/\?service=([^"]*)"', http.get(f"/policy{query}").text)


def test_each_service_has_what_may_go_ahead_why_and_until_when_the_worst_first(http: TestClient) -> None:
    assert _services(http) == ["frozen", "dark", "fine"]
    seen = _text(http.get("/policy"))
    for words in (
        "deny frozen frozen-availability: -3.1% of the error budget is left, state freeze, which lasts at least 12h;",
        "; at least until 2026-03-02 00:00:00 UTC",
        "unknown dark dark-availability: its data is stale",
        "1 allow 0 warn 1 deny 1 unknown",
        "None: policies decide alone",
        "freeze do not go ahead when 0% of the budget or less is left when more than 5% is left, after 12h",
        "urgent : changes of kind fix go ahead.",
        "Owners: ada",
    ):
        assert words in seen
    assert re.search(r"Changes of states .*? frozen-availability – freeze -3.1% payments", seen)  # noqa: RUF001
    assert _services(http, "?decision=allow") == ["fine"]
    assert _services(http, "?service=dark") == ["dark"]
    assert "No service matches" in _text(http.get("/policy?service=nothing"))
    assert http.get("/policy?service=&decision=deny").headers["location"] == "/burn/policy?decision=deny"


def test_an_exception_is_listed_with_reason_owner_and_end_and_lets_changes_go_ahead(
    served: Served, http: TestClient
) -> None:
    ends_at = AS_OF + timedelta(hours=6)
    wanted = ExceptionRequest(
        reason=f"go live {HOSTILE}", owner="grace", starts_at=AS_OF, ends_at=ends_at, services=("frozen",)
    )
    exception = served.gate.add_exception(wanted)
    page = http.get("/policy")
    seen = _text(page)
    assert _services(http) == ["dark", "frozen", "fine"]
    for words in ("go live <img src=x", "grace", "services: frozen", f"exception {exception.id} by grace: go live"):
        assert words in seen
    assert "; until 2026-03-01 18:00:00 UTC" in seen
    assert "<img" not in page.text
    (why,) = re.findall(r"<p>(exception .*?)</p>", page.text, re.DOTALL)
    # A direction mark in a reason would turn the figures behind it.
    assert "\u202e" not in why
    served.clock.at = ends_at
    assert "1 that are over" in _text(http.get("/policy"))


def test_the_log_of_decisions_is_searched_by_its_address(served: Served, http: TestClient) -> None:
    for number in range(51):
        question = GateQuestion(service="fine", environment="prod", change=f"release-{number}")
        served.gate.ask(question, caller=GateCaller(name="jenkins", address="10.0.0.1"))
    served.gate.ask(GateQuestion(service="frozen"), caller=GateCaller(name="argo", address=""))
    seen = _text(http.get("/policy/decisions?decision=deny"))
    assert "argo" in seen
    assert "jenkins" not in seen
    assert "release-7" in _text(http.get("/policy/decisions?q=jenkins+release-7"))
    first = http.get("/policy/decisions?service=fine&environment=prod")
    older = re.search(r'rel="next" href="([^"]*)"', first.text)
    assert older is not None
    oldest = _text(http.get(html.unescape(older[1].removeprefix("/burn"))))
    assert "release-0" in oldest
    assert "release-1" not in oldest
    assert "No decision matches" in _text(http.get("/policy/decisions?from=2026-03-02"))
    assert "No decision matches" in _text(http.get("/policy/decisions?to=2026-02-28"))
    for wrong in ("from=yesterday", "before=x", "decision=maybe", "page=-1"):
        assert http.get(f"/policy/decisions?{wrong}").status_code == 200
        assert http.get(f"/policy?{wrong}").status_code == 200


@pytest.mark.parametrize("path", ["/policy", "/policy/decisions"])
def test_a_decision_that_there_is_not_is_said_to_be_ignored(http: TestClient, path: str) -> None:
    page = http.get(f"{path}?decision=maybe")
    assert "decision=maybe is not a filter of this page; it is ignored" in _text(page)
    assert ">Clear</a>" not in page.text
    assert ">Clear</a>" in http.get(f"{path}?decision=deny").text


def test_the_page_of_an_slo_says_what_may_go_ahead(http: TestClient) -> None:
    page = http.get(f"/slos/{SloId('frozen-availability')}")
    assert re.search(r"Changes: deny at least until .*? · state freeze since", _text(page))
    assert 'href="/burn/policy?service=frozen">error budget policy payments</a>' in page.text


def test_ten_thousand_slos_are_pages_of_few_services() -> None:
    served = Served(board=large_board())
    http = TestClient(site_of(served))
    page = http.get("/policy")
    assert len(_services(http)) == 25
    assert "Page 1 of 20, 500 services" in _text(page)
    assert len(page.content) < 60_000
    assert _services(http, "?page=20")[-1] == _services(http, "?page=99")[-1]
    assert "service-0001-latency-01" in http.get("/policy?service=service-0001").text


def test_without_anything_evaluated_there_is_nothing_to_decide() -> None:
    http = TestClient(site_of(Served()))
    assert "No SLO has been evaluated yet" in _text(http.get("/policy"))
    assert "No decision so far" in _text(http.get("/policy/decisions"))


_EXCEPTION = {"reason": "Fix of the <outage>", "owner": "ada", "lasts": "4h", "services": "frozen", "token": TOKEN}


def test_an_exception_is_added_and_ended_by_forms(served: Served, http: TestClient) -> None:
    assert http.post("/policy/exceptions/new", data=_EXCEPTION).headers["location"] == "/burn/policy#exceptions"
    (added,) = served.gate.exceptions()
    assert (added.owner, added.services, added.slos) == ("ada", ("frozen",), ())
    assert added.ends_at - added.starts_at == timedelta(hours=4)
    assert "Fix of the &lt;outage&gt;" in http.get("/policy").text
    assert served.gate.verdict(GateQuestion(service="frozen"), at=AS_OF).decision is GateDecision.WARN
    ended = http.post("/policy/exceptions/end", data={"id": added.id, "by": "bob", "token": TOKEN})
    assert ended.headers["location"] == "/burn/policy#exceptions"
    assert [one.ended_by for one in served.gate.exceptions()] == ["bob"]
    assert http.get("/policy/exceptions/new").headers["location"] == "/burn/policy#exceptions"


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"token": "wrong"}, 401),
        ({"reason": " \n"}, 422),
        ({"owner": ""}, 422),
        ({"lasts": "10y"}, 422),
        ({"services": "x" * 201}, 422),
    ],
)
def test_an_exception_that_cannot_be_is_shown_again_with_what_was_typed(
    served: Served, http: TestClient, changed: dict[str, str], status: int
) -> None:
    answer = http.post("/policy/exceptions/new", data=_EXCEPTION | {"changes": "fix*"} | changed)
    assert answer.status_code == status
    assert 'name="changes" value="fix*"' in answer.text
    assert not served.gate.exceptions()


def test_an_exception_goes_on_where_no_name_is_given(served: Served, http: TestClient) -> None:
    http.post("/policy/exceptions/new", data=_EXCEPTION)
    (added,) = served.gate.exceptions()
    assert http.post("/policy/exceptions/end", data={"id": added.id, "by": " ", "token": TOKEN}).status_code == 422
    assert served.gate.active_exceptions(AS_OF)
