"""The calls of Alertmanager's API v2 that we make, their errors, and the skew of its clock."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
import orjson

from app.clock import Clock
from app.delivery.outcome import Failed, FailureReason
from app.delivery.ports import DeliveryInstruments
from app.http.answers import POISON, Answer, failure_of
from app.http.client_options import ClientOptions
from app.http.dates import clock_skew
from app.http.failures import AttemptError
from app.http.secrets import redacted
from app.http.sending import Sender
from app.integrations.alertmanager.payload import PostableAlert

# The status holds the whole configuration; no answer is larger than that.
_ANSWER_BYTES = 4 * 1024 * 1024
# Bodies of errors may be whole HTML pages of a proxy; their beginning names the reason.
_DETAIL_CHARS = 300
# What is compressed all the same is not unpacked: a small answer can unpack to any size.
_PLAIN = {"Accept-Encoding": "identity"}
_JSON = {"Content-Type": "application/json"}


class AlertmanagerApi:
    """One Alertmanager's API.

    Attributes:
        peer: what it is called in metrics and logs; without credentials.
        skew: seconds that its clock is ahead of ours, as of the newest answer.
    """

    def __init__(
        self, url: str, *, clock: Clock, instruments: DeliveryInstruments, outgoing: ClientOptions | None = None
    ) -> None:
        parts = urlsplit(url)
        self.peer = f"alertmanager/{parts.netloc.rpartition('@')[2]}"
        self.skew = 0.0
        self._clock = clock
        self._instruments = instruments
        self._base = httpx.URL(url.rstrip("/"))
        self._outgoing = outgoing or ClientOptions()
        self._timeout_s = self._outgoing.deadline.total_seconds()
        self._sender = Sender(self._outgoing)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._sender.aclose()

    async def started_at(self) -> datetime | None:
        """When the Alertmanager was started, in its own clock; None if the status has no such field.

        Raises:
            AttemptError: it cannot be reached.
        """
        answer = await self._exchange("GET", "/api/v2/status")
        with suppress(ValueError, KeyError, TypeError):
            return datetime.fromisoformat(orjson.loads(answer.body)["uptime"]).astimezone(UTC)
        return None

    async def post(self, alerts: Sequence[PostableAlert]) -> str | None:
        """Post alerts; None if all were accepted, else why at least one of them is rejected.

        Raises:
            AttemptError: it did not work, and may later.
        """
        answer = await self._exchange("POST", "/api/v2/alerts", orjson.dumps(alerts))
        if answer.ok and not answer.is_web_page:
            return None
        if answer.status in POISON:
            return redacted(answer.text, self._outgoing.http.secrets)[:_DETAIL_CHARS]
        raise AttemptError(self._redacted(failure_of(answer)))

    async def get(self, path: str) -> bytes:
        """What a path of the API answers, its beginning where that is too large.

        Raises:
            AttemptError: it cannot be reached, or refuses.
        """
        answer = await self._exchange("GET", path)
        if not answer.ok:
            raise AttemptError(self._redacted(failure_of(answer)))
        return answer.body

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
            failed = self._redacted(Failed(reason=FailureReason.UNREACHABLE, detail=detail))
            raise AttemptError(failed) from error
        skew = clock_skew(answer.headers.get("date"), sent=sent, received=self._clock.now())
        if skew is not None:
            self.skew = skew
            self._instruments.clock_skew(self.peer, skew)
        return answer

    async def _ask(self, method: str, path: str, content: bytes | None) -> Answer:
        target = self._base.copy_with(raw_path=self._base.raw_path.rstrip(b"/") + path.encode())
        headers = {**_PLAIN, **(_JSON if content is not None else {}), **await self._outgoing.http.own_headers()}
        return await self._sender.send(method, target, _read, content=content, headers=headers)

    def _redacted(self, failed: Failed) -> Failed:
        return replace(failed, detail=redacted(failed.detail, self._outgoing.http.secrets)[:_DETAIL_CHARS])


async def _read(response: httpx.Response) -> Answer:
    body = b""
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > _ANSWER_BYTES:
            break
    return Answer(status=response.status_code, headers=dict(response.headers), body=body)
