"""How requests of one receiver log in, what they carry, and which way they go: as Prometheus's `http_config`."""

import ssl
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from app.http import bypasses, probe_file
from app.http.failures import AttemptError, Failed, FailureReason
from app.http.secrets import PlainValue, Secret, header_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Basic authentication where there is a *username*; else `Authorization: *scheme* *secret*`."""

    secret: Secret
    username: str | None = None
    scheme: str = "Bearer"

    async def header(self) -> str:
        """The value of the header Authorization.

        Raises:
            AttemptError: the secret cannot be read or sent.
        """
        if self.username is None:
            return await header_of("Authorization", self.secret, scheme=self.scheme)
        return f"Basic {b64encode(f'{self.username}:{await self.secret.read()}'.encode()).decode()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsOptions:
    """What is checked of the server's certificate, and the certificate that is shown to it."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    server_name: str | None = None
    insecure_skip_verify: bool = False

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that are named."""
        return tuple(file for file in (self.ca_file, self.cert_file, self.key_file) if file is not None)

    def apply(self, context: ssl.SSLContext) -> None:
        """Let *context* work like this; reads the files.

        Raises:
            OSError: a file cannot be read, or holds no certificate or key.
        """
        for file in self.files:
            probe_file(file)
        if self.ca_file is not None:
            context.load_verify_locations(self.ca_file)
        if self.cert_file is not None:
            # Without a passphrase, however empty, OpenSSL would ask the terminal for one.
            context.load_cert_chain(self.cert_file, self.key_file, password="")
        if self.insecure_skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyOptions:
    """The proxies for http and https targets; their URLs may hold a user and a password."""

    http: Secret | None = None
    https: Secret | None = None
    no_proxy: tuple[str, ...] = ()

    async def url_for(self, target: httpx.URL) -> str | None:
        """The proxy that a request to *target* goes through; None if it goes there directly.

        Raises:
            AttemptError: the URL of the proxy cannot be read or used.
        """
        secret = self.https if target.scheme == "https" else self.http
        if secret is None or bypasses(target.host, target.port or _PORTS[target.scheme], self.no_proxy):
            return None
        url = await secret.read()
        if not is_proxy_url(url):
            raise AttemptError(Failed(reason=FailureReason.REFUSED, detail="the URL of the proxy cannot be used"))
        return url


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpOptions:
    """All of it for one receiver."""

    login: Login | None = None
    headers: Mapping[str, Secret] = field(default_factory=dict)
    tls: TlsOptions = field(default_factory=TlsOptions)
    proxy: ProxyOptions = field(default_factory=ProxyOptions)

    @property
    def secrets(self) -> Sequence[Secret]:
        """What must not be seen in any text about it."""
        login = () if self.login is None else (self.login.secret,)
        proxies = (proxy for proxy in (self.proxy.http, self.proxy.https) if proxy is not None)
        headers = (value for value in self.headers.values() if not isinstance(value, PlainValue))
        return (*login, *headers, *proxies)

    async def own_headers(self) -> dict[str, str]:
        """The headers for the host that is configured, and for no other.

        Raises:
            AttemptError: a secret cannot be read or sent.
        """
        headers = {name: await header_of(name, value) for name, value in self.headers.items()}
        if self.login is None:
            return headers
        others = {name: value for name, value in headers.items() if name.lower() != "authorization"}
        return {**others, "Authorization": await self.login.header()}


_PORTS = {"http": 80, "https": 443}


def is_proxy_url(url: str) -> bool:
    """Whether the URL is one of an http or https proxy."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.host)
