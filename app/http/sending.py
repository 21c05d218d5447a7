"""One request at a time: straight to an address that was checked, or through a proxy."""

import ipaddress
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

import httpx

from app.http import IpAddress, ResolvingTransport
from app.http.client_options import ClientOptions, checked_addresses
from app.http.failures import AttemptError, Failed, FailureReason
from app.http.pinned import CONNECT_S, UNLIMITED, first_reachable, pinned_request

T = TypeVar("T")
_MOST_PROXIES = 4


class Sender:
    """Sends requests with the options of one receiver."""

    def __init__(self, options: ClientOptions) -> None:
        self._options = options
        self._verify = options.ssl_context()
        seconds = options.deadline.total_seconds()
        self._timeout = httpx.Timeout(seconds, connect=min(CONNECT_S, seconds))
        self._direct = httpx.AsyncClient(verify=self._verify, trust_env=False, timeout=self._timeout, limits=UNLIMITED)
        self._proxied: dict[str, httpx.AsyncClient] = {}

    async def aclose(self) -> None:
        """Close the connections."""
        for client in (self._direct, *self._proxied.values()):
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

        Raises:
            AttemptError: the target or the proxy is refused, or its name cannot be resolved.
            httpx.HTTPError: the exchange failed.
        """
        proxy = await self.proxy_for(target)
        if proxy is not None:
            return await self._send_through(proxy, method, target, receive, content=content, headers=headers)
        addresses = await checked_addresses(
            target.raw_host.decode(), port_of(target), options=self._options, trusted=trusted
        )

        async def attempt(address: IpAddress) -> T:
            request = pinned_request(
                self._direct,
                method,
                target,
                address,
                content=content,
                headers=headers,
                server_name=self._options.http.tls.server_name,
            )
            return await _exchange(self._direct, request, receive)

        return await first_reachable(addresses, attempt)

    async def _send_through(
        self,
        proxy: str,
        method: str,
        target: httpx.URL,
        receive: Callable[[httpx.Response], Awaitable[T]],
        *,
        content: bytes | None,
        headers: Mapping[str, str] | None,
    ) -> T:
        # The proxy resolves the name; what is written as an address is checked here all the same.
        with suppress(ValueError):
            why = self._options.policy.refusal(ipaddress.ip_address(target.host.strip("[]")), trusted=True)
            if why is not None:
                detail = f"no request goes to {target.host}: {why}"
                raise AttemptError(Failed(reason=FailureReason.REFUSED, detail=detail))
        client = await self._client_of(proxy)
        server_name = self._options.http.tls.server_name
        extensions = {} if server_name is None else {"sni_hostname": server_name}
        request = client.build_request(method, target, content=content, headers=headers, extensions=extensions)
        return await _exchange(client, request, receive)

    async def _client_of(self, proxy: str) -> httpx.AsyncClient:
        """The client of a proxy; those of URLs that have changed meanwhile are closed."""
        while proxy not in self._proxied and len(self._proxied) >= _MOST_PROXIES:
            await self._proxied.pop(next(iter(self._proxied))).aclose()
        if proxy not in self._proxied:
            secure = self._verify if proxy.lower().startswith("https:") else None
            transport = ResolvingTransport(
                self._verify,
                limits=UNLIMITED,
                proxy=httpx.Proxy(proxy, ssl_context=secure),
                resolver=self._resolve,
            )
            client = httpx.AsyncClient(transport=transport, trust_env=False, timeout=self._timeout)
            self._proxied[proxy] = client
        return self._proxied[proxy]

    async def _resolve(self, host: str, port: int) -> Sequence[IpAddress]:
        return await checked_addresses(host, port, options=self._options)


async def _exchange(
    client: httpx.AsyncClient, request: httpx.Request, receive: Callable[[httpx.Response], Awaitable[T]]
) -> T:
    response = await client.send(request, stream=True)
    try:
        return await receive(response)
    finally:
        await response.aclose()


def port_of(target: httpx.URL) -> int:
    """The port that the URL stands for."""
    return target.port or (443 if target.scheme == "https" else 80)
