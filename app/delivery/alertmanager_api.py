"""The two calls of Alertmanager's API v2 that we make, their errors, and what their answers say of its clock."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
import orjson

from app.clock import Clock
from app.delivery.alertmanager_wire import PostableAlert
from app.delivery.answers import POISON, Answer, AttemptError, failure_of
from app.delivery.outcome import Failed, FailureReason
from app.delivery.outgoing import OutgoingOptions, checked_addresses, port_of
from app.delivery.pinned import CONNECT_S, UNLIMITED, first_reachable, pinned_request
from app.delivery.ports import DeliveryInstruments
from app.http import IpAddress
from app.prometheus.dates import clock_skew

_ANSWER_BYTES = 4 * 1024 * 1024
"""The status holds the whole configuration; no answer is larger than that."""
_DETAIL_CHARS = 300
_JSON = {"Content-Type": "application/json"}


class AlertmanagerApi:
    """One Alertmanager's API.

    Attributes:
        peer: what it is called in metrics and logs; without credentials.
        skew: seconds that its clock is ahead of ours, as of the newest answer.
    """

    def __init__(
        self, url: str, *, clock: Clock, instruments: DeliveryInstruments, outgoing: OutgoingOptions | None = None
    ) -> None:
        parts = urlsplit(url)
        self.peer = f"alertmanager/{parts.netloc.rpartition('@')[2]}"
        self.skew = 0.0
        self._clock = clock
        self._instruments = instruments
        self._base = httpx.URL(url.rstrip("/"))
        self._outgoing = outgoing or OutgoingOptions()
        self._timeout_s = self._outgoing.deadline.total_seconds()
        self._http = httpx.AsyncClient(
            verify=self._outgoing.ssl_context(),
            timeout=httpx.Timeout(self._timeout_s, connect=min(CONNECT_S, self._timeout_s)),
            trust_env=False,
            limits=UNLIMITED,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def started_at(self) -> datetime | None:
        """When the Alertmanager was started, in its own clock; None if it does not say.

        Raises:
            AttemptError: it cannot be reached.
        """
        answer = await self._exchange("GET", "/api/v2/status")
        with suppress(ValueError, KeyError, TypeError):
            return datetime.fromisoformat(orjson.loads(answer.body)["uptime"]).astimezone(UTC)
        return None

    async def post(self, alerts: Sequence[PostableAlert]) -> str | None:
        """Send alerts; None if all were taken, else why at least one of them never will be.

        Raises:
            AttemptError: it did not work, and may later.
        """
        answer = await self._exchange("POST", "/api/v2/alerts", orjson.dumps(alerts))
        if httpx.codes.is_success(answer.status):
            return None
        if answer.status in POISON:
            return answer.text[:_DETAIL_CHARS]
        raise AttemptError(_failure(answer))

    async def _exchange(self, method: str, path: str, content: bytes | None = None) -> Answer:
        sent = self._clock.now()
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._ask(method, path, content)
        except (TimeoutError, httpx.TimeoutException) as error:
            detail = f"{self.peer} did not answer within {self._timeout_s:g} s"
            raise AttemptError(Failed(reason=FailureReason.TIMEOUT, detail=detail)) from error
        except httpx.HTTPError as error:
            detail = f"{self.peer} cannot be reached: {error}"
            raise AttemptError(Failed(reason=FailureReason.UNREACHABLE, detail=detail)) from error
        skew = clock_skew(answer.headers.get("date"), sent=sent, received=self._clock.now())
        if skew is not None:
            self.skew = skew
            self._instruments.clock_skew(self.peer, skew)
        return answer

    async def _ask(self, method: str, path: str, content: bytes | None) -> Answer:
        """The answer of the first address that can be reached; all that the name stands for were checked."""
        target = self._base.copy_with(raw_path=self._base.raw_path.rstrip(b"/") + path.encode())
        addresses = await checked_addresses(self._base.raw_host.decode(), port_of(self._base), options=self._outgoing)

        async def attempt(address: IpAddress) -> Answer:
            headers = _JSON if content is not None else {}
            request = pinned_request(self._http, method, target, address, content=content, headers=headers)
            return await self._read(request)

        return await first_reachable(addresses, attempt)

    async def _read(self, request: httpx.Request) -> Answer:
        response = await self._http.send(request, stream=True)
        body = b""
        try:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _ANSWER_BYTES:
                    break
        finally:
            await response.aclose()
        return Answer(status=response.status_code, headers=dict(response.headers), body=body)


def _failure(answer: Answer) -> Failed:
    failed = failure_of(answer)
    return replace(failed, detail=failed.detail[:_DETAIL_CHARS])
