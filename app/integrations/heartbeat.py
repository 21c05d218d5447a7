"""A URL that is called for as long as evaluations do their work: a dead man's switch outside raises the alarm.

It also stops while Prometheus does not answer: a service that measures nothing watches over nothing.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import structlog

from app.http.client import CheckedClient
from app.http.failures import AttemptError
from app.http.secrets import Secret, redacted
from app.tracing import trace_span

_log = structlog.get_logger(__name__)
# Services behind a short URL redirect once or twice.
_REDIRECTS = 3

IsHealthy = Callable[[], bool]
"""Whether evaluations do their work."""


class Heartbeat:
    """Calls a URL at regular times while evaluations do their work."""

    def __init__(self, url: Secret, *, every: timedelta, outgoing: CheckedClient, is_healthy: IsHealthy) -> None:
        self._url = url
        self._every_s = every.total_seconds()
        self._outgoing = outgoing
        self._is_healthy = is_healthy
        self._failing = False

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            if self._is_healthy():
                await self.beat()
            await asyncio.sleep(self._every_s)

    async def beat(self) -> bool:
        """Call the URL once; whether that succeeded."""
        with trace_span("sloburn.heartbeat") as span:
            try:
                answer = await self._outgoing.post(await self._url.read(), b"", {}, redirects=_REDIRECTS)
                problem = None if answer.ok else answer.text
            except AttemptError as error:
                problem = str(error)
            if problem is not None:
                span.fail("unavailable")
        if problem is not None and not self._failing:
            _log.warning("the heartbeat failed", error=redacted(problem, [self._url, *self._outgoing.secrets])[:300])
        self._failing = problem is not None
        return problem is None

    async def aclose(self) -> None:
        """Close the connections."""
        await self._outgoing.aclose()
