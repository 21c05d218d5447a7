"""The pages of backtests: a form, the jobs, and what came of one; no script is needed."""

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typing_extensions import override

from testbed.waiting import wait_until
from tests.support.api import EndedBacktest, Served
from tests.support.sites import TOKEN, site_of
from tests.support.snapshots import a_snapshot, an_slo

SCORE = {
    "pages": 3,
    "tickets": 1,
    "precision": 0.75,
    "recall": 1.0,
    "incidents": 3,
    "detection_seconds": 90.0,
    "reset_seconds": -30.0,
    "spent_before_detection": 0.023,
    "nights_disturbed": 2,
}
FIRING = {
    "severity": "page",
    "start": "2026-03-01T02:00:00Z",
    "end": None,
    "tier": "1h/5m",
    "right": False,
    "incident_start": None,
    "spent_before": None,
}
RESULT = {
    "rules": [{"name": "today", **SCORE}, {"name": "sloth", **SCORE, "precision": None}],
    "suggested": [{"name": "2h 3%", "wanted": True, "document": "alerting:\n  evidence: off\n", **SCORE}],
    "slos": [{"id": "checkout-availability", "rules": [{"name": "today", "firings": [FIRING]}]}],
    "problems": [{"slo": "checkout-latency", "problem": "<nothing> answers"}],
}


class DoneBacktest(EndedBacktest):
    """A backtest that is done at once."""

    @override
    def receive(self) -> tuple[str, Any]:
        """Its result."""
        return "done", RESULT


@pytest.fixture
def http() -> TestClient:
    served = Served.with_snapshots(a_snapshot(an_slo()))
    served.launch_backtest = DoneBacktest
    served.token = TOKEN
    return TestClient(site_of(served), follow_redirects=False)


def test_a_backtest_is_started_by_a_form_and_its_result_is_a_page(http: TestClient) -> None:
    form = {
        "token": TOKEN,
        "slos": "checkout-availability",
        "from": "2026-02-01T00:00",
        "suggest": "on",
        "source": "ledger",
        "policy": "alerting:\n  page:\n    tiers: [{long: 1h, short: 5m, factor: 10}]\n",
    }
    begun = http.post("/backtests/new", data=form)
    assert begun.status_code == 303
    page = begun.headers["Location"]
    wait_until(lambda: "<strong>done</strong>" in http.get(page).text)
    text = http.get(page).text
    row = text.partition("</span> sloth</td>")[2].partition("</tr>")[0]
    assert re.findall(r">([^<>]+)</td>", row)[:7] == ["3", "1", "-", "1.00", "1m30s", "-30s", "2.3%"]
    assert "evidence: off" in text
    assert "still firing" in text
    assert "&lt;nothing&gt; answers" in text
    # Only rules whose figures are known have a place in the plot.
    assert re.findall(r"<title>([^<]+)</title><circle", text) == ["today, 2h 3%"]
    assert page in http.get("/backtests").text
    forgotten = http.post("/backtests/end", data={"token": TOKEN, "id": page.rpartition("/")[2]})
    assert forgotten.status_code == 303
    assert http.get(page).status_code == 404


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"token": "wrong"}, 401),
        ({"token": TOKEN, "slos": "missing"}, 422),
        ({"token": TOKEN, "from": "yesterday"}, 422),
        ({"token": TOKEN, "timezone": "Berlin"}, 422),
        ({"token": TOKEN, "source": "memory"}, 422),
        ({"token": TOKEN, "policy": "alerting: {page: {tiers: [{long: 1h}]}}"}, 422),
    ],
)
def test_what_cannot_be_is_shown_with_the_form(http: TestClient, form: dict[str, str], status: int) -> None:
    answer = http.post("/backtests/new", data=form)
    assert answer.status_code == status
    assert 'role="alert"' in answer.text
    assert http.get("/backtests/new").headers["Location"].endswith("/backtests")
