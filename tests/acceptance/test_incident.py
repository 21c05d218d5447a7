"""Incidents, from the first failing request to the pager and back."""

from datetime import datetime
from pathlib import Path
from typing import Any

from tests.acceptance.stack import DASHBOARD, RUNBOOK, stack
from tests.acceptance.timeline import all_clear, between, page, ticket

SLO = "checkout-availability"


def test_a_page_fires_once_for_an_incident_and_resolves_after_it(tmp_path: Path) -> None:
    """Half of the requests fail: one page, one all-clear, and the ticket stays silent behind the page."""
    with stack(tmp_path) as running:
        line = running.timeline
        line.at(0, lambda: running.shop.breaks("checkout"))
        fired = line.want(between(1, 45), page(SLO))
        line.want(between(0, 10), running.sees("alert.state", "firing"), after=fired)
        line.want(between(0, 25), running.sees("alert.state", "firing", severity="ticket"), after=fired)
        line.want(between(0, 10), running.sees("status", "exhausted"), after=fired)
        line.at(16, lambda: running.shop.mends("checkout"), after=fired)
        ended = line.want(between(16, 60), all_clear(SLO), after=fired)
        line.run()
        _is_as_the_contract_says(fired.alert)
        assert (ended.alert["labels"], ended.alert["startsAt"]) == (fired.alert["labels"], fired.alert["startsAt"])
        assert (
            ended.alert["annotations"]["summary"] == "checkout availability no longer burns its error budget too fast"
        )
        assert running.deeds() == ["fired", "resolved"]
        assert running.deeds(severity="ticket")[:2] == ["pending", "fired"]
        assert running.metric('sloburn_notifications_total{receiver="alertmanager"}') == 2.0


def test_a_slow_burn_opens_a_ticket_and_wakes_nobody(tmp_path: Path) -> None:
    """4 % of the requests fail, four times what the objective allows: the ticket's factor is 2, the page's is 10."""
    with stack(tmp_path) as running:
        line = running.timeline
        line.at(0, lambda: running.shop.breaks("checkout", failing=0.04))
        opened = line.want(between(1, 75), ticket(SLO))
        line.run()
        assert opened.alert["labels"]["severity"] == "ticket"
        assert opened.alert["annotations"]["tier"] == "1m/20s"
        assert running.deeds() == []


def test_two_incidents_in_two_services_are_two_alerts(tmp_path: Path) -> None:
    other = "search-availability"
    with stack(tmp_path, services=("checkout", "search", "cart")) as running:
        line = running.timeline
        line.at(0, lambda: running.shop.breaks("checkout"))
        first = line.want(between(1, 45), page(SLO))
        line.at(1, lambda: running.shop.breaks("search"), after=first)
        second = line.want(between(2, 45), page(other), after=first)
        line.at(1, lambda: running.shop.mends("checkout"), after=second)
        over = line.want(between(5, 60), all_clear(SLO), after=second)
        line.run()
        assert running.alert(other)["state"] == "firing"
        assert running.alert("cart-availability")["state"] == "inactive"
        assert first.alert["startsAt"] < second.alert["startsAt"]
        assert over.alert["fingerprint"] != second.alert["fingerprint"]
        incidents = {one["incident"] for slo in (SLO, other) for one in running.transitions(slo) if one["incident"]}
        assert len(incidents) == 2


def _is_as_the_contract_says(alert: dict[str, Any]) -> None:
    assert alert["labels"] == {
        "alertname": "ErrorBudgetBurn",
        "slo": SLO,
        "service": "checkout",
        "severity": "page",
        "team": "payments",
    }
    said = alert["annotations"]
    assert set(said) == {
        "summary",
        "description",
        "tier",
        "burn_rate_long",
        "burn_rate_short",
        "budget_remaining",
        "runbook_url",
        "dashboard",
        "culprits",
    }
    assert (said["tier"], said["runbook_url"], said["dashboard"]) == ("30s/10s", RUNBOOK, DASHBOARD)
    long, short = float(said["burn_rate_long"]), float(said["burn_rate_short"])
    assert 10 <= long <= short < 51
    assert float(said["budget_remaining"]) < 1
    assert said["summary"] == f"checkout availability burns its error budget {long:.4g} times too fast"
    for words in (
        "events were bad in the last 30s",
        "the objective of 99 % allows 1 %",
        f"burns at {long:.4g} times the rate that it can bear, in the last 10s at {short:.4g} times",
        "this alert fires from 10 times",
        "of the error budget for 1h is gone",
    ):
        assert words in said["description"]
    assert alert["generatorURL"] == "https://slo.example/burn/slos/checkout-availability"
    assert datetime.fromisoformat(alert["startsAt"]).timestamp() % 5 == 0
