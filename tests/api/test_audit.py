"""The audit: who changed what, from what to what, and which changes were refused; never a token."""

import html
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.access import AccessRules, AccessScope
from app.status import stored_audit
from app.store import StoreError
from tests.support.api import Served
from tests.support.boards import board
from tests.support.incidents import KeptIncidents, burning
from tests.support.sites import TOKEN, a_served, site_of
from tests.support.snapshots import a_snapshot
from tests.support.tokens import token_of

_ADMIN = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def served() -> Served:
    """A service with an incident."""
    incidents = KeptIncidents()
    incidents.record(burning("5f2d"))
    return a_served(board([a_snapshot()]), incidents=incidents)


def client(served: Served, **headers: str) -> TestClient:
    return TestClient(site_of(served), headers=headers, client=("192.0.2.7", 50_000), follow_redirects=False)


def audit(served: Served, query: str = "") -> list[dict[str, Any]]:
    answer = client(served, **_ADMIN).get(f"/api/v1/audit?{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def test_every_change_is_there_with_who_made_it_and_what_was_before(served: Served) -> None:
    http = client(served, Authorization=f"Bearer {token_of(served, AccessScope.ADJUST, name='ada')}")
    for mark in ("noise", "useful"):
        assert http.put("/api/v1/incidents/5f2d/mark", json={"mark": mark}).status_code == 200
    adjustment = {
        "reason": "Move",
        "author": "somebody else",
        "start": "2026-03-01T10:00:00",
        "end": "2026-03-01T11:00:00",
        "services": ["checkout"],
    }
    made = http.post("/api/v1/adjustments", json=adjustment)
    assert made.status_code == 201, made.text
    assert http.delete(f"/api/v1/adjustments/{made.json()['id']}").status_code in {200, 204}
    assert http.post("/api/v1/incidents/5f2d/notes", json={"text": "seen", "author": None}).status_code == 201

    found = audit(served, "actor=ada")
    assert [one["action"] for one in found] == [
        "addNote",
        "withdrawAdjustment",
        "addAdjustment",
        "markIncident",
        "markIncident",
    ]
    assert {(one["actor_kind"], one["address"], one["outcome"]) for one in found} == {("token", "192.0.2.7", "changed")}
    marked = found[3]
    assert (marked["target"], marked["before"], marked["after"]) == ("5f2d", {"mark": "noise"}, {"mark": "useful"})
    withdrawn = found[1]
    assert (withdrawn["before"]["withdrawn_at"], withdrawn["after"]["withdrawn_at"] is None) == (None, False)
    assert withdrawn["after"]["selector"]["services"] == ["checkout"]


def test_forms_are_noted_under_the_name_of_the_token_in_them_and_sessions_under_theirs(served: Served) -> None:
    http = client(served, **{"Sec-Fetch-Site": "same-origin"})
    form = {"token": token_of(served, AccessScope.ADJUST, name="ada"), "mark": "noise"}
    assert http.post("/incidents/5f2d/mark", data=form).status_code == 303
    assert http.post("/login", data={"token": TOKEN}).status_code == 303
    assert http.post("/incidents/5f2d/mark", data={"mark": "useful"}).status_code == 303
    assert http.post("/status/reload").status_code == 303
    # What is in no transaction is written a moment later.
    found = sorted((one["actor_kind"], one["actor"], one["action"]) for one in audit(served))
    assert found == [
        ("session", "SLOBURN_API_TOKEN", "POST /status/reload"),
        ("session", "SLOBURN_API_TOKEN", "markIncident"),
        ("setting", "SLOBURN_API_TOKEN", "POST /login"),
        ("token", "ada", "markIncident"),
    ]


def test_what_was_refused_is_there_with_the_reason_and_what_was_only_asked_is_not(served: Served) -> None:
    gate = token_of(served, AccessScope.GATE, name="ci", services=("checkout",))
    http = client(served)
    http.put("/api/v1/incidents/5f2d/mark", json={"mark": "noise"})
    bearer = {"Authorization": f"Bearer {gate}"}
    http.put("/api/v1/incidents/5f2d/mark", json={"mark": "noise"}, headers=bearer)
    http.get("/api/v1/slos", headers={"Authorization": f"Bearer {gate[:-1]}"})
    http.post("/incidents/5f2d/mark", data={"token": "guess", "mark": "noise"})
    # Neither of these is a change.
    assert http.get("/api/v1/gate?service=checkout", headers=bearer).status_code == 200
    assert http.post("/api/v1/gate/hooks/flagger", json={"metadata": {"service": "nothing"}}).status_code in {403, 503}
    assert http.get("/nothing").status_code == 404
    assert http.put("/api/v1/incidents/0000/mark", json={"mark": "noise"}, headers=_ADMIN).status_code == 404

    found = audit(served, "outcome=refused")
    assert [(one["actor"], one["action"], one["target"]) for one in reversed(found)] == [
        ("", "markIncident", "/api/v1/incidents/5f2d/mark"),
        ("ci", "markIncident", "/api/v1/incidents/5f2d/mark"),
        ("", "listSlos", "/api/v1/slos"),
        ("", "POST /incidents/{id}/mark", "/incidents/5f2d/mark"),
    ]
    assert "this needs adjust" in found[2]["detail"]
    assert "mistyped" in found[1]["detail"]
    assert audit(served, "outcome=changed") == []


def test_tokens_are_made_and_revoked_by_somebody_and_are_never_shown(served: Served) -> None:
    http = client(served, **_ADMIN)
    made = http.post("/api/v1/tokens", json={"name": "ci", "scopes": ["gate"], "expires_at": None}).json()
    for _ in range(2):
        assert http.delete(f"/api/v1/tokens/{made['token']['id']}").status_code == 200
        served.clock.at += timedelta(seconds=1)
    http.get("/api/v1/slos", headers={"Authorization": f"Bearer {made['secret']}"})
    found = audit(served)
    assert [one["action"] for one in reversed(found)] == ["createToken", "revokeToken", "listSlos"]
    assert found[2]["after"]["scopes"] == ["gate"]
    assert "revoked" in found[0]["detail"]
    assert made["secret"] not in json.dumps(found)


def test_it_is_searched_and_read_page_by_page_by_admin_only(served: Served) -> None:
    http = client(served, **_ADMIN)
    for number in range(5):
        served.incidents.clock.at += timedelta(minutes=1)
        http.post("/api/v1/incidents/5f2d/notes", json={"text": f"note {number}", "author": None})
    first = http.get("/api/v1/audit?limit=3").json()
    second = http.get(f"/api/v1/audit?limit=3&next={first['next']}").json()
    texts = [one["after"]["text"] for one in (*first["items"], *second["items"])]
    assert (texts, second["next"]) == ([f"note {number}" for number in (4, 3, 2, 1, 0)], None)

    newest = first["items"][0]["at"]
    assert [
        len(audit(served, query)) for query in (f"from={newest}", f"to={newest}", "q=ADDNOTE 192.0", "q=other")
    ] == [
        1,
        5,
        5,
        0,
    ]
    reader = client(served, Authorization=f"Bearer {token_of(served, *(set(AccessScope) - {AccessScope.ADMIN}))}")
    assert (reader.get("/api/v1/audit").status_code, client(served).get("/api/v1/audit").status_code) == (403, 401)


def test_the_page_is_for_admin_and_shows_what_was_changed_as_text(served: Served) -> None:
    http = client(served, Accept="text/html", **{"Sec-Fetch-Site": "same-origin"})
    assert http.get("/audit").headers["location"] == "/login?next=%2Faudit"
    assert http.post("/login", data={"token": TOKEN}).status_code == 303
    text = "<script>alert(1)</script>"
    assert http.post("/incidents/5f2d/notes", data={"text": text}).status_code == 303
    page = http.get("/audit?q=addnote&outcome=changed").text
    assert ("addNote" in page, "&lt;script&gt;alert(1)" in page, text in page) == (True, True, False)
    assert "No entry matches" in http.get("/audit?outcome=refused").text
    assert 'aria-label="Pages of the audit"' not in page
    assert 'href="/audit"' in http.get("/status").text
    reader = client(served, Accept="text/html", **{"Sec-Fetch-Site": "same-origin"})
    reader.post("/login", data={"token": token_of(served, AccessScope.READ)})
    assert (reader.get("/audit").status_code, 'href="/audit"' in reader.get("/status").text) == (403, False)


def test_a_flood_of_refusals_fills_no_memory(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_audit, "_MOST_WAITING", 3)
    served.rules = AccessRules()
    http = client(served)
    for number in range(8):
        http.put(f"/api/v1/incidents/{number}/mark", json={"mark": "noise"})
    assert [one["target"][-6:] for one in audit(served)] == ["2/mark", "1/mark", "0/mark"]
    http.put("/api/v1/incidents/9/mark", json={"mark": "noise"})
    assert len(audit(served)) == 4


def test_it_is_read_while_it_cannot_be_written(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_given: object) -> None:
        raise StoreError("the disk is full")

    http = client(served)
    http.put("/api/v1/incidents/1/mark", json={"mark": "noise"})
    assert len(audit(served)) == 1
    http.put("/api/v1/incidents/2/mark", json={"mark": "noise"})
    with monkeypatch.context() as patched:
        patched.setattr(stored_audit, "append_audit", full)
        assert [one["target"][-6:] for one in audit(served)] == ["1/mark"]
    assert [one["target"][-6:] for one in audit(served)] == ["2/mark", "1/mark"]


def test_the_page_leads_to_older_entries_and_back_to_the_newest(served: Served) -> None:
    http = client(served, **{"Sec-Fetch-Site": "same-origin"})
    assert http.post("/login", data={"token": TOKEN}).status_code == 303
    for number in range(51):
        assert (
            http.put("/api/v1/incidents/5f2d/mark", json={"mark": ("useful", "noise")[number % 2]}).status_code == 200
        )
    first = http.get("/audit?q=markIncident").text
    older = re.search(r'rel="next" href="([^"]*)"', first)
    assert older is not None
    second = http.get(html.unescape(older[1])).text
    assert (first.count("<tr><td"), second.count("<tr><td"), 'rel="next"' in second) == (50, 1, False)
    assert 'href="/audit?q=markIncident">Newest' in second


def test_a_token_that_is_sent_in_a_path_or_a_text_is_in_no_answer_no_page_and_no_entry(served: Served) -> None:
    """Who revokes a leaked token by itself instead of by its id sends it in the path."""
    token = token_of(served, AccessScope.READ)
    secret, http = token[8:], client(served, Authorization=f"Bearer {token}", Accept="text/html")
    answers = [
        http.delete(f"/api/v1/tokens/{token}"),
        http.get(f"/api/v1/slos?limit={token}"),
        http.get(f"/api/v1/slos/{token}"),
        http.get(f"/slos/{token}"),
        http.get("/login", params={"next": f"/slos?token={token}"}),
    ]
    assert [answer.status_code for answer in answers] == [403, 422, 404, 404, 200]
    assert not [answer.text for answer in answers if secret in answer.text]
    noted = client(served, **_ADMIN).post("/api/v1/incidents/5f2d/notes", json={"text": token, "author": "ada"})
    assert noted.status_code == 201
    entries = {entry["action"]: entry for entry in audit(served)}
    assert entries["revokeToken"]["target"] == f"/api/v1/tokens/{token[:8]}..."
    assert entries["addNote"]["after"]["text"] == f"{token[:8]}..."
