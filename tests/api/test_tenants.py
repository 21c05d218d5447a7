"""Nobody of one tenant learns anything of another: every route, page and tool is asked for it.

What is asked is made of the routes themselves, so that a new one is asked too.
"""

import json
from collections.abc import Iterator, Mapping
from contextvars import Context
from dataclasses import dataclass, fields
from datetime import timedelta
from functools import cached_property
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response

from app.access import AccessScope, ForwardRules
from app.access.scopes import OF_THE_SERVICE
from app.api import ApiData
from app.api.needs import declared_needs
from app.api.tenants import SAME_FOR_ALL, seen_by_readers
from app.changes import Change
from app.reports import SHARED_PATH, report_question, signed_query
from app.slo import Tenants
from app.store.changes import ChangeFilter
from tests.mcp.test_endpoint import play
from tests.support.api import Served
from tests.support.sites import site_of
from tests.support.snapshots import AS_OF
from tests.support.tenants import ADJUSTMENTS, ASKS, INCIDENTS, OTHER, PASSED, TENANTS, WORDS, two_tenants
from tests.support.tokens import token_of

OWN_SCOPES = frozenset(AccessScope) - OF_THE_SERVICE
# What a JSON body of an operation may name of another tenant; `None` where it names nothing.
_SPAN = {"starts_at": "2026-03-01T12:00:00Z", "ends_at": "2026-03-01T13:00:00Z"}
_TIME = {"start": "2026-03-01T12:00:00", "duration_seconds": 60, "effect": "exclude", "category": "other"}
BODIES: Mapping[str, Mapping[str, Any] | None] = {
    "addAdjustment": {**_TIME, "reason": "r", "author": "a", "slos": [f"{OTHER}/checkout-availability"]},
    "changeAdjustment": {**_TIME, "reason": "r", "author": "a", "slos": [f"{OTHER}/checkout-availability"]},
    "addGateException": {**_SPAN, "reason": "r", "owner": "o", "slos": [f"{OTHER}/checkout-availability"]},
    "endGateException": {"by": "b"},
    "askGateFromFlagger": {"name": "n", "namespace": "x", "phase": "p", "metadata": {"service": f"{OTHER}/checkout"}},
    "compareVersionsForFlagger": {
        "name": "n",
        "namespace": "x",
        "phase": "p",
        "metadata": {"slo": f"{OTHER}/checkout-availability", "label": "v", "baseline": "1", "canary": "2"},
    },
    "reportEvent": {"kind": "deploy", "service": f"{OTHER}/checkout", "version": "9"},
    "markIncident": {"mark": "noise"},
    "addNote": {"text": "t", "author": "a"},
    "notePostmortem": {"author": "a", "url": "https://example.org"},
    "startBacktest": {"slos": [f"{OTHER}/checkout-availability"]},
    "createToken": {"name": "x", "scopes": ["read"], "expires_at": None},
    "importAdjustments": None,
}


@dataclass(frozen=True)
class World:
    """An application of two tenants, and who asks it."""

    served: Served
    app: FastAPI
    client: TestClient
    names: Mapping[str, list[str]]

    @cached_property
    def operations(self) -> Mapping[tuple[str, str], Mapping[str, Any]]:
        """The operations of the OpenAPI document, by path and method."""
        paths = self.app.openapi()["paths"]
        return {(path, method): one for path, known in paths.items() for method, one in known.items()}

    @cached_property
    def routes(self) -> list[tuple[str, str]]:
        """The path and the method of every route, of the API and of the pages."""
        every = [(path, method) for path, method, _ in declared_needs(self.app) if method not in {"head", "options"}]
        # Those are files of the release.
        return [one for one in every if not one[0].startswith(("/docs/", "/static/", "/openapi.json"))]

    def ask(self, token: str | None, method: str, url: str, rest: Mapping[str, Any]) -> Response:
        """The answer to a request of somebody with a token."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return self.client.request(method, url, headers=headers, **rest)

    def questions(self, tenant: str, *, reads: bool) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
        """The path of a route, the method, the address and the rest of each request for what a tenant has."""
        for path, method in self.routes:
            if reads and method != "get":
                continue
            operation = self.operations.get((path, method), {})
            rest: dict[str, Any] = {"params": dict(_required(operation, tenant))}
            body = BODIES.get(operation.get("operationId", ""))
            if body is not None:
                rest["json"] = json.loads(json.dumps(body).replace(OTHER, tenant))
            elif not operation and method == "post":
                rest["data"] = _form(tenant)
            if "{" not in path:
                yield path, method, path, rest
                for name, value in _filters(operation, tenant):
                    yield path, method, path, {**rest, "params": {**rest["params"], name: value}}
                continue
            for one in self.names[tenant]:
                yield path, method, _filled(path, one), rest


def _filled(path: str, value: str) -> str:
    before, _, after = path.partition("{")
    rest = after.partition("}")[2]
    return before + quote(value, safe="/:=") + (_filled(rest, value) if "{" in rest else rest)


def _required(operation: Mapping[str, Any], tenant: str) -> Iterator[tuple[str, str]]:
    for one in operation.get("parameters", ()):
        if one["in"] == "query" and one["name"] == "events":
            # An answer that ends.
            yield "events", "1"
        elif one["in"] == "query" and one.get("required"):
            numbers = one["schema"].get("type") == "integer"
            yield one["name"], "1" if numbers else f"{tenant}/checkout-availability"


def _filters(operation: Mapping[str, Any], tenant: str) -> Iterator[tuple[str, str]]:
    given = [one for one in operation.get("parameters", ()) if one["in"] == "query" and "enum" not in one["schema"]]
    texts = [one["name"] for one in given if one["schema"].get("type") in {None, "string", "array"}]
    # Pages have no description; these are what they are filtered by.
    for name in texts if operation else ["q", "service", "label", "slo"]:
        yield name, _VALUES.get(name, "{}/checkout-availability").format(tenant)


_VALUES = {"service": "{}/checkout", "label": "tenant={}", "q": "{}", "by": "label:tenant", "caller": "{}"}


def _form(tenant: str) -> dict[str, str]:
    return {
        "slos": f"{tenant}/checkout-availability",
        "services": f"{tenant}/checkout",
        "letter": "1",
        "id": INCIDENTS[tenant],
        "incident": INCIDENTS[tenant],
        "exception": "1",
        "text": "t",
        "author": "a",
        "by": "b",
        "reason": "r",
        "owner": "o",
        "hours": "1",
        "mark": "noise",
        "next": "/",
    }


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    served = two_tenants()
    # Before the sweep makes more of the tenant that asks.
    names = {tenant: names_of(served, tenant) for tenant in WORDS}
    app = site_of(served)
    with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as client:
        yield World(served, app, client, names)


@pytest.fixture(scope="module")
def token(world: World) -> str:
    return token_of(world.served, *OWN_SCOPES, name="of acme", tenant=ASKS)


def test_every_port_has_a_view_or_is_the_same_for_all() -> None:
    data = two_tenants().data
    seen = seen_by_readers(data)
    same = {one.name for one in fields(ApiData) if getattr(seen, one.name) is getattr(data, one.name)}
    # The stream is the same, over another board.
    assert same == SAME_FOR_ALL | {"stream"}


def test_every_body_is_known_here(world: World) -> None:
    with_body = {one["operationId"] for one in world.operations.values() if "requestBody" in one}
    assert with_body == set(BODIES)


def test_nobody_learns_anything_of_another_tenant(world: World, token: str) -> None:
    """Not even whether something is there: the answer is that of what is not."""
    before = kept_of(world.served, OTHER)
    # First what does not name the other tenant: the log of the gate, for one, has what was asked.
    questions = sorted(world.questions(OTHER, reads=False), key=lambda one: OTHER in repr(one))
    assert len(questions) > 500
    for path, method, url, rest in questions:
        check_nothing_of_the_other(world, token, path, (method, url, rest))
    assert kept_of(world.served, OTHER) == before


def check_nothing_of_the_other(world: World, token: str, path: str, where: tuple[str, str, Mapping[str, Any]]) -> None:
    """Ask for something, and for the same that nobody has."""
    method, url, rest = where
    answer = world.ask(token, *where)
    assert answer.status_code in {*range(500), 503}, (where, answer.text)
    assert WORDS[OTHER] not in answer.text + repr(answer.headers), (where, answer.text)
    if OTHER not in repr(where):
        assert OTHER not in answer.text, (where, answer.text)
    if "{" in path and path.startswith("/api/"):
        nothing = world.ask(token, method, nothing_like(url), json.loads(nothing_like(json.dumps(rest))))
        assert answer.status_code == nothing.status_code, (where, answer.text)


def names_of(served: Served, tenant: str) -> list[str]:
    """What a tenant has, by ids that do not have its word in them."""
    (change,) = (one for one in listed_changes(served) if one.service == f"{tenant}/checkout")
    (exception,) = (one for one in served.gate.exceptions() if one.tenant == tenant)
    (job,) = (one for one in served.backtests.jobs.listed() if one.plan.slos[0].tenant == tenant)
    (letter,) = (one for one in served.deliveries.given if one.alert_key.startswith(tenant))
    slos = [f"{tenant}/checkout-availability", f"{tenant}/search-speed", f"{tenant}/search-speed:route=/"]
    ids = [INCIDENTS[tenant], PASSED[tenant], ADJUSTMENTS[tenant], change.id, exception.id, job.id, str(letter.id)]
    return [*slos, f"{tenant}/checkout", f"{tenant}/strict", *ids]


def listed_changes(served: Served) -> list[Change]:
    """All changes of all tenants."""
    return [*served.incidents.changes.listed(ChangeFilter(), limit=100)]


def nothing_like(text: str) -> str:
    """A text that names what nobody has where this one names what the other tenant has."""
    for known in (OTHER, *INCIDENTS.values(), *PASSED.values(), *ADJUSTMENTS.values()):
        text = text.replace(known, known[::-1] if known != OTHER else "nobody")
    return text


def kept_of(served: Served, tenant: str) -> object:
    """Everything that is kept of a tenant and can be changed by requests."""
    kept = served.incidents
    return (
        [kept.log.find(one) for one in (INCIDENTS[tenant], PASSED[tenant])],
        kept.adjustments.find(ADJUSTMENTS[tenant]),
        [one for one in served.gate.exceptions() if one.tenant == tenant],
        [one for one in listed_changes(served) if one.service.startswith(tenant)],
        [one.id for one in served.backtests.jobs.listed() if one.plan.slos[0].tenant == tenant],
    )


def test_a_tenant_sees_of_its_own_what_an_administrator_sees_of_any(world: World, token: str) -> None:
    """The sweep finds something where there is something, and a tenant lacks nothing but what is of the service."""
    shown: dict[str, set[str]] = {}
    # It would be on every page of who sees all.
    world.served.readiness.unhealthy.clear()
    for who, tenant in (("for all", OTHER), (token, ASKS)):
        for path, method, url, rest in world.questions(tenant, reads=True):
            found = shown.setdefault(who, set())
            if path not in found and WORDS[tenant] in world.ask(who, method, url, rest).text:
                found.add(path)
    of_the_service = {
        "/api/v1/audit",
        "/api/v1/status/config",
        "/audit",
        "/status",
    }
    assert shown["for all"] - shown[token] <= of_the_service
    assert len(shown[token]) > 30
    assert shown[token] >= {
        "/",
        "/metrics",
        "/alerts",
        "/api/v1/slos",
        "/api/v1/alerts",
        "/api/v1/incidents",
        "/api/v1/events",
        "/api/v1/adjustments",
        "/api/v1/adjustments.ics",
        "/api/v1/gate/decisions",
        "/api/v1/gate/exceptions",
        "/api/v1/reports",
        "/api/v1/policies/{name}/page",
        "/api/v1/slos/{id}/history",
        "/api/v1/status/sources",
    }


def test_figures_of_all_are_those_of_the_tenant(world: World, token: str) -> None:
    """Numbers name nobody, and say something of others all the same."""
    stream = {"params": {"events": "1"}}
    for who, slos in ((token, 3), ("for all", 6)):
        assert f'"slos":{slos},' in world.ask(who, "get", "/api/v1/stream", stream).text
    links = {who: '/status"' in world.ask(who, "get", "/", {}).text for who in (token, "for all")}
    assert links == {token: False, "for all": True}


def test_a_signed_link_shows_what_it_was_signed_for(world: World) -> None:
    """Who opens it has no token: its labels, which are signed too, say whose report it is."""
    question = report_question(period="month", at="2026-02-11", now=AS_OF, labels=frozenset({("tenant", ASKS)}))
    secret = world.served.report_link_secret or ""
    query = signed_query(question, secret=secret, expires_at=AS_OF + timedelta(days=1))
    page = world.ask(None, "get", f"{SHARED_PATH}?{query}", {})
    assert (page.status_code, f"{ASKS}/checkout" in page.text, OTHER in page.text) == (200, True, False)
    other = query.replace(ASKS, OTHER)
    assert world.ask(None, "get", f"{SHARED_PATH}?{other}", {}).status_code == 403


def test_tools_of_assistants_see_what_their_token_does(world: World, token: str) -> None:
    async def script(assistant: Any) -> None:
        listed = await assistant.client.list_tools()
        asked = 0
        for tool in listed.tools:
            # One of each kind: tools ask routes, which the sweep has asked for everything.
            for name in (world.names[OTHER][0], world.names[OTHER][3], INCIDENTS[OTHER]):
                result = await assistant.client.call_tool(tool.name, _arguments(tool.input_schema, name))
                text = repr(result)
                assert WORDS[OTHER] not in text, (tool.name, name, text)
                asked += 1
        assert asked > 30
        own = await assistant.ask("explain_slo", slo=f"{ASKS}/checkout-availability")
        assert WORDS[ASKS] in repr(own)

    play(world.served, script, token=token)


def _arguments(schema: Mapping[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for argument, one in schema["properties"].items():
        kinds = {one.get("type"), *(each.get("type") for each in one.get("anyOf", ()))}
        if "enum" in repr(one) or argument in {"cursor", "since", "until", "start", "end"}:
            continue
        if "array" in kinds:
            found[argument] = [name]
        elif "string" in kinds:
            found[argument] = name
    return found


def test_who_has_no_token_reads_nothing_where_there_are_tenants(world: World) -> None:
    # A route refuses before it looks at what is asked.
    asked = {path: (method, url, rest) for path, method, url, rest in world.questions(ASKS, reads=True)}
    for path, (method, url, rest) in asked.items():
        answer = world.ask(None, method, url, rest)
        assert not any(word in answer.text for word in WORDS.values()), url
        if path.startswith("/api/") and path != "/api/v1/reports/shared":
            assert answer.status_code in {401, 404}, url


@pytest.mark.parametrize("reader", [frozenset({ASKS}), frozenset({ASKS, OTHER}), frozenset[str]()])
def test_who_comes_through_a_proxy_sees_the_tenants_of_their_groups(reader: Tenants) -> None:
    groups = [f"team-{name}" for name in reader]
    found = ForwardRules().identity(["ann"], [",".join(groups)], TENANTS)
    assert getattr(found, "tenants", None) == reader


def test_what_reads_without_a_reader_sees_nothing(world: World) -> None:
    """Such as a thread that was not told on whose behalf it works."""
    board = seen_by_readers(world.served.data).board
    with pytest.raises(LookupError):
        # Tests of other files act in the context of this one.
        Context().run(lambda: board.snapshots)


def test_backtests_of_all_tenants_end_with_the_service() -> None:
    """Nobody asks then."""
    served = two_tenants()
    assert served.backtests.jobs.listed()
    seen_by_readers(served.data).backtests.jobs.close()
    assert not served.backtests.jobs.listed()
