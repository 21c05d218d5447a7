"""The gate over HTTP, as those who ask it see it: Argo, Flagger, Spinnaker, people."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import anyio
import httpx
import orjson
import pytest
from fastapi.testclient import TestClient
from pydantic import TypeAdapter

from app.api.gate.models import DecisionsModel, ExceptionModel, GateModel, NewExceptionModel, PoliciesModel
from app.policy import DEFAULT_POLICY
from app.status import DataState
from tests.gate.test_gate import spent
from tests.support.api import Served
from tests.support.incidents import burning, ended
from tests.support.snapshots import AS_OF, a_snapshot, an_slo

BEARER = {"Authorization": "Bearer right"}
NEW = {"reason": "a demo", "owner": "ada", "ends_at": "2026-03-01T14:00:00Z", "services": ["checkout"]}


@pytest.fixture
def served() -> Served:
    """A service with budget left, one without any, one of which data is stale."""
    served = Served.with_snapshots(
        spent(0.5),
        spent(1.2, a_snapshot(an_slo("search"))),
        spent(0.1, a_snapshot(an_slo("cart")), data=DataState.STALE),
    )
    served.token = "right"  # noqa: S105  a made-up token
    return served


def ask(served: Served, query: str) -> Any:
    return TestClient(served.app()).get(f"/api/v1/gate?{query}")


@pytest.mark.parametrize(
    ("query", "decision", "ok", "status"),
    [
        ("service=checkout", "allow", True, 200),
        ("service=search", "deny", False, 403),
        ("service=search&change=rollback", "warn", True, 200),
        ("service=cart", "unknown", False, 503),
        ("service=cart&unknown_passes=true", "unknown", True, 200),
        ("service=nobody", "unknown", False, 503),
        ("slo=search-availability", "deny", False, 403),
        ("label=team=payments", "deny", False, 403),
        # As of a template whose variables are empty.
        ("service=&environment=&change=&slo=", "unknown", False, 503),
    ],
)
def test_the_answer_is_200_unless_the_status_is_asked_for(
    served: Served, query: str, decision: str, ok: bool, status: int
) -> None:
    client = TestClient(served.app())
    answer = client.get(f"/api/v1/gate?{query}")
    assert answer.status_code == 200
    TypeAdapter(GateModel).validate_json(answer.content)
    data = answer.json()["data"]
    assert (data["decision"], data["ok"]) == (decision, ok)
    assert data["reason"]
    assert client.get(f"/api/v1/gate?{query}&status_code=true").status_code == status


def test_the_gate_answers_while_readers_have_all_threads(served: Served) -> None:
    """Nor does it look for an SLO that does not exist among all others."""

    async def asked() -> int:
        limiter = anyio.to_thread.current_default_thread_limiter()
        for _ in range(int(limiter.total_tokens)):
            await limiter.acquire_on_behalf_of(object())
        transport = httpx.ASGITransport(served.app())
        async with httpx.AsyncClient(transport=transport, base_url="http://sloburn") as client:
            found = await client.get("/api/v1/gate?service=checkout&slo=checkout-availability&slo=none")
            assert (await client.post("/api/v1/gate/exceptions")).status_code == 401
            return found.status_code

    assert anyio.run(asked) == 200


def test_a_deny_says_on_which_figures(served: Served) -> None:
    data = ask(served, "service=search&environment=prod&change=feature").json()["data"]
    assert data["budget_remaining"] == pytest.approx(-0.2)
    assert (data["policy"], data["environment"], data["slos_total"]) == ("default", "prod", 1)
    (slo,) = data["slos"]
    assert (slo["state"], slo["url"]) == ("freeze", "https://slo.example.org/burn/slos/search-availability")
    assert data["until"] == "2026-03-01T13:00:00Z"


def test_dry_runs_are_shown(served: Served) -> None:
    served.policies = (replace(DEFAULT_POLICY, name="trial", dry_run=True),)
    data = ask(served, "service=search").json()["data"]
    assert (data["decision"], data["slos"][0]["dry_run"]) == ("allow", [{"name": "trial", "decision": "deny"}])


def test_misspelt_parameters_are_refused(served: Served) -> None:
    assert ask(served, "servcie=checkout").status_code == 422


@pytest.mark.parametrize(
    ("query", "hook", "status"),
    [
        ("", {"name": "checkout"}, 200),
        ("", {"name": "search"}, 403),
        ("", {"name": "cart"}, 503),
        ("?invert=true", {"name": "checkout"}, 403),
        ("?invert=true", {"name": "search"}, 200),
        ("?invert=true", {"name": "cart"}, 503),
        ("", {"name": "search-primary", "metadata": {"service": "search", "invert": "true"}}, 200),
        # Any words that a query may have; others are refused: taken for false they would roll back good canaries.
        ("", {"name": "checkout", "metadata": {"invert": "yes"}}, 403),
        ("", {"name": "checkout", "metadata": {"invert": " 1 "}}, 403),
        ("", {"name": "checkout", "metadata": {"invert": ""}}, 200),
        ("", {"name": "checkout", "metadata": {"invert": "ture"}}, 422),
        ("", {"name": "cart", "metadata": {"unknown_passes": "on"}}, 200),
        ("?service=search", {"name": "x", "metadata": {"change": "rollback"}}, 200),
        ("", {"name": "x", "metadata": {"slo": "search-availability", "service": "search"}}, 403),
        ("?unknown_passes=true", {"name": "cart"}, 200),
        ("", {"metadata": None}, 503),
    ],
)
def test_flagger_reads_the_status(served: Served, query: str, hook: dict[str, Any], status: int) -> None:
    """Of a `rollback` hook 200 means: roll back, for which only a clear no is a reason."""
    given = {"namespace": "prod", "phase": "Progressing", "checksum": "85d557f47b", **hook}
    answer = TestClient(served.app()).post(f"/api/v1/gate/hooks/flagger{query}", json=given)
    assert answer.status_code == status
    assert answer.text.count("\n") == (status != 422)


def test_decisions_are_logged_and_can_be_searched(served: Served) -> None:
    client = TestClient(served.app(), headers={"User-Agent": "argo-rollouts"})
    for query in ("service=checkout", "service=search&caller=jenkins", "service=search&environment=prod"):
        client.get(f"/api/v1/gate?{query}")
    found = client.get("/api/v1/gate/decisions?limit=2")
    TypeAdapter(DecisionsModel).validate_json(found.content)
    assert [one["caller"] for one in found.json()["items"]] == ["argo-rollouts", "jenkins"]
    rest = client.get(f"/api/v1/gate/decisions?limit=2&next={found.json()['next']}").json()
    assert ([one["service"] for one in rest["items"]], rest["next"]) == (["checkout"], None)
    by = client.get("/api/v1/gate/decisions?decision=deny&q=JENKINS&service=search").json()["items"]
    assert [(one["decision"], one["figures"][0]["slo"]) for one in by] == [("deny", "search-availability")]


def test_exceptions_need_the_token_a_reason_an_owner_and_an_end(served: Served) -> None:
    client = TestClient(served.app())
    path = "/api/v1/gate/exceptions"
    assert client.post(path, json=NEW).status_code == 401
    for wrong in (
        {"reason": " "},
        {"ends_at": "2026-03-01T11:00:00Z"},
        {"ends_at": "2026-04-30T11:00:00Z"},
        {"ends_at": "2026-03-01T14:00:00"},
        {"owner": ""},
    ):
        assert client.post(path, json={**NEW, **wrong}, headers=BEARER).status_code == 422, wrong


def test_an_exception_lets_changes_go_ahead_until_it_is_ended(served: Served) -> None:
    client = TestClient(served.app())
    given = {**NEW, "services": ["search"], "break_glass": True}
    TypeAdapter(NewExceptionModel).validate_json(orjson.dumps(given))
    endless = {name: value for name, value in given.items() if name != "ends_at"}
    refused = client.post("/api/v1/gate/exceptions", json=endless, headers=BEARER)
    assert (refused.status_code, refused.json()["errors"]) == (422, ["ends_at is missing"])
    created = client.post("/api/v1/gate/exceptions", json=given, headers=BEARER)
    TypeAdapter(ExceptionModel).validate_json(created.content)
    assert created.status_code == 201
    id_ = created.json()["id"]
    data = client.get("/api/v1/gate?service=search").json()["data"]
    assert (data["decision"], data["exception"], data["until"]) == ("warn", id_, "2026-03-01T14:00:00Z")
    assert [one["id"] for one in client.get("/api/v1/gate/exceptions?active=true").json()["items"]] == [id_]
    end = f"/api/v1/gate/exceptions/{id_}/end"
    assert client.post(end, json={"by": "bob"}).status_code == 401
    assert client.post(end, json={"by": "bob"}, headers=BEARER).json()["ended_by"] == "bob"
    assert client.post("/api/v1/gate/exceptions/00/end", json={"by": "bob"}, headers=BEARER).status_code == 404
    assert client.get("/api/v1/gate?service=search").json()["data"]["decision"] == "deny"
    items = client.get("/api/v1/gate/exceptions").json()["items"]
    assert [(one["active"], one["ended_by"]) for one in items] == [(False, "bob")]


def test_policies_with_their_states_pages_changes_and_postmortems(served: Served) -> None:
    page = burning()
    served.incidents.record(replace(page, spent=0.3), ended(replace(page, spent=0.3)))
    served.clock.at = AS_OF + timedelta(minutes=1)
    served.gate.step(served.clock.at)
    client = TestClient(served.app())
    found = client.get("/api/v1/policies")
    TypeAdapter(PoliciesModel).validate_json(found.content)
    (policy,) = found.json()["items"]
    states = {state["name"]: state["slos"] for state in policy["states"]}
    assert (policy["name"], policy["slos"], states) == ("default", 3, {"healthy": 1, "caution": 0, "freeze": 1})
    page_of_policy = client.get("/api/v1/policies/default/page")
    assert page_of_policy.text.startswith("# Error budget policy: default\n")
    assert client.get("/api/v1/policies/none/page").status_code == 404
    changes = client.get("/api/v1/gate/changes?service=search").json()["items"]
    assert [(one["before"], one["state"]) for one in changes] == [(None, "freeze")]
    due = client.get("/api/v1/policies/default/postmortems").json()["items"]
    assert [(one["incidents"], one["budget_spent_ratio"], one["postmortem"]) for one in due] == [(["5f2d"], 0.3, None)]
    path, given = "/api/v1/incidents/5f2d/postmortem", {"author": "ada", "url": "https://wiki.example.org/42"}
    assert client.put(path, json=given).status_code == 401
    assert client.put(path, json={**given, "url": "javascript:x"}, headers=BEARER).status_code == 422
    assert client.put("/api/v1/incidents/77/postmortem", json=given, headers=BEARER).status_code == 404
    written = client.put(path, json=given, headers=BEARER).json()
    assert {**written, "written_at": None} == {**given, "written_at": None}
    found = client.get("/api/v1/policies/default/postmortems").json()["items"]
    assert [one["postmortem"] for one in found] == [written]
    assert client.get("/api/v1/incidents/5f2d").json()["postmortem"] == written
    assert client.delete(path, headers=BEARER).status_code == 204
    assert client.get("/api/v1/incidents/5f2d").json()["postmortem"] is None
