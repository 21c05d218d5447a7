"""SLOs whose alerts fire within seconds, and what a service shows of them."""

from contextlib import suppress
from typing import Any, Final

import httpx

from testbed.process import Server
from testbed.stack import look

PAGE: Final[dict[str, Any]] = {"tiers": [{"long": "20s", "short": "10s", "factor": 10}]}
TICKET: Final[dict[str, Any]] = {"tiers": [{"long": "30s", "short": "10s", "factor": 2}]}
TIERS_ONLY: Final[dict[str, Any]] = {"page": PAGE, "ticket": TICKET, "evidence": "off"}
"""Alerts that depend on the counts of their slot alone."""


def document(service: str, alerting: dict[str, Any]) -> dict[str, Any]:
    """An SLO over the shop's counters."""
    own = f'job="shop",service="{service}"'
    sli = {"total": f"http_requests_total{{{own}}}", "bad": f'http_requests_total{{{own},code=~"5.."}}'}
    slo = {"name": "availability", "objective": 99, "window": "1d", "sli": sli, "alerting": alerting}
    return {"service": service, "slos": [slo]}


def is_judged(service: Server, slo_id: str) -> bool:
    """Whether an SLO without traffic was evaluated."""
    shown = look(service, slo_id)
    return shown["data"] == "no_traffic" and {alert["state"] for alert in shown["alerts"]} == {"inactive"}


def paged(service: Server) -> set[str]:
    """The SLOs whose page fires; none while the service does not answer."""
    with suppress(httpx.HTTPError):
        items = json_of(service, "/api/v1/slos?limit=1000")["items"]
        return {
            item["id"]
            for item in items
            for alert in item["alerts"]
            if alert["severity"] == "page" and alert["state"] == "firing"
        }
    return set()


def oldest_waiting_s(service: Server) -> float:
    """How old the oldest message is that has not been delivered."""
    name = "sloburn_outbox_oldest_age_seconds "
    text = httpx.get(f"{service.url}/metrics", timeout=60.0, trust_env=False).text
    return next(float(line.removeprefix(name)) for line in text.splitlines() if line.startswith(name))


def json_of(server: Server, path: str) -> Any:
    """What a server answers."""
    return httpx.get(server.url + path, timeout=60.0, trust_env=False).raise_for_status().json()
