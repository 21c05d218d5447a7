"""What a request sends to prove who sends it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class SentCredentials:
    """What a request sends to prove who sends it.

    Attributes:
        authorization: its headers `Authorization`.
        session: the cookie of its session; empty without one.
        peer: the address of the connection.
        address: that of the client, which a proxy that is trusted may name.
        users, groups: what a proxy says of the client, in headers that anybody can send.
        is_cross_site: it changes something and no browser has vouched that a page of this service sent it.
    """

    authorization: Sequence[str] = field(default=(), repr=False)
    session: str = field(default="", repr=False)
    peer: str = ""
    address: str = ""
    users: Sequence[str] = ()
    groups: Sequence[str] = ()
    is_cross_site: bool = False


def is_safe(method: str) -> bool:
    """Whether requests of a method change nothing."""
    return method in _SAFE_METHODS


def is_cross_site(method: str, *, fetch_site: str | None, origin: str | None, host: str | None, own_url: str) -> bool:
    """Whether a request may have been made by a page of another site, in the name of the reader of that page.

    *fetch_site*, *origin* and *host* are headers; *own_url* is where people reach the service. A request that names
    neither of the first two was made by no browser that protects its reader: it has to send a token.

    Source: https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
    """
    if is_safe(method):
        return False
    if fetch_site is not None:
        return fetch_site != "same-origin"
    # Browsers send no Sec-Fetch-Site where there is no TLS. A proxy may keep the host, or put another in its place.
    given, scheme = _origin(origin), urlsplit(own_url).scheme
    return given is None or given not in {_origin(own_url), _origin(f"{scheme}://{host}")}


def _origin(url: str | None) -> tuple[str, str, int | None] | None:
    """The scheme, host and port of a URL; None if it has none, as the `null` of a page without an origin."""
    try:
        parts = urlsplit(url or "")
        host, port = parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, host, port) if host else None
