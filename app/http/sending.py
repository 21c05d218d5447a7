"""One request at a time: straight to an address that was checked, or through a proxy."""

import ipaddress
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TypeVar

import httpx

from app.http import FollowedContext, IpAddress, ResolvingTransport
from app.http.client_options import ClientOptions, checked_addresses
from app.http.failures import AttemptError, Failed, FailureReason
from app.http.sockets import CONNECT_S
from app.tracing import trace_child

T = TypeVar("T")
UNLIMITED = httpx.Limits(max_connections=None, max_keepalive_connections=0)
"""Senders bound how many requests are under way. A pool with a limit loses a place for good with each request that is
broken off while it connects (https://github.com/encode/httpcore/issues/1093); and a connection that is kept was made
to an address that was checked long ago."""
# The URL of a proxy may be a secret that rotates; clients of old URLs are closed beyond these.
_MOST_PROXIES = 4


class Sender:
    """Sends requests with the options of one receiver."""

    def __init__(self, options: ClientOptions) -> None:
        self._options = options
        self._tls = FollowedContext(options.ssl_context, options.tls_files)
        self._verify = self._tls.context
        self._timeout = httpx.Timeout(options.deadline.total_seconds())
        self._trusted = self._client(self._transport(trusted=True))
        self._untrusted = self._client(self._transport(trusted=False))
        self._proxied: dict[str, httpx.AsyncClient] = {}

    async def aclose(self) -> None:
        """Close the connections."""
        for client in (self._trusted, self._untrusted, *self._proxied.values()):
            await client.aclose()

    async def proxy_for(self, target: httpx.URL) -> str | None:
        """The proxy that a request to *target* goes through; None if there is none.

        Raises:
            AttemptError: the URL of the proxy cannot be read or used.
        """
        return await self._options.http.proxy.url_for(target)

    async def send(
        self,
        method: str,
        target: httpx.URL,
        receive: Callable[[httpx.Response], Awaitable[T]],
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        trusted: bool = True,
    ) -> T:
        """What *receive* makes of the response, whose body has not been read.

        Args:
            method: the HTTP method.
            target: where the request goes.
            receive: reads the response.
            content: the body.
            headers: headers beside those of HTTP.
            trusted: whether the host is a configured one, which may have an address of our own network.

        Raises:
            AttemptError: the target or the proxy is refused, or its name cannot be resolved.
            httpx.HTTPError: the exchange failed.
        """
        await self._follow_tls_files()
        proxy = await self.proxy_for(target)
        if proxy is None:
            client = self._trusted if trusted else self._untrusted
        else:
            self._refuse_address(target)
            client = await self._client_of(proxy)
        server_name = self._options.http.tls.server_name
        extensions = {} if server_name is None else {"sni_hostname": server_name}
        request = client.build_request(method, target, content=content, headers=headers, extensions=extensions)
        # Only the host: paths and queries of receivers' URLs are often secret.
        with trace_child(
            method,
            {"http.request.method": method, "server.address": target.host, "server.port": port_of(target)},
            client=True,
        ) as span:
            try:
                response = await client.send(request, stream=True)
            except httpx.InvalidURL as error:
                # Also where redirects are not followed, httpx looks at where they lead.
                detail = f"{target.host} redirects to what is no URL"
                raise AttemptError(Failed(reason=FailureReason.REFUSED, detail=detail)) from error
            span.add({"http.response.status_code": response.status_code})
            if response.is_error:
                span.fail(str(response.status_code))
            try:
                return await receive(response)
            finally:
                await response.aclose()

    async def _follow_tls_files(self) -> None:
        """Make new clients once a certificate has been replaced; requests under way keep theirs."""
        verify = await self._tls.current()
        if verify is not self._verify:
            self._verify = verify
            self._trusted = self._client(self._transport(trusted=True))
            self._untrusted = self._client(self._transport(trusted=False))
            self._proxied = {}

    def _refuse_address(self, target: httpx.URL) -> None:
        """Refuse a *target* written as an address; a name is resolved by the proxy and cannot be checked here."""
        with suppress(ValueError):
            why = self._options.policy.refusal(ipaddress.ip_address(target.host.strip("[]")), trusted=True)
            if why is not None:
                detail = f"no request goes to {target.host}: {why}"
                raise AttemptError(Failed(reason=FailureReason.REFUSED, detail=detail))

    async def _client_of(self, proxy: str) -> httpx.AsyncClient:
        """The client of a proxy; those of URLs that have changed meanwhile are closed."""
        while proxy not in self._proxied and len(self._proxied) >= _MOST_PROXIES:
            await self._proxied.pop(next(iter(self._proxied))).aclose()
        if proxy not in self._proxied:
            self._proxied[proxy] = self._client(self._transport(trusted=True, proxy=proxy))
        return self._proxied[proxy]

    def _client(self, transport: ResolvingTransport) -> httpx.AsyncClient:
        # No cookie is kept: a gateway that sets one with every answer would make each request longer than the last.
        cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
        return httpx.AsyncClient(transport=transport, trust_env=False, timeout=self._timeout, cookies=cookies)

    def _transport(self, *, trusted: bool, proxy: str | None = None) -> ResolvingTransport:
        async def resolve_checked(host: str, port: int) -> Sequence[IpAddress]:
            return await checked_addresses(host, port, options=self._options, trusted=trusted)

        through = None
        if proxy is not None:
            secure = self._verify if proxy.lower().startswith("https:") else None
            through = httpx.Proxy(proxy, ssl_context=secure)
        return ResolvingTransport(
            self._verify, limits=UNLIMITED, proxy=through, resolver=resolve_checked, each_s=CONNECT_S
        )


def port_of(target: httpx.URL) -> int:
    """The port of the URL, by default that of its scheme."""
    return target.port or (443 if target.scheme == "https" else 80)
