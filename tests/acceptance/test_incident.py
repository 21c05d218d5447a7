"""Incidents, from the first failing request to the pager and back."""

from datetime import datetime
from pathlib import Path
from typing import Any

from testbed.stack import DASHBOARD, RUNBOOK, stack
from testbed.timeline import all_clear, page, ticket

CHECKOUT, SEARCH, CART, CALM = (f"{name}-availability" for name in ("checkout", "search", "cart", "calm"))


def test_every_incident_is_told_once_and_so_is_its_end(tmp_path: Path) -> None:
    """Two services page, one after the other; one burns slowly and opens a ticket; one is fine, and nobody hears of it.

    Behind a page the ticket stays silent. 4% of failing requests are four times what the objective allows: the
    factor of the ticket is 2, that of the page is 10.
    """
    with stack(tmp_path, services=("checkout", "search", "cart", "calm")) as running:
        line = running.timeline
        line.at(0, lambda: running.shop.breaks("checkout"))
        line.at(0, lambda: running.shop.breaks("cart", failing=0.04))
        first = line.want(1, page(CHECKOUT))
        line.want(0, running.sees("alert.state", "firing"), after=first)
        line.want(0, running.sees_status("at_risk", "exhausted"), after=first)
        line.want(0, running.sees("alert.state", "muted", severity="ticket"), after=first)
        line.at(1, lambda: running.shop.breaks("search"), after=first)
        second = line.want(2, page(SEARCH), after=first)
        opened = line.want(1, ticket(CART))
        line.at(18, lambda: running.shop.mends("checkout"), after=first)
        ended = line.want(18, all_clear(CHECKOUT), after=first)
        line.run()
        running.wait_until(running.sees_gate("search", "deny"))
        running.wait_until(running.sees_gate("calm", "allow"))

        _is_as_the_contract_says(first.alert)
        assert (ended.alert["labels"], ended.alert["startsAt"]) == (first.alert["labels"], first.alert["startsAt"])
        assert ended.alert["annotations"]["summary"] == "checkout availability is no longer burning its error budget"
        assert running.deeds(CHECKOUT) == ["fired", "resolved"]
        assert running.deeds(CHECKOUT, "ticket")[:2] == ["pending", "fired"]
        assert (running.deeds(SEARCH), running.deeds(CART), running.deeds(CALM)) == (["fired"], [], [])
        assert running.alert(SEARCH)["state"] == "firing"
        assert opened.alert["annotations"]["tier"] == "1m/30s"
        assert first.alert["startsAt"] < second.alert["startsAt"]
        stories = {one["incident"] for slo in (CHECKOUT, SEARCH) for one in running.transitions(slo) if one["incident"]}
        assert len(stories) == 2
        assert running.metric('sloburn_notifications_total{receiver="alertmanager"}') == 4.0


def _is_as_the_contract_says(alert: dict[str, Any]) -> None:
    assert alert["labels"] == {
        "alertname": "ErrorBudgetBurn",
        "slo": CHECKOUT,
        "service": "checkout",
        "severity": "page",
        "team": "payments",
    }
    said = alert["annotations"]
    # Every error has the code 5xx and comes from the one instance: no top contributors.
    assert set(said) == {
        "summary",
        "description",
        "tier",
        "burn_rate_long",
        "burn_rate_short",
        "budget_remaining",
        "runbook_url",
        "dashboard",
    }
    assert (said["tier"], said["runbook_url"], said["dashboard"]) == ("1m/30s", RUNBOOK, DASHBOARD)
    long, short = float(said["burn_rate_long"]), float(said["burn_rate_short"])
    assert 10 <= long <= short < 51
    assert float(said["budget_remaining"]) < 1
    # Both are rounded from one figure, each in its own way.
    told = {f"checkout availability is burning its error budget at {long + off:.4g}x" for off in (-0.01, 0, 0.01)}
    assert said["summary"] in told
    for words in (
        "events were bad in the last 1m",
        "the objective of 99% allows 1%",
        f"is burning at {long:.4g}x in the last 1m and {short:.4g}x in the last 30s",
        "(threshold 10x, rule 1m/30s)",
    ):
        assert words in said["description"]
    # A window of an hour has only begun in its first two minutes.
    spent = ("of the error budget for 1h is spent", "of the error budget of the events so far is spent")
    assert any(words in said["description"] for words in spent)
    assert alert["generatorURL"].startswith("https://slo.example/burn/incidents/")
    assert datetime.fromisoformat(alert["startsAt"]).timestamp() % 5 == 0
