"""Reports over HTTP: as JSON, CSV, Markdown and a page, and what cannot be asked."""

from datetime import UTC, date, datetime

import pytest
from fastapi.testclient import TestClient
from pydantic import TypeAdapter

from app.api.objectives.models import ReportModel
from tests.support.api import Served
from tests.support.reports import AGREED, Documents, count_days

PATH = "/api/v1/reports"


@pytest.fixture(scope="module")
def client() -> TestClient:
    served = Served()
    served.incidents.clock.at = datetime(2026, 4, 2, 12, tzinfo=UTC)
    documents = Documents(served.incidents.database)
    for slo in ("checkout-availability", "search-latency"):
        documents.say(date(2026, 2, 1), slo=slo, labels=(("team", slo[0]),), sla=AGREED)
        count_days(served.incidents.database, date(2026, 3, 1), [43.2 if slo[0] == "c" else 100.0] * 31, slo=slo)
    return TestClient(served.app())


def test_a_report_is_json_by_default(client: TestClient) -> None:
    response = client.get(PATH, params={"at": "2026-03-15", "limit": 1, "by": "label:team"})
    TypeAdapter(ReportModel).validate_json(response.content)
    found = response.json()
    assert found["period"] == {
        "kind": "month", "name": "2026-03", "from": "2026-03-01", "to": "2026-04-01", "over": True,
    }  # fmt: skip
    assert [(item["id"], item["verdict"]) for item in found["items"]] == [("search-latency", "missed")]
    assert (found["more"], found["counted_until"]) == (1, "2026-04-01T00:00:00Z")
    assert [(group["name"], group["compliance_ratio"]) for group in found["groups"]] == [("s", 0.0), ("c", 1.0)]
    assert found["totals"]["compliance_ratio"] == 0.5
    assert found["totals"]["precision_ratio"] is None


@pytest.mark.parametrize(
    ("form", "media_type", "has"),
    [
        ("csv", "text/csv", "2026-03,2026-03-01,2026-04-01,search,search-latency,0.999,"),
        ("markdown", "text/markdown", "1 of 2 objectives met, 1 missed"),
        ("html", "text/html", "<h1>Objectives, 2026-03</h1>"),
    ],
)
def test_a_report_is_written_for_people(client: TestClient, form: str, media_type: str, has: str) -> None:
    response = client.get(PATH, params={"at": "2026-03-15", "format": form})
    assert response.headers["content-type"].startswith(media_type)
    assert "objectives-2026-03." in response.headers["content-disposition"]
    assert has in response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]


@pytest.mark.parametrize(
    "wrong", ["period=day", "at=yesterday", "at=9999-01-01", "timezone=Mars", "by=team", "label=x"]
)
def test_what_cannot_be_asked_is_refused(client: TestClient, wrong: str) -> None:
    assert client.get(f"{PATH}?{wrong}").status_code == 422
