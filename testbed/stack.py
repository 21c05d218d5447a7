"""The whole service between a real Prometheus, which scrapes a shop, and a real Alertmanager, which tells a sink."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from testbed.fault_proxy import FaultProxy
from testbed.process import Server
from testbed.servers import alertmanager, prometheus
from testbed.service import sloburn, write_documents
from testbed.shop import Shop, serving_shop
from testbed.sink import Sink
from testbed.timeline import Sight, Timeline
from testbed.waiting import PATIENCE_S, wait_until

QUICK = {
    "SLOBURN_EVALUATION_INTERVAL": "5s",
    "SLOBURN_QUERY_OFFSET": "1s",
    "SLOBURN_EXTERNAL_URL": "https://slo.example/burn",
    "SLOBURN_API_TOKEN": "the-token",
}
"""Settings that make an incident fit into a test."""

AUTHORISED = {"Authorization": "Bearer the-token"}

PAGE = {"tiers": [{"long": "30s", "short": "10s", "factor": 10}]}
TICKET = {"tiers": [{"long": "1m", "short": "20s", "factor": 2}], "for": "15s"}
RUNBOOK = "https://runbooks.example/checkout"
DASHBOARD = "https://grafana.example/d/slo"


def document(service: str, *, names: Sequence[str] = ("availability",)) -> dict[str, Any]:
    """An SLO document over the shop's counters whose alerts fire within seconds."""
    own = f'job="shop",service="{service}"'
    slos = [
        {
            "name": name,
            "description": f"Requests to {service} succeed.",
            "objective": 99,
            "window": "1h",
            "sli": {"total": f"http_requests_total{{{own}}}", "bad": f'http_requests_total{{{own},code=~"5.."}}'},
            "alerting": {
                "page": PAGE,
                "ticket": TICKET,
                "annotations": {"runbook_url": RUNBOOK, "dashboard": DASHBOARD},
            },
        }
        for name in names
    ]
    return {"service": service, "labels": {"team": "payments"}, "slos": slos}


def look(service: Server, slo_id: str) -> dict[str, Any]:
    """One SLO as the API of a service shows it."""
    answer = httpx.get(f"{service.url}/api/v1/slos/{slo_id}", timeout=PATIENCE_S, trust_env=False)
    return dict(answer.raise_for_status().json())


def wait_for_reason(service: Server, text: str) -> None:
    """Wait until the service says that it is unhealthy for a reason."""

    def holds() -> bool:
        with suppress(httpx.TransportError):
            return text in httpx.get(f"{service.url}/api/v1/status/health", timeout=PATIENCE_S, trust_env=False).text
        return False

    wait_until(holds, lambda: f"{text!r}; {service.log[-2000:]}")


@dataclass(slots=True)
class Stack:
    """Everything that runs, and how to look at the service from outside."""

    shop: Shop
    prometheus: Server
    alertmanager: Server
    sink: Sink
    specs: Path
    service: Server
    _client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=PATIENCE_S, trust_env=False))

    @property
    def timeline(self) -> Timeline:
        """A timeline that listens to the pager."""
        return Timeline(self.sink)

    def close(self) -> None:
        """Close our connections to the service."""
        self._client.close()

    def get(self, path: str) -> httpx.Response:
        """What the service answers."""
        return self._client.get(self.service.url + path)

    def slo(self, slo_id: str = "checkout-availability") -> dict[str, Any]:
        """One SLO as the API shows it; empty while there is none."""
        answer = self.get(f"/api/v1/slos/{slo_id}")
        return dict(answer.json()) if answer.status_code == httpx.codes.OK else {}

    def alert(self, slo_id: str = "checkout-availability", severity: str = "page") -> dict[str, Any]:
        """One alert as the API shows it; empty while there is none."""
        alerts = self.slo(slo_id).get("alerts", ())
        return next((dict(alert) for alert in alerts if alert["severity"] == severity), {})

    def deeds(self, slo_id: str = "checkout-availability", severity: str = "page") -> list[str]:
        """What one alert has done, oldest first, but for what it could not be judged by."""
        kinds = [one["kind"] for one in self.transitions(slo_id, severity)]
        return [kind for kind in kinds if kind not in {"frozen", "unfrozen"}]

    def transitions(self, slo_id: str = "checkout-availability", severity: str = "page") -> list[dict[str, Any]]:
        """What one alert has done, oldest first."""
        found = self.get("/api/v1/alerts?limit=1000").json()["transitions"]
        return [one for one in reversed(found) if (one["slo"], one["severity"]) == (slo_id, severity)]

    def reasons(self) -> str:
        """Why evaluation is not healthy; empty where it is."""
        answer = self.get("/api/v1/status/health")
        return "" if answer.status_code == httpx.codes.OK else str(answer.json()["detail"])

    def metric(self, series: str) -> float | None:
        """The value of one series of /metrics, None where it is not there."""
        lines = (line.rpartition(" ") for line in self.get("/metrics").text.splitlines())
        return next((float(value) for name, _, value in lines if name == series), None)

    def sees(self, what: str, state: Any, *, slo_id: str = "checkout-availability", severity: str = "page") -> Sight:
        """That a field of an SLO, or of one of its alerts where it begins with `alert.`, has a value."""

        def holds() -> bool:
            with suppress(httpx.TransportError):
                name = what.removeprefix("alert.")
                shown = self.slo(slo_id) if name == what else self.alert(slo_id, severity)
                return bool(shown) and shown[name] == state
            return False

        return Sight(f"{slo_id} has {what} {state}", holds)

    def sees_status(self, *statuses: str) -> Sight:
        """That checkout has one of these statuses: in the first minutes of a window it is at risk, later exhausted."""

        def holds() -> bool:
            with suppress(httpx.TransportError):
                return bool(self.slo()["status"] in statuses)
            return False

        return Sight(f"checkout is {' or '.join(statuses)}", holds)

    def sees_gate(self, service: str, decision: str) -> Sight:
        """That the gate decides so about a change of a service."""

        def holds() -> bool:
            with suppress(httpx.TransportError):
                return bool(self.get(f"/api/v1/gate?service={service}").json()["data"]["decision"] == decision)
            return False

        return Sight(f"the gate answers {decision} for {service}", holds)

    def is_unhealthy(self, reason: str) -> Sight:
        """That evaluation is not healthy, and says why."""
        return Sight(f"unhealthy: {reason}", lambda: reason in self.reasons())

    def is_healthy(self) -> Sight:
        """That evaluation is healthy."""
        return Sight("healthy", lambda: not self.reasons())

    def wait_until(self, sight: Sight) -> None:
        """Block until something is seen.

        Raises:
            TimeoutError: it was never seen.
        """
        wait_until(sight.holds, lambda: f"{sight.what}; the log: {self.service.log[-3000:]}")

    def assert_counts_are_the_truth(self, *services: str) -> None:
        """Close the shop: every request that was ever made is in the ledger, each once."""
        self.shop.closes()
        for service in services:
            truth = self.shop.truth(service)
            wanted = {"good": truth.good, "bad": truth.bad, "total": truth.total}
            with suppress(TimeoutError):
                self.wait_until(self.sees("events", wanted, slo_id=f"{service}-availability"))
            assert self.slo(f"{service}-availability")["events"] == wanted

    def open(self, slo_ids: Sequence[str]) -> None:
        """Open the shop once its counters are known and all alerts are judged."""
        for slo_id in slo_ids:
            self.wait_until(self.sees("data", "no_traffic", slo_id=slo_id))
            for severity in ("page", "ticket"):
                self.wait_until(self.sees("alert.state", "inactive", slo_id=slo_id, severity=severity))
        self.shop.opens()


@contextmanager
def stack(
    folder: Path,
    *,
    documents: Sequence[Mapping[str, Any]] | None = None,
    services: Sequence[str] = ("checkout",),
    env: Mapping[str, str] | None = None,
    other_alertmanagers: Sequence[Server] = (),
    proxy: FaultProxy | None = None,
    open_files: int | None = None,
) -> Iterator[Stack]:
    """Shop, Prometheus, Alertmanager, sink and service, which may ask and tell others than these.

    *documents* are by default one for each of *services*; then the shop is open, and every alert is judged and quiet.
    """
    with ExitStack() as running:
        sink = running.enter_context(Sink())
        shop = running.enter_context(serving_shop(services))
        pager = running.enter_context(alertmanager(sink.url))
        source = running.enter_context(prometheus(folder / "prometheus", scrape=[("shop", shop.url)]))
        specs = write_documents(documents or [document(name) for name in services], folder / "slos")
        pagers = ",".join(one.url for one in (pager, *other_alertmanagers))
        if proxy is not None:
            proxy.upstream = source.url
        address = source.url if proxy is None else proxy.url
        service = running.enter_context(
            sloburn(
                address,
                specs,
                folder / "service",
                alertmanager_url=pagers,
                env={**QUICK, **(env or {})},
                open_files=open_files,
                forked=True,
            )
        )
        built = Stack(shop, source, pager, sink, specs, service)
        running.callback(built.close)
        if documents is None:
            built.open([f"{name}-availability" for name in services])
        yield built
