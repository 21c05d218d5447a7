"""What holds for every route: refusals are problem details that say what is wrong, and answers can be revalidated."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import httpx2
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from app.api.parameters import IGNORING_PARAMETERS
from tests.support.api import Served, listening
from tests.support.golden import golden
from tests.support.incidents import burning
from tests.support.snapshots import a_snapshot, an_slo

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
ENDING = {"/api/v1/stream": {"events": "1"}}
"""What an answer needs to have an end."""
_IDS = {"incidents": "5f2d", "groups": "search-availability"}
# As reviewed, which `test_openapi.py` compares with the application: all workers of pytest would describe that twice.
_DESCRIBED = json.loads(golden("openapi.json"))["paths"]
# Each path of the description with an id that exists.
PATHS = {
    path: path.format(
        id=next((id_ for part, id_ in _IDS.items() if part in path), "checkout-availability"), letter=7, name="default"
    )
    for path in _DESCRIBED
}
OPERATIONS = [(method.upper(), path) for path, methods in _DESCRIBED.items() for method in methods]
# What has to be reported, made or configured before it can be asked for, and answers of which no two are the same, have
# tests of their own.
_MADE_FIRST = (
    "/api/v1/events/",
    "/api/v1/adjustments/",
    "/api/v1/policies/",
    "/api/v1/gate",
    "/api/v1/backtests/",
    "/api/v1/tokens/",
    "/api/v1/reports/shared",
)
GETS = [path for method, path in OPERATIONS if method == "GET" and not path.startswith(_MADE_FIRST)]
JSON_GETS = [path for path in GETS if path not in {"/metrics", "/api/v1/adjustments.ics", *ENDING}]
JSON_GETS = [path for path in JSON_GETS if not path.endswith("/postmortem")]
# A path that is an id of another one.
_INSIDE = {"/api/v1/adjustments/import": "/api/v1/adjustments/{id}"}
_REPORTED = {"/api/v1/events", "/api/v1/adjustments", "/api/v1/backtests"}
# Asked by POST, as those who ask can do no other; they change nothing.
_ASKS = ("/api/v1/gate/hooks/", "/api/v1/canary", "/api/v1/gate/canary")
HISTORY = "/api/v1/slos/checkout-availability/history"


def with_an_incident() -> Served:
    """An application that shows an SLO, a member of a group, and an incident."""
    member = a_snapshot(an_slo("search", by=("route",)), group=(("route", "/find"),))
    served = Served.with_snapshots(a_snapshot(), member)
    served.incidents.record(burning())
    return served


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    """A client of one application in one event loop."""
    served = with_an_incident()
    served.token = "right"  # noqa: S105  a made-up token
    headers = {"Authorization": "Bearer right"}
    with TestClient(served.app(), headers=headers, raise_server_exceptions=False) as http:
        yield http


def problem(response: httpx2.Response) -> dict[str, Any]:
    """The problem that an answer holds, whole."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    document: dict[str, Any] = response.json()
    assert document["type"] == "about:blank"
    assert document["status"] == response.status_code
    assert document["title"] == HTTPStatus(response.status_code).phrase
    assert document["detail"]
    assert document["instance"] == response.request.url.raw_path.decode().partition("?")[0]
    return document


@pytest.mark.parametrize("path", PATHS)
def test_a_method_that_a_route_does_not_have_is_405_and_names_those_that_it_has(client: TestClient, path: str) -> None:
    own = {method for method, known in OPERATIONS if known == path}
    own |= {"HEAD"} if "GET" in own else set()
    for method in METHODS:
        if (method, path) not in OPERATIONS and (method, _INSIDE.get(path)) not in OPERATIONS:
            response = client.request(method, PATHS[path])

            assert (method, response.status_code) == (method, 405)
            allowed = response.headers["allow"]
            assert set(allowed.split(", ")) == own
            assert allowed in problem(response)["detail"]


@pytest.mark.parametrize(
    ("method", "path"), [(method, path) for method, path in OPERATIONS if path not in IGNORING_PARAMETERS]
)
def test_an_unknown_query_parameter_is_refused_by_every_route(client: TestClient, method: str, path: str) -> None:
    for query in ("nosuch=1", "nosuch", "Limit=1", "limit[]=1", "%6Cimit%00=1"):
        response = client.request(method, f"{PATHS[path]}?{query}")

        assert (query, response.status_code) == (query, 422)
        assert "unknown query parameter" in problem(response)["detail"]


@pytest.mark.parametrize("path", sorted(IGNORING_PARAMETERS))
def test_scrapes_and_probes_may_have_parameters_of_their_own(client: TestClient, path: str) -> None:
    """As `params` of a scrape configuration, `__param_module`, or what a load balancer adds against caches."""
    for query in ("format=prometheus", "collect[]=slo&collect[]=go", "t=1772366400", "x"):
        assert client.get(f"{path}?{query}").status_code == client.get(path).status_code


def test_a_parameter_that_is_no_list_is_given_once(client: TestClient) -> None:
    response = client.get("/api/v1/slos?limit=1&limit=2")

    assert response.status_code == 422
    assert "'limit'" in problem(response)["detail"]


def test_every_operation_has_an_id_that_stays() -> None:
    """Generated clients name their functions after them."""
    ids = {
        operation["operationId"]
        for methods in Served().app().openapi()["paths"].values()
        for operation in methods.values()
    }
    assert ids >= {
        "listSlos",
        "getSlo",
        "getSloHistory",
        "listAlerts",
        "listDeadLetters",
        "listIncidents",
        "getIncident",
        "getPostmortem",
        "markIncident",
        "addNote",
        "listTransitions",
        "retryDeadLetter",
        "getBuildInfo",
        "getConfig",
        "getHealth",
        "getHealthy",
        "getReady",
        "getMetrics",
        "reload",
    }


def test_what_changes_something_needs_the_security_scheme() -> None:
    schema = Served().app().openapi()

    assert schema["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            changes = method != "get" and not path.startswith(_ASKS)
            # Who may do what concerns only those who decide it.
            needs_token = changes or path.startswith(("/api/v1/tokens", "/api/v1/audit"))
            security = operation.get("security", [{}])
            assert ({} in security) is not needs_token, (method, path)
            assert not needs_token or all(one["token"] for one in security), (method, path)


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/v1",
        "/api/v1/slos/",
        "/api/v1/alerts/",
        "/api/v2/slos",
        "/API/v1/slos",
        "/metrics/",
        "/-/healthy/",
        "//api/v1/slos",
        "/%00",
        "/a%20b%0A%22",
        "/%F0%9F%98%80",
        "/%FF",
    ],
)
def test_a_path_without_a_route_is_not_found(live: httpx2.Client, path: str) -> None:
    response = live.get(str(live.base_url).rstrip("/") + path)

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert unquote(response.json()["instance"]) == unquote(path)
    assert response.json()["instance"].isascii()


@pytest.mark.parametrize(
    "query",
    [
        "limit=-1",
        "limit=1e3",
        "limit=1.5",
        "limit=",
        "limit=" + "9" * 30,
        "limit=" + "9" * 5_000,
        "limit=%D9%A1%D9%A0",
        "status=",
        "status=meeting,at_risk",
        "label=",
        "label=team",
        "label=%3Dx",
        "next=%FF",
        "next=a%20b",
        "next=====",
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/slos", "/api/v1/alerts"])
def test_a_list_refuses_what_it_cannot_use(client: TestClient, path: str, query: str) -> None:
    response = client.get(f"{path}?{query}")

    assert response.status_code == 422
    assert query.partition("=")[0] in problem(response)["detail"]


@pytest.mark.parametrize("cursor", ["bogus", "A", "AAAA", "bnVsbA", "WzFd", "W1tdXQ", "W1tbW1tb", "e30", "W" * 4_000])
@pytest.mark.parametrize("path", ["/api/v1/slos", "/api/v1/alerts"])
def test_a_cursor_that_no_page_has_given_is_not_found(client: TestClient, path: str, cursor: str) -> None:
    response = client.get(path, params={"next": cursor})

    assert response.status_code == 404
    assert "next" in problem(response)["detail"]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("from=", "from"),
        ("to=2026-02-01T00:00:00", "time zone"),
        ("from=2026-02-30T00:00:00Z", "from"),
        ("from=2026-W09-7T00:00:00Z", "from"),
        ("from=20260201T000000Z", "from"),
        ("from=1_000_000_000", "from"),
        ("from=inf", "from"),
        ("from=-1", "1971"),
        ("to=9999-12-31T23:59:59Z", "2200"),
        ("to=" + "9" * 400, "to"),
        ("step=", "step"),
        ("step=1ms", "step"),
        ("step=100y", "step"),
        ("step=" + "9" * 5_000 + "s", "step"),
        ("step=5m5m", "step"),
        ("from=2026-02-02T00:00:00Z&to=2026-02-01T00:00:00Z", "before"),
        ("from=2026-02-01T00:00:00Z&to=2026-02-01T00:00:00Z", "before"),
        ("step=1s", "points"),
        ("from=2026-02-01T00:00:00Z&from=2026-02-02T00:00:00Z", "more than once"),
    ],
)
def test_a_history_refuses_what_it_cannot_draw(client: TestClient, query: str, says: str) -> None:
    response = client.get(f"{HISTORY}?{query}")

    assert response.status_code == 422
    assert says in problem(response)["detail"]


@given(text=st.text(max_size=40), name=st.sampled_from(["from", "to", "step"]))
def test_no_time_or_step_is_an_error_of_the_service(client: TestClient, text: str, name: str) -> None:
    assert client.get(HISTORY, params={name: text.encode("utf-8", "ignore").decode()}).status_code in {200, 422}


_HEADER = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60)


@given(accept=_HEADER, encoding=_HEADER)
def test_no_accept_header_is_an_error_of_the_service(client: TestClient, accept: str, encoding: str) -> None:
    headers = {"Accept": accept, "Accept-Encoding": encoding}
    http = client

    assert http.get("/metrics", headers=headers).status_code == 200
    assert http.get("/api/v1/slos", headers=headers).headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain"),
        ("text/html", "text/plain"),
        ("application/openmetrics-text", "application/openmetrics-text; version=1.0.0"),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.1", "application/openmetrics-text"),
        ("application/openmetrics-text; version=one; escaping=;q=x", "text/plain"),
        ("application/openmetrics-text;version=9.9.9", "text/plain"),
        ("application/openmetrics-text;version=1.0.0;q=0,text/plain", "text/plain"),
        ("text/plain;version=1.0.0;escaping=allow-utf-8", "text/plain"),
    ],
)
def test_metrics_have_a_format_for_every_accept_header(client: TestClient, accept: str, content_type: str) -> None:
    response = client.get("/metrics", headers={"Accept": accept})

    assert response.headers["content-type"].startswith(content_type)
    assert "slo_objective_ratio" in response.text


def test_metrics_are_not_compressed_for_who_refuses_gzip(client: TestClient) -> None:
    response = client.get("/metrics", headers={"Accept-Encoding": "gzip;q=0, identity"})

    assert "content-encoding" not in response.headers


@pytest.fixture(scope="module")
def live() -> Iterator[httpx2.Client]:
    """A client of a real server, which may do everything."""
    served = with_an_incident()
    served.token = "right"  # noqa: S105  a made-up token
    headers = {"Authorization": "Bearer right"}
    with listening(served.app()) as url, httpx2.Client(base_url=url, headers=headers) as http:
        yield http


@pytest.mark.parametrize("path", GETS)
def test_head_has_the_headers_of_get_and_no_body(live: httpx2.Client, path: str) -> None:
    got, head = live.get(PATHS[path], params=ENDING.get(path)), live.head(PATHS[path])

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers.get("content-type") == got.headers["content-type"]
    assert head.headers.get("etag") == got.headers.get("etag")


@pytest.mark.parametrize("path", [*JSON_GETS, "/openapi.json", "/docs", "/docs/assets/swagger-ui-bundle.js"])
def test_an_answer_that_the_client_has_is_not_sent_again(client: TestClient, path: str) -> None:
    http = client
    url = PATHS.get(path, path)
    etag = http.get(url).headers["etag"]

    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = http.get(url, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
        assert "content-length" not in again.headers
    assert http.get(url, headers={"If-None-Match": '"other"'}).status_code == 200
    assert http.head(url, headers={"If-None-Match": etag}).status_code == 304


def test_the_tag_of_an_answer_changes_with_the_figures() -> None:
    served = Served.with_snapshots(a_snapshot())
    http = TestClient(served.app())
    before = http.get("/api/v1/slos").headers["etag"]

    served.board.publish([a_snapshot(bad=471.0)])

    assert http.get("/api/v1/slos", headers={"If-None-Match": before}).status_code == 200


def test_a_refusal_has_no_tag(client: TestClient) -> None:
    response = client.get("/api/v1/slos/nope", headers={"If-None-Match": "*"})

    assert response.status_code == 404
    assert "etag" not in response.headers
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff" * 100, b'{"a": 1}'])
def test_a_body_that_no_route_reads_changes_nothing(client: TestClient, body: bytes) -> None:
    for method, path in OPERATIONS:
        headers = {"Content-Type": "application/json"}
        response = client.request(method, PATHS[path], params=ENDING.get(path), content=body, headers=headers)

        # What is said of an incident or a token is read, and these bodies are nothing of it.
        is_read = path.endswith(("/mark", "/notes")) or (method == "PUT" and path.endswith("/postmortem"))
        is_read = is_read or (method, path) == ("POST", "/api/v1/tokens")
        without_body = {204} if method == "DELETE" else {404} if path.endswith("/retry") else {200}
        expected = {400, 422} if is_read else without_body
        if path.startswith((*_MADE_FIRST, "/api/v1/canary")) or (method == "POST" and path in _REPORTED):
            # Flagger is told by the status alone.
            expected = {200, 400, 401, 403, 404, 422, 503}
        assert (method, path, response.status_code in expected) == (method, path, True)


def test_counts_are_whole_numbers_where_events_are() -> None:
    text = TestClient(Served.with_snapshots(a_snapshot()).app()).get("/api/v1/slos/checkout-availability").text
    history = TestClient(Served.with_snapshots(a_snapshot()).app()).get(f"{HISTORY}?step=10d").text

    assert '"events":{"good":999530,"bad":470,"total":1000000}' in text
    assert '"good":9995.3,"bad":4.7,"total":10000,' in text
    assert '"good":99,"bad":1,"total":100,' in history


@pytest.mark.parametrize("count", [1e17, 1e300, float("inf"), float("nan")])
def test_a_count_beyond_whole_numbers_is_still_json(count: float) -> None:
    response = TestClient(Served.with_snapshots(a_snapshot(good=count)).app()).get("/api/v1/slos/checkout-availability")

    assert response.json()["events"]["good"] in {count, None}


def test_a_repeated_parameter_is_named_without_its_place(client: TestClient) -> None:
    response = client.get("/api/v1/slos", params=[("status", "meeting"), ("status", "fine")])
    assert response.status_code == 422
    assert response.json()["errors"][0].startswith("status='fine': ")
