"""Requests to receivers: to addresses that were checked, few redirects, little read, and never for long.

A name is resolved once for every request; all of its addresses are checked, and the connection goes to one of these,
so that an answer of the name service which changes in between changes nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import NoReturn

import httpx

from app.http.answers import Answer
from app.http.client_options import ClientOptions, checked_addresses
from app.http.failures import AttemptError, Failed, FailureReason
from app.http.secrets import Secret
from app.http.sending import Sender, port_of

__all__ = ["CheckedClient", "ClientOptions", "checked_addresses", "parse_target"]

# Enough for the error of every service; a receiver that answers without end costs no more memory.
_MOST_READ = 64 * 1024
_HIGHEST_PORT = 65_535
# Not 303, which asks for a GET: the message would be lost.
_REDIRECTS = frozenset(
    {
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.FOUND,
        HTTPStatus.TEMPORARY_REDIRECT,
        HTTPStatus.PERMANENT_REDIRECT,
    }
)
# Headers that prove who we are to the host they were made for, and to no other.
_USUAL = {"Accept": "application/json, */*", "Accept-Encoding": "identity", "User-Agent": "sloburn"}
_OF_THIS_HOST = ("authorization", "webhook-signature")


class CheckedClient:
    """Sends requests for one receiver."""

    def __init__(self, options: ClientOptions) -> None:
        self._http = options.http
        self._deadline_s = options.deadline.total_seconds()
        self._sender = Sender(options)

    @property
    def secrets(self) -> Sequence[Secret]:
        """What must not be seen in any text about the requests."""
        return self._http.secrets

    async def aclose(self) -> None:
        """Close the connections."""
        await self._sender.aclose()

    async def post(
        self,
        url: str,
        content: bytes,
        headers: Mapping[str, str],
        *,
        redirects: int = 0,
        read: bool = False,
        of_host: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send *content*; follow at most so many *redirects*. The body of a success is read only on demand.

        Headers *of_host* are for the host of the URL and go to no other that it redirects to.

        Raises:
            AttemptError: it did not work, and may later.
        """
        target = parse_target(url)
        host = target.host
        sent: Mapping[str, str] = headers
        async with self._deadline(host):
            own = _merged(await self._http.own_headers(), of_host or {})
            for _ in range(redirects + 1):
                answer = await self._send(
                    target, content, _merged(_USUAL, own, sent), trusted=target.host == host, read=read
                )
                location = answer.headers.get("location")
                if answer.status not in _REDIRECTS or location is None or not redirects:
                    return answer
                onward, sent = _next(target, location, sent)
                if _origin(onward) != _origin(target):
                    own = httpx.Headers()
                    await self._refuse_unchecked(onward)
                target = onward
        raise _attempt(FailureReason.REFUSED, f"{host} redirects more than {redirects} times")

    async def get(self, url: str) -> Answer:
        """What is at a URL; redirects are not followed.

        Raises:
            AttemptError: it did not work, and may later.
        """
        target = parse_target(url)
        async with self._deadline(target.host):
            headers = _merged(_USUAL, await self._http.own_headers())
            return await self._send(target, None, headers, trusted=True, read=True)

    @asynccontextmanager
    async def _deadline(self, host: str) -> AsyncIterator[None]:
        """Let an attempt at a host take no longer than the deadline."""
        try:
            async with asyncio.timeout(self._deadline_s):
                yield
        except TimeoutError as error:
            raise _attempt(FailureReason.TIMEOUT, f"{host} did not answer within {self._deadline_s:g} s") from error

    async def _refuse_unchecked(self, onward: httpx.URL) -> None:
        """Refuse a redirect to another host through a proxy: it resolves the name, and the address is not checked."""
        if await self._sender.proxy_for(onward) is not None:
            detail = f"a redirect to {onward.host} is not followed through a proxy"
            raise _attempt(FailureReason.REFUSED, detail)

    async def _send(
        self, target: httpx.URL, content: bytes | None, headers: Mapping[str, str], *, trusted: bool, read: bool
    ) -> Answer:
        async def receive(response: httpx.Response) -> Answer:
            wanted = read or not response.is_success
            body, complete = await _start_of_body(response, self._deadline_s / 2) if wanted else (b"", False)
            names = {name.lower(): value for name, value in response.headers.items()}
            return Answer(status=response.status_code, headers=names, body=body, complete=complete)

        method = "GET" if content is None else "POST"
        try:
            return await self._sender.send(method, target, receive, content=content, headers=headers, trusted=trusted)
        except httpx.HTTPError as error:
            _fail(target, error)


def parse_target(url: str) -> httpx.URL:
    """The URL, if a request may go there at all.

    Raises:
        AttemptError: it is not an http or https URL of a host; the text does not quote it, as it may be a secret.
    """
    try:
        target = httpx.URL(url)
    except (httpx.InvalidURL, TypeError) as error:
        raise _attempt(FailureReason.REFUSED, "what is configured is not a URL") from error
    if target.scheme not in {"http", "https"} or not target.host:
        raise _attempt(FailureReason.REFUSED, "what is configured is not an http or https URL")
    if (target.port or 0) > _HIGHEST_PORT:
        raise _attempt(FailureReason.REFUSED, f"a URL must not have a port above {_HIGHEST_PORT}")
    if target.userinfo:
        raise _attempt(FailureReason.REFUSED, "a URL must not hold a user or a password")
    return target


def _merged(*several: Mapping[str, str]) -> httpx.Headers:
    """All headers, each name once in any case; the later ones take the place of earlier ones."""
    merged = httpx.Headers()
    for headers in several:
        merged.update(headers)
    return merged


def _next(target: httpx.URL, location: str, headers: Mapping[str, str]) -> tuple[httpx.URL, dict[str, str]]:
    try:
        url = str(target.join(location))
    except (httpx.InvalidURL, ValueError) as error:
        raise _attempt(FailureReason.REFUSED, f"{target.host} redirects to what is no URL") from error
    onward = parse_target(url)
    if target.scheme == "https" and onward.scheme != "https":
        raise _attempt(FailureReason.REFUSED, f"{target.host} redirects from https to http")
    same = _origin(onward) == _origin(target)
    return onward, {name: value for name, value in headers.items() if same or name.lower() not in _OF_THIS_HOST}


def _origin(target: httpx.URL) -> tuple[str, str, int]:
    return target.scheme, target.host, port_of(target)


async def _start_of_body(response: httpx.Response, within_s: float) -> tuple[bytes, bool]:
    """The first 64 KiB, or the part of them that arrives in time, and whether that is all.

    The status matters more than the rest.
    """
    body = bytearray()
    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(within_s):
            async for chunk in response.aiter_raw(8192):
                body += chunk
                if len(body) > _MOST_READ:
                    return bytes(body[:_MOST_READ]), False
            return bytes(body), True
    return bytes(body), False


def _fail(target: httpx.URL, error: httpx.HTTPError) -> NoReturn:
    # Only the host is named: paths and queries of receivers' URLs are often secret.
    not_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError)
    if isinstance(error, httpx.TimeoutException):
        failed = Failed(reason=FailureReason.TIMEOUT, detail=f"{target.host} did not answer in time", not_sent=not_sent)
    else:
        detail = f"{target.host} cannot be reached: {error}"
        failed = Failed(reason=FailureReason.UNREACHABLE, detail=detail, not_sent=not_sent)
    raise AttemptError(failed) from error


def _attempt(reason: FailureReason, detail: str) -> AttemptError:
    return AttemptError(Failed(reason=reason, detail=detail))
