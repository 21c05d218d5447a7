"""The demo shop: an ordinary FastAPI service with ordinary metrics, and a switch that breaks it."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from fastapi import FastAPI, HTTPException, Response
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from demo.endpoints import BUCKETS, ENDPOINTS, SERVICES, Endpoint, errors_of
from demo.faults import Switchboard
from demo.traffic import keep_asking

_LABELS = ("service", "route", "method")


@dataclass(frozen=True, slots=True)
class ShopMetrics:
    """What the shop says about itself, in a registry of its own."""

    registry: CollectorRegistry
    requests: Counter
    durations: Histogram

    @classmethod
    def create(cls) -> "ShopMetrics":
        """Fresh metrics; every series that can be known is there at zero."""
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        requests = Counter("http_requests", "Requests served.", (*_LABELS, "code"), registry=registry)
        durations = Histogram(
            "http_request_duration_seconds", "Time to answer.", _LABELS, registry=registry, buckets=BUCKETS
        )
        for endpoint in ENDPOINTS:
            durations.labels(**endpoint.labels)
            for code in endpoint.codes:
                requests.labels(**endpoint.labels, code=code)
        return cls(registry, requests, durations)

    def served(self, endpoint: Endpoint, code: int, seconds: float) -> None:
        """Count one answered request."""
        self.requests.labels(**endpoint.labels, code=str(code)).inc()
        self.durations.labels(**endpoint.labels).observe(seconds)


@dataclass(frozen=True, slots=True)
class Shop:
    """What the shop's routes share."""

    metrics: ShopMetrics = field(default_factory=ShopMetrics.create)
    switchboard: Switchboard = field(default_factory=Switchboard)

    async def answer(self, endpoint: Endpoint) -> int:
        """Do the endpoint's work, as well as its fault allows, and count it; the status code."""
        started = time.perf_counter()
        fault = self.switchboard.fault(endpoint.service)
        own_seconds = endpoint.latency * random.lognormvariate(0, endpoint.spread)
        await asyncio.sleep(own_seconds + fault.latency_seconds)
        code = _status(endpoint, extra_errors=errors_of(endpoint, fault.errors))
        self.metrics.served(endpoint, code, time.perf_counter() - started)
        return code


def _status(endpoint: Endpoint, *, extra_errors: float) -> int:
    if random.random() < max(endpoint.errors, extra_errors):
        return 500
    return 404 if random.random() < endpoint.not_found else 200


class Breakage(BaseModel):
    """How to break a service of the shop."""

    model_config = ConfigDict(extra="forbid")

    service: str
    errors: float = Field(
        default=0.2, ge=0, le=1, description="ratio of requests of the service that fail, most of them on one route"
    )
    latency_seconds: float = Field(default=0.0, ge=0, le=60, description="added to every answer")
    for_seconds: float = Field(default=600.0, gt=0, le=86_400)


class Mending(BaseModel):
    """Which service to mend; all without one."""

    model_config = ConfigDict(extra="forbid")

    service: str | None = None


def create_shop(*, traffic: float = 1.0) -> FastAPI:
    """The shop as an ASGI application; *traffic* scales how many customers come, 0 leaves it alone."""
    shop = Shop()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        customers = asyncio.create_task(keep_asking(app, traffic=traffic))
        yield
        customers.cancel()
        with suppress(asyncio.CancelledError):
            await customers

    # The interactive documentation would load its scripts from the internet.
    app = FastAPI(title="Demo shop", lifespan=lifespan, docs_url=None, redoc_url=None)
    for endpoint in ENDPOINTS:
        app.add_api_route(endpoint.route, _handler(shop, endpoint), methods=[endpoint.method], tags=[endpoint.service])
    _add_operations(app, shop)
    return app


def _handler(shop: Shop, endpoint: Endpoint) -> Callable[[], Awaitable[dict[str, str]]]:
    async def handle() -> dict[str, str]:
        code = await shop.answer(endpoint)
        if code != 200:
            raise HTTPException(code)
        return {"service": endpoint.service, "answer": "here you are"}

    handle.__name__ = f"{endpoint.method} {endpoint.route}"
    return handle


def _add_operations(app: FastAPI, shop: Shop) -> None:
    switchboard = shop.switchboard

    @app.get("/", include_in_schema=False)
    async def overview() -> PlainTextResponse:
        return PlainTextResponse(_overview(switchboard))

    @app.get("/runbooks/{service}", include_in_schema=False)
    async def runbook(service: str) -> PlainTextResponse:
        _known(service)
        return PlainTextResponse(_runbook(service, switchboard))

    @app.get("/breakages", tags=["switch"])
    async def breakages() -> dict[str, dict[str, float]]:
        """Each broken service: the ratio of errors, added seconds, and how long it stays so."""
        return {
            service: {
                "errors": fault.errors,
                "latency_seconds": fault.latency_seconds,
                "seconds_left": round(switchboard.seconds_left(fault), 1),
            }
            for service, fault in switchboard.active()
        }

    @app.post("/break", tags=["switch"])
    async def break_service(breakage: Breakage) -> dict[str, dict[str, float]]:
        _known(breakage.service)
        switchboard.start(
            breakage.service,
            errors=breakage.errors,
            latency_seconds=breakage.latency_seconds,
            for_seconds=breakage.for_seconds,
        )
        return await breakages()

    @app.post("/mend", tags=["switch"])
    async def mend(mending: Mending | None = None) -> dict[str, list[str]]:
        service = mending.service if mending else None
        if service is not None:
            _known(service)
        return {"mended": switchboard.mend(service)}

    @app.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(shop.metrics.registry), headers={"content-type": content_type})

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}


def _overview(switchboard: Switchboard) -> str:
    """What the shop is and what is broken, for a person who opens its address."""
    broken = [
        f"  {service}: {fault.errors:.0%} errors, {fault.latency_seconds:g} s slower, "
        f"for {switchboard.seconds_left(fault):.0f} s more"
        for service, fault in switchboard.active()
    ]
    return "\n".join(
        [
            "The demo shop of Sloburn.",
            "",
            "Broken now:" if broken else "Nothing is broken.",
            *broken,
            "",
            "Routes:",
            *(f"  {endpoint.method:<6} {endpoint.route}  ({endpoint.service})" for endpoint in ENDPOINTS),
            "",
            "GET /metrics for Prometheus, GET /breakages, POST /break and POST /mend: see docs/demo.md.",
            "",
        ]
    )


def _runbook(service: str, switchboard: Switchboard) -> str:
    """What to do when an alert of a service fires; the runbooks of the demo's SLOs lead here."""
    broken = any(name == service for name, _ in switchboard.active())
    return "\n".join(
        [
            f"Runbook: {service} burns its error budget",
            "",
            f"Now: {service} is {'broken by the switch of the demo' if broken else 'not broken by the switch'}.",
            "",
            "1. Who is affected: the page of the incident names the route that fails.",
            f"2. Mend it: sloburn demo mend {service}",
            "3. The alert resolves once its short window is good again, without errors",
            "   for some minutes. If it does not, look at the SLO's charts for what burns it.",
            "4. Mark the incident as useful or as noise, and write down what helped.",
            "",
        ]
    )


def _known(service: str) -> None:
    if service not in SERVICES:
        raise HTTPException(404, f"the shop has no service {service!r}: it has {', '.join(SERVICES)}")
