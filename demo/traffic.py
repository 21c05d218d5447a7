"""The shop's customers: requests that come by chance, more by day than by night."""

import asyncio
import time

import httpx
import numpy as np
from starlette.types import ASGIApp

from demo.endpoints import ENDPOINTS, Endpoint, Floats

_STEP_SECONDS = 0.1
_PATIENCE_SECONDS = 120
_MOST_AT_ONCE = 1_000
"""Customers give up coming where so many wait already; a broken shop must not eat the machine."""


async def keep_asking(shop: ASGIApp, *, traffic: float) -> None:
    """Send the shop its traffic until cancelled, through its whole stack but without sockets."""
    rng = np.random.default_rng()
    transport = httpx.ASGITransport(app=shop)
    client = httpx.AsyncClient(transport=transport, base_url="http://shop", timeout=_PATIENCE_SECONDS)
    async with client as customers, asyncio.TaskGroup() as waiting:
        asked: set[asyncio.Task[None]] = set()
        before = time.monotonic()
        while True:
            await asyncio.sleep(_STEP_SECONDS)
            now = time.monotonic()
            for endpoint in _asked_for(rng, expected(time.time()) * traffic * (now - before)):
                if len(asked) < _MOST_AT_ONCE:
                    task = waiting.create_task(_ask(customers, endpoint))
                    asked.add(task)
                    task.add_done_callback(asked.discard)
            before = now


def expected(epoch: float) -> Floats:
    """Requests per second that each endpoint gets on average at *epoch*, in the order of the endpoints."""
    return np.array([endpoint.rate_at(np.array(epoch)) for endpoint in ENDPOINTS], dtype=np.float64)


def _asked_for(rng: np.random.Generator, expected_requests: Floats) -> list[Endpoint]:
    counts = rng.poisson(expected_requests)
    return [endpoint for endpoint, count in zip(ENDPOINTS, counts, strict=True) for _ in range(count)]


async def _ask(customers: httpx.AsyncClient, endpoint: Endpoint) -> None:
    await customers.request(endpoint.method, endpoint.route.replace("{item}", "42"))
