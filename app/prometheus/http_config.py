"""How to reach a Prometheus: address, credentials and TLS, as in Prometheus's own `http_config`."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from app.http import probe_file
from app.prometheus.cloud.options import CloudLogin


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpConfig:
    """Where Prometheus is and how to log in; secrets stay out of the repr.

    Attributes:
        url: base URL, http or https, without credentials; a path such as ``/prometheus`` is kept.
        username: for basic authentication, with *password* or *password_file*.
        password: basic authentication.
        password_file: reread when it changes.
        bearer_token: sent as ``Authorization: Bearer``, or with another *scheme*.
        bearer_token_file: reread when it changes.
        tls_ca_file: certificates to trust instead of the system's.
        tls_cert_file: our own certificate, with *tls_key_file*.
        tls_key_file: the key of our own certificate.
        tls_insecure_skip_verify: accept any certificate of the server.
        headers: sent with every request, such as ``X-Scope-OrgID``.
        cloud: how to log in to what a cloud runs, instead of the above.

    Raises:
        ValueError: the address is not one, or two ways to log in are given.
    """

    url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    password_file: Path | None = None
    bearer_token: str | None = field(default=None, repr=False)
    bearer_token_file: Path | None = None
    scheme: str = "Bearer"
    tls_ca_file: Path | None = None
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    tls_insecure_skip_verify: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    cloud: CloudLogin | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("the address of Prometheus must start with http:// or https:// and name a host")
        if parts.username is not None or parts.password is not None:
            raise ValueError("credentials do not belong in the address of Prometheus; give username and password")
        ways = [self.password, self.password_file, self.bearer_token, self.bearer_token_file, self.cloud]
        if sum(way is not None for way in ways) > 1:
            raise ValueError("give one of password, password_file, bearer_token, bearer_token_file and cloud")
        if self.username is not None and (self.bearer_token or self.bearer_token_file):
            raise ValueError("give either a username or a bearer token")

    @property
    def base_url(self) -> str:
        """The address without a slash at the end, a query or a fragment."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"

    @property
    def tls_files(self) -> tuple[Path, ...]:
        """The files that `ssl_context` reads; none for http."""
        named = (self.tls_ca_file, self.tls_cert_file, self.tls_key_file)
        return tuple(file for file in named if file is not None and urlsplit(self.url).scheme == "https")

    def ssl_context(self) -> ssl.SSLContext:
        """What TLS connections check; reads the files.

        Raises:
            OSError: a file cannot be read, or is not a certificate or key (`ssl.SSLError`).
        """
        if urlsplit(self.url).scheme == "http":
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # unused; reading the system's certificates takes 30 ms
        for file in self.tls_files:
            probe_file(file)
        context = ssl.create_default_context(cafile=self.tls_ca_file)
        if self.tls_insecure_skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.tls_cert_file is not None:
            context.load_cert_chain(self.tls_cert_file, self.tls_key_file)
        return context
