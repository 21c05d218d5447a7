import asyncio
import gzip
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from pydantic import TypeAdapter
from starlette.types import Message

from app.alerting import SLO_REMOVED, End, EndCode, Transition, TransitionKind
from app.api.models import AlertsModel, DeadLettersModel, ReceiverStatusListModel
from app.slo import AlertState, Cause, Severity, SloId
from app.status import AlertView, ReceiverStatus, ReloadOutcome, Snapshot
from app.store.dead_letters import DeadLetter
from app.store.receiver_records import ReceiverRecord
from app.wording.sentences import description
from tests.support.api import Served
from tests.support.notifications import firing
from tests.support.snapshots import AS_OF, a_snapshot, an_slo

FIRING = AlertView(severity=Severity.PAGE, state=AlertState.FIRING, since=AS_OF, tier="1h/5m")
RELOAD = "/-/reload"


def test_alerts_in_force_come_with_their_slo_and_the_newest_transitions() -> None:
    served = Served.with_snapshots(a_snapshot(), a_snapshot(an_slo("search"), alerts=[FIRING]))
    told = firing("search-availability", starts_at=AS_OF, spent=0.028, top_contributors='route="/pay" 82%')
    served.board.set_notifications({told.key: told})
    served.alerts.transitions = [
        Transition(
            at=AS_OF,
            slo=SloId("search-availability"),
            severity=Severity.PAGE,
            kind=TransitionKind.FIRED,
            incident="5eed",
            tier="1h/5m",
        )
    ] * 3

    document = TestClient(served.app()).get("/api/v1/alerts?limit=2").json()

    assert document["items"] == [
        {
            "slo": "search-availability",
            "service": "search",
            "name": "availability",
            "group": {},
            "severity": "page",
            "state": "firing",
            "since": "2026-03-01T12:00:00Z",
            "tier": "1h/5m",
            "reason": None,
            "cause": "burn",
            "last_end": None,
            "url": "https://slo.example.org/burn/slos/search-availability",
            "silence": None,
            "incident": "5f2d",
            "summary": "checkout availability is burning its error budget at 20x",
            "description": description(told),
            "burn_rate_long": 20.0,
            "burn_rate_short": 36.0,
            "good": 98_000.0,
            "bad": 2_000.0,
            "incident_spent": pytest.approx(0.028),
            "budget_remaining": 0.4,
            "exhausted_at": "2026-03-02T02:24:00Z",
            "first_bad_at": None,
            "last_bad_at": None,
            "top_contributors": 'route="/pay" 82%',
            "runbook_url": "https://runbooks/slo",
            "dashboard": None,
        }
    ]
    TypeAdapter(AlertsModel).validate_python(document)
    assert (
        document["transitions"]
        == [
            {
                "at": "2026-03-01T12:00:00Z",
                "slo": "search-availability",
                "severity": "page",
                "cause": "burn",
                "kind": "fired",
                "incident": "5eed",
                "tier": "1h/5m",
                "reason": None,
                "end_code": None,
            }
        ]
        * 2
    )


@pytest.mark.parametrize(
    ("end", "reason"), [(End(code=EndCode.BURN_STOPPED), "the burn has stopped"), (SLO_REMOVED, "the SLO was removed")]
)
def test_why_an_alert_ended_is_a_code_and_a_sentence(end: End, reason: str) -> None:
    ended = replace(FIRING, state=AlertState.INACTIVE, since=None, tier=None, ended_at=AS_OF, ended=end)
    served = Served.with_snapshots(a_snapshot(alerts=[ended]))
    resolved = Transition(
        at=AS_OF, slo=SloId("x"), severity=Severity.PAGE, kind=TransitionKind.RESOLVED, incident=None, tier=None
    )
    served.alerts.transitions = [resolved.ended_by(end)]
    client = TestClient(served.app())
    (change,) = client.get("/api/v1/alerts").json()["transitions"]
    (alert,) = client.get("/api/v1/slos/checkout-availability").json()["alerts"]
    assert (change["end_code"], change["reason"]) == (end.code, reason)
    assert alert["last_end"] == {"at": "2026-03-01T12:00:00Z", "code": end.code, "reason": reason}


def test_an_alert_of_which_nobody_is_told_has_a_link_and_no_words() -> None:
    """One that waits, and a ticket for which a page speaks; the words of the page are not taken for its own."""
    muted = AlertView(severity=Severity.TICKET, state=AlertState.MUTED, since=AS_OF, tier="1d/2h")
    pending = AlertView(severity=Severity.PAGE, state=AlertState.PENDING, since=AS_OF, tier="1h/5m")
    served = Served.with_snapshots(a_snapshot(alerts=[FIRING, muted]), a_snapshot(an_slo("search"), alerts=[pending]))
    served.board.set_notifications({firing().key: firing()})

    document = TestClient(served.app()).get("/api/v1/alerts").json()

    assert [(item["slo"], item["severity"], item["state"], item["summary"] is None) for item in document["items"]] == [
        ("checkout-availability", "page", "firing", False),
        ("search-availability", "page", "pending", True),
        ("checkout-availability", "ticket", "muted", True),
    ]
    assert [item["url"].rpartition("/")[2] for item in document["items"]] == [item["slo"] for item in document["items"]]
    TypeAdapter(AlertsModel).validate_python(document)


def test_alerts_are_in_the_order_in_which_budgets_run_out() -> None:
    def lasting(service: str, hours: float | None, *, bad: float = 470) -> Snapshot:
        one = a_snapshot(an_slo(service), alerts=[FIRING], bad=bad)
        until = None if hours is None else AS_OF + timedelta(hours=hours)
        return replace(one, budget=replace(one.budget, exhausted_at=until))

    served = Served.with_snapshots(
        lasting("lasts", None), lasting("tomorrow", 24), lasting("gone", None, bad=5000), lasting("soon", 1)
    )
    items = TestClient(served.app()).get("/api/v1/alerts").json()["items"]
    assert [item["service"] for item in items] == ["gone", "soon", "tomorrow", "lasts"]


def test_the_members_of_a_group_share_what_is_told_of_the_whole() -> None:
    blind = AlertView(
        severity=Severity.TICKET, state=AlertState.FIRING, since=AS_OF, tier="no data", cause=Cause.NO_DATA
    )
    served = Served.with_snapshots(a_snapshot(group=(("route", "/pay"),), alerts=[blind]))
    told = firing(
        severity=Severity.TICKET,
        cause=Cause.NO_DATA,
        condition="no data ever",
        burn_rate_long=math.nan,
        burn_rate_short=math.nan,
        budget_remaining=math.nan,
        good=math.nan,
        bad=math.nan,
    )
    served.board.set_notifications({told.key: told})

    (item,) = TestClient(served.app()).get("/api/v1/alerts").json()["items"]

    assert item["summary"] == "checkout availability: no data ever"
    assert [item[name] for name in ("burn_rate_long", "bad", "incident_spent", "budget_remaining")] == [None] * 4


def test_the_build_and_the_configuration_are_told_with_secrets_masked() -> None:
    http = TestClient(Served().app())

    assert http.get("/api/v1/status/buildinfo").json() == {"version": "1.2.3", "python": "3.11.0"}
    config = http.get("/api/v1/status/config").json()
    assert config["settings"]["prometheus_password"] == "*" * 10
    assert (config["spec_digest"], config["last_reload_successful"]) == ("0123abcd", True)
    assert config["last_reload_at"] == "2026-03-01T11:00:00Z"


@pytest.mark.parametrize("path", ["/-/ready", "/api/v1/status/health"])
def test_what_is_wrong_is_said_where_it_is_asked_for_and_nowhere_else(path: str) -> None:
    served = Served()
    http = TestClient(served.app())
    assert http.get(path).status_code == 200

    reasons = ["Prometheus does not answer", "no tick has ended"]
    served.readiness.given = reasons if path == "/-/ready" else []
    served.readiness.unhealthy = reasons

    response = http.get(path)
    assert (response.status_code, response.headers["content-type"]) == (503, "application/problem+json")
    assert response.json()["errors"] == reasons
    assert http.get("/-/healthy").status_code == 200
    if path != "/-/ready":
        assert http.get("/-/ready").json() == {"status": "ready"}


def test_metrics_come_in_the_format_and_encoding_that_is_asked_for() -> None:
    http = TestClient(Served.with_snapshots(a_snapshot()).app())

    text = http.get("/metrics", headers={"Accept-Encoding": "identity"})
    assert text.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'slo_objective_ratio{slo="checkout-availability"' in text.text
    assert "content-encoding" not in text.headers

    openmetrics = http.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert openmetrics.headers["content-encoding"] == "gzip"
    assert openmetrics.text.endswith("# EOF\n")

    with http.stream("GET", "/metrics") as raw:
        assert b"slo_info" in gzip.decompress(b"".join(raw.iter_raw()))


def test_reload_is_forbidden_without_a_configured_token() -> None:
    served = Served()

    response = TestClient(served.app()).post(RELOAD, headers={"Authorization": "Bearer "})

    assert response.status_code == 403
    assert "SIGHUP" in response.json()["detail"]
    assert served.reloader.reloads == 0


@pytest.mark.parametrize("authorization", [None, "", "Bearer wrong", "Basic right", "Bearer", "right"])
def test_reload_needs_the_token(authorization: str | None) -> None:
    served = Served(token="right")  # noqa: S106  a made-up token

    headers = {} if authorization is None else {"Authorization": authorization}
    response = TestClient(served.app()).post(RELOAD, headers=headers)

    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    assert served.reloader.reloads == 0


def test_reload_tells_how_many_slos_are_in_force_or_every_error() -> None:
    served = Served(token="right")  # noqa: S106  a made-up token
    http = TestClient(served.app(), headers={"Authorization": "Bearer right"})
    assert http.post(RELOAD).json() == {"slos": 3}

    served.reloader.outcome = ReloadOutcome(slos=3, errors=("a.yaml:3: objective: ...", "b.yaml:1: ..."))

    response = http.post(RELOAD)
    assert response.status_code == 422
    assert response.json()["errors"] == ["a.yaml:3: objective: ...", "b.yaml:1: ..."]

    served.reloader.outcome = ReloadOutcome(slos=3, unavailable="the database cannot be used: disk I/O error")
    response = http.post(RELOAD)
    assert (response.status_code, "disk I/O error" in response.json()["detail"]) == (503, True)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("GET", "/api/v1/slos/", 404), ("DELETE", "/api/v1/slos", 405), ("GET", RELOAD, 405)],
)
def test_errors_are_problem_details(method: str, path: str, status: int) -> None:
    response = TestClient(Served().app()).request(method, path)

    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    problem = response.json()
    assert (problem["type"], problem["status"], problem["instance"]) == ("about:blank", status, path)
    assert problem["title"]
    assert problem["detail"]


def test_an_unexpected_error_is_a_problem_that_gives_nothing_away() -> None:
    served = Served()
    app = served.app()

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("password=hunter2")

    response = TestClient(app, raise_server_exceptions=False).get("/broken")

    assert (response.status_code, response.headers["content-type"]) == (500, "application/problem+json")
    assert "hunter2" not in response.text
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/api/v1/slos", "/metrics", "/nowhere", "/docs", "/openapi.json"])
def test_every_answer_carries_security_headers(path: str) -> None:
    headers = TestClient(Served().app()).get(path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == ("no-cache" if "etag" in headers else "no-store")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"] or path == "/docs"


def test_a_large_body_is_refused() -> None:
    served = Served(token="right")  # noqa: S106  a made-up token

    response = TestClient(served.app()).post(RELOAD, content=b"x" * (1 << 20) + b"x")

    assert (response.status_code, response.headers["content-type"]) == (413, "application/problem+json")
    assert response.headers["x-content-type-options"] == "nosniff"


def test_a_client_that_goes_away_within_its_body_is_no_error_of_the_service() -> None:
    """Each would write a traceback into the log."""
    messages: list[Message] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/api/v1/events", "query_string": b"", "headers": []}
    asyncio.run(Served().app()(scope, receive, send))
    assert [message["status"] for message in sent if "status" in message] == [400]


def test_head_is_answered_where_get_is() -> None:
    http = TestClient(Served().app())

    assert http.head("/-/ready").status_code == 200
    assert http.head("/metrics").status_code == 200


def test_the_docs_page_loads_only_what_the_service_serves() -> None:
    http = TestClient(Served().app())

    page = http.get("/docs")

    assert "http" not in page.text
    for asset in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js"):
        assert f"docs/assets/{asset}" in page.text
        assert http.get(f"/docs/assets/{asset}").status_code == 200


def _letter(number: int) -> DeadLetter:
    at = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    return DeadLetter(
        id=number,
        receiver="oncall",
        alert_key="checkout-availability/page",
        status="firing",
        created_at=at,
        ended_at=at,
        attempts=3,
        error="400 invalid event",
    )


def test_what_was_given_up_is_listed() -> None:
    served = Served()
    served.deliveries.given = [_letter(7), _letter(3)]
    page = TestClient(served.app()).get("/api/v1/notifications/dead?limit=1").json()
    assert len(TypeAdapter(DeadLettersModel).validate_python(page)["items"]) == 1
    rest = TestClient(served.app()).get(f"/api/v1/notifications/dead?next={page['next']}").json()
    assert ([letter["id"] for letter in rest["items"]], rest["next"]) == ([3], None)
    assert page["items"] == [
        {
            "id": 7,
            "receiver": "oncall",
            "alert": "checkout-availability/page",
            "status": "firing",
            "created_at": "2026-03-01T12:00:00Z",
            "ended_at": "2026-03-01T12:00:00Z",
            "attempts": 3,
            "error": "400 invalid event",
        }
    ]


def test_receivers_are_listed_with_their_last_success_and_what_waits() -> None:
    served, at = Served(), datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    record = ReceiverRecord(last_success_at=at, waiting=2, failing_since=at, error="timeout", dead_letters=1)
    served.deliveries.listed = [
        ReceiverStatus(name="oncall", is_configured=True, record=record, accepted=5, failures={"timeout": 3})
    ]
    listed = TestClient(served.app()).get("/api/v1/receivers").json()
    TypeAdapter(ReceiverStatusListModel).validate_python(listed)
    assert listed["items"] == [
        {
            "name": "oncall",
            "configured": True,
            "last_success_at": "2026-03-01T12:00:00Z",
            "failing_since": "2026-03-01T12:00:00Z",
            "error": "timeout",
            "waiting": 2,
            "dead_letters": 1,
            "accepted": 5,
            "failures": {"timeout": 3},
        }
    ]


def test_it_is_tried_again_for_the_bearer_of_the_token_only() -> None:
    served = Served(token="open sesame")  # noqa: S106  # of no service
    served.deliveries.given = [_letter(7)]
    client = TestClient(served.app())
    path = "/api/v1/notifications/dead/7/retry"
    assert client.post(path).status_code == 401
    forbidden = TestClient(Served().app()).post(path)
    assert forbidden.status_code == 403
    # A reload is no other way to a notification.
    assert "SIGHUP" not in forbidden.json()["detail"]
    assert served.deliveries.retried == []
    headers = {"Authorization": "Bearer open sesame"}
    assert client.post(path, headers=headers).json() == {"id": 7}
    assert client.post(path.replace("7", "8"), headers=headers).status_code == 404
    assert client.post(path.replace("7", "x"), headers=headers).status_code == 422
    assert served.deliveries.retried == [7, 8]
