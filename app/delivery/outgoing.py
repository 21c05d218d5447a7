"""Requests to receivers: to addresses that were checked, few redirects, little read, and never for long.

A name is resolved once for every request; all of its addresses are checked, and the connection goes to one of these,
so that an answer of the name service which changes in between changes nothing.
"""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import NoReturn

import httpx

from app.delivery.addresses import AddressPolicy
from app.delivery.answers import Answer, AttemptError
from app.delivery.outcome import Failed, FailureReason
from app.delivery.pinned import CONNECT_S, UNLIMITED, first_reachable, pinned_request
from app.http import IpAddress, NameLookupTimeoutError, Resolver, probe_file, resolve

_MOST_READ = 64 * 1024
_REDIRECTS = frozenset(
    {
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.FOUND,
        HTTPStatus.TEMPORARY_REDIRECT,
        HTTPStatus.PERMANENT_REDIRECT,
    }
)
_OF_THIS_HOST = ("authorization", "webhook-signature")
"""Headers that prove who we are to the host they were made for, and to no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingOptions:
    """What all requests have in common.

    Attributes:
        policy: which addresses may be connected to.
        deadline: the longest that one request may take, redirects included.
        ca_file: certificates to trust beside the usual ones.
        resolver: turns names into addresses.
    """

    policy: AddressPolicy = field(default_factory=AddressPolicy)
    deadline: timedelta = timedelta(seconds=10)
    ca_file: Path | None = None
    resolver: Resolver = resolve

    def ssl_context(self) -> ssl.SSLContext:
        """What certificates of servers are checked with."""
        context = httpx.create_ssl_context(trust_env=False)
        if self.ca_file is not None:
            probe_file(self.ca_file)
            context.load_verify_locations(self.ca_file)
        return context


class Outgoing:
    """Sends requests for one receiver."""

    def __init__(self, options: OutgoingOptions) -> None:
        self._options = options
        self._deadline_s = options.deadline.total_seconds()
        self._http = httpx.AsyncClient(
            verify=options.ssl_context(),
            trust_env=False,
            timeout=httpx.Timeout(self._deadline_s, connect=min(CONNECT_S, self._deadline_s)),
            limits=UNLIMITED,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def post(
        self, url: str, content: bytes, headers: Mapping[str, str], *, redirects: int = 0, read: bool = False
    ) -> Answer:
        """Send *content*; follow at most so many *redirects*. What a receiver says on success is read only on demand.

        Raises:
            AttemptError: it did not work, and may later.
        """
        target = parse_target(url)
        host = target.host
        sent = {"Accept": "application/json, */*", "Accept-Encoding": "identity", "User-Agent": "sloburn", **headers}
        try:
            async with asyncio.timeout(self._deadline_s):
                for _ in range(redirects + 1):
                    answer = await self._send(target, content, sent, trusted=target.host == host, read=read)
                    location = answer.headers.get("location")
                    if answer.status not in _REDIRECTS or location is None or not redirects:
                        return answer
                    target, sent = _next(target, location, sent)
        except TimeoutError as error:
            raise _attempt(FailureReason.TIMEOUT, f"{host} did not answer within {self._deadline_s:g} s") from error
        raise _attempt(FailureReason.REFUSED, f"{host} redirects more than {redirects} times")

    async def _send(
        self, target: httpx.URL, content: bytes, headers: Mapping[str, str], *, trusted: bool, read: bool
    ) -> Answer:
        addresses = await checked_addresses(
            target.raw_host.decode(), port_of(target), options=self._options, trusted=trusted
        )

        async def attempt(address: IpAddress) -> Answer:
            request = pinned_request(self._http, "POST", target, address, content=content, headers=headers)
            return await self._exchange(request, read=read)

        try:
            return await first_reachable(addresses, attempt)
        except httpx.HTTPError as error:
            _fail(target, error)

    async def _exchange(self, request: httpx.Request, *, read: bool) -> Answer:
        response = await self._http.send(request, stream=True)
        body = b""
        try:
            if read or not response.is_success:
                body = await _start_of_body(response, self._deadline_s / 2)
        finally:
            await response.aclose()
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(status=response.status_code, headers=headers, body=body)


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
    if target.userinfo:
        raise _attempt(FailureReason.REFUSED, "a URL must not hold a user or a password")
    return target


async def checked_addresses(
    host: str, port: int, *, options: OutgoingOptions, trusted: bool = True
) -> Sequence[IpAddress]:
    """The addresses of a host, all of them allowed.

    Raises:
        AttemptError: the name is not known, or one of its addresses is refused.
    """
    try:
        addresses = await options.resolver(host.strip("[]"), port)
    except NameLookupTimeoutError as error:
        raise _attempt(FailureReason.TIMEOUT, str(error)) from error
    except (OSError, UnicodeError, ValueError) as error:
        raise _attempt(FailureReason.UNREACHABLE, f"the name {host} cannot be resolved") from error
    if not addresses:
        raise _attempt(FailureReason.UNREACHABLE, f"the name {host} has no address")
    why = options.policy.refusal_of_any(addresses, trusted=trusted)
    if why is not None:
        raise _attempt(FailureReason.REFUSED, f"no request goes to {host}: {why}")
    return addresses


def _next(target: httpx.URL, location: str, headers: Mapping[str, str]) -> tuple[httpx.URL, dict[str, str]]:
    try:
        url = str(target.join(location))
    except (httpx.InvalidURL, ValueError) as error:
        raise _attempt(FailureReason.REFUSED, f"{target.host} redirects to what is no URL") from error
    onward = parse_target(url)
    if target.scheme == "https" and onward.scheme != "https":
        raise _attempt(FailureReason.REFUSED, f"{target.host} redirects from https to http")
    same = (onward.scheme, onward.host, port_of(onward)) == (target.scheme, target.host, port_of(target))
    return onward, {name: value for name, value in headers.items() if same or name.lower() not in _OF_THIS_HOST}


async def _start_of_body(response: httpx.Response, within_s: float) -> bytes:
    """The first 64 KiB, or what comes of them in time: the status has been said, and is worth more than the rest."""
    body = bytearray()
    try:
        async with asyncio.timeout(within_s):
            async for chunk in response.aiter_raw(8192):
                body += chunk
                if len(body) >= _MOST_READ:
                    break
    except (TimeoutError, httpx.HTTPError):
        pass
    return bytes(body[:_MOST_READ])


def port_of(target: httpx.URL) -> int:
    """The port that the URL stands for."""
    return target.port or (443 if target.scheme == "https" else 80)


def _fail(target: httpx.URL, error: httpx.HTTPError) -> NoReturn:
    # Only the host is named: paths and queries of receivers' URLs are often secret.
    if isinstance(error, httpx.TimeoutException):
        raise _attempt(FailureReason.TIMEOUT, f"{target.host} did not answer in time") from error
    raise _attempt(FailureReason.UNREACHABLE, f"{target.host} cannot be reached: {error}") from error


def _attempt(reason: FailureReason, detail: str) -> AttemptError:
    return AttemptError(Failed(reason=reason, detail=detail))
