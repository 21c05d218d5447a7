"""What settings are written like: text into values, with errors that say what to write instead.

An error quotes what was written only where that cannot be a secret.
"""

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import orjson
from pydantic import BeforeValidator, SecretStr

from app.access import AccessScope, AccessScopes
from app.http import SecretFileError, is_header_name, is_header_value, is_settable_header, probe_file, read_secret_now
from app.slo import parse_duration

_HIGHEST_PORT = 65_535

T = TypeVar("T")


def parsed(parse: Callable[[str], T]) -> BeforeValidator:
    """Text goes through *parse*; a value that is already of its type stays as it is."""
    return BeforeValidator(lambda value: parse(value.strip()) if isinstance(value, str) else value)


def duration_between(shortest: str, longest: str) -> BeforeValidator:
    """Text is a duration within these bounds, both included; ``0s`` is one."""

    def parse(text: str) -> timedelta:
        duration = timedelta(0) if text in {"0", "0s"} else parse_duration(text)
        low = timedelta(0) if shortest == "0s" else parse_duration(shortest)
        if not low <= duration <= parse_duration(longest):
            raise ValueError(f"{text!r} is out of range: write a duration from {shortest} to {longest}")
        return duration

    return parsed(parse)


def parse_interval(text: str) -> timedelta:
    """An evaluation interval: slots start on whole seconds."""
    duration = parse_duration(text)
    if not timedelta(seconds=5) <= duration <= timedelta(minutes=5) or duration % timedelta(seconds=1):
        raise ValueError(f"{text!r} is out of range: write whole seconds from 5s to 5m, such as 30s")
    if timedelta(minutes=5) % duration:
        # Fine slots are merged into those of five minutes.
        raise ValueError(f"{text!r} does not divide five minutes: write one that does, such as 10s, 15s, 30s or 1m")
    return duration


def parse_history(text: str) -> timedelta | None:
    """How much history to read; None for all of it."""
    match text.lower():
        case "full":
            return None
        case "off":
            return timedelta(0)
    try:
        return parse_duration(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a limit: write full, off, or a duration such as 7d") from None


def parse_watch_interval(text: str) -> timedelta:
    """How often to look for changed files; zero for never."""
    if text.lower() == "off":
        return timedelta(0)
    try:
        duration = parse_duration(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an interval: write off, or a duration such as 10s") from None
    if not timedelta(seconds=1) <= duration <= timedelta(hours=1):
        raise ValueError(f"{text!r} is out of range: write a duration from 1s to 1h, or off")
    return duration


def parse_http_url(text: str) -> str:
    """A base URL without a slash at the end."""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018  # raises if it is none
    except ValueError:
        raise ValueError("not a URL: write something like http://localhost:9090") from None
    if "@" in text:
        # Neither quoted here nor kept: a URL ends up in logs, errors and alerts.
        raise ValueError("a URL must not hold credentials: write it without, and log in by settings of their own")
    if parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"\s", text):
        raise ValueError(f"{text!r} is not an http or https URL: write something like http://localhost:9090")
    if parts.query or parts.fragment:
        raise ValueError("a URL must not have a query or fragment: write it without, such as http://host:9090/path")
    return text.rstrip("/")


def parse_http_urls(text: str) -> tuple[str, ...]:
    """Base URLs in their order, each once."""
    return tuple(dict.fromkeys(parse_http_url(str(url)) for url in _items(text) if url))


def parse_host_names(text: str) -> tuple[str, ...]:
    """Names or addresses of hosts without ports, each once."""
    found = tuple(dict.fromkeys(str(name).lower() for name in _items(text) if name))
    for name in found:
        if not re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:]+", name):
            raise ValueError(f"{name!r:.60} is not the name of a host: write slo.example.org, without scheme and port")
    return found


def parse_namespaces(text: str) -> tuple[str, ...]:
    """Names of namespaces of Kubernetes, each once."""
    found = tuple(dict.fromkeys(str(name) for name in _items(text) if name))
    for name in found:
        if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name):
            raise ValueError(f"{name!r:.70} is not the name of a namespace: write one such as team-a")
    return found


def parse_kubernetes_kinds(text: str) -> tuple[str, ...]:
    """Kinds of objects of Kubernetes, each once."""
    # Only where some are set: each command reads settings, and the gate should not wait for a client of Kubernetes.
    from app.kubernetes import WATCHED_KINDS  # noqa: PLC0415

    found = tuple(dict.fromkeys(str(name).lower() for name in _items(text) if name))
    for name in found:
        if name not in WATCHED_KINDS:
            raise ValueError(f"{name!r:.70} is not a kind that is read: write some of {', '.join(WATCHED_KINDS)}")
    return found


def parse_headers(text: str) -> dict[str, SecretStr]:
    """Names and values of headers; each value may be a secret."""
    pairs: Iterable[tuple[str, str]]
    if text.startswith("{"):
        pairs = [(str(name), str(value)) for name, value in _json(text, dict).items()]
    else:
        # Not quoted when it is wrong: it may be a secret.
        pairs = [(name.strip(), value.strip()) for name, _, value in (pair.partition("=") for pair in text.split(","))]
        if "=" not in text or any(not name or not value for name, value in pairs):
            raise ValueError("not pairs: write X-Scope-OrgID=team-a,X-Other=value, or a JSON object")
    for name, value in pairs:
        if not is_header_name(name) or not is_header_value(value):
            raise ValueError(f"the header {name!r:.60} cannot be sent: use printable ASCII, and no spaces in the name")
        if not is_settable_header(name):
            raise ValueError(f"the header {name} is set for every request: leave it out")
    return {name: SecretStr(value) for name, value in pairs}


def _items(text: str) -> list[Any]:
    """A JSON list, or what commas and spaces separate."""
    return _json(text, list) if text.startswith("[") else re.split(r"[\s,]+", text)


def _json(text: str, kind: type[T]) -> T:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise ValueError("not JSON: check quotes, commas and brackets") from None
    if not isinstance(value, kind):
        raise ValueError(f"not a JSON {'list' if kind is list else 'object'}")  # noqa: TRY004  # pydantic wants it so
    return value


def parse_listen_address(text: str) -> str:
    """A host and a port, the host in brackets if it is an IPv6 address."""
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not port.isdecimal() or int(port) > _HIGHEST_PORT or (":" in host and not bracketed):
        raise ValueError(f"{text!r} is not host:port: write 127.0.0.1:9720, [::1]:9720, or :9720 for every address")
    return text


def parse_database_url(text: str) -> str:
    """The URL of a database that the store can use; never quoted, as it may hold a password."""
    if not re.match(r"(sqlite|postgres(ql)?)(\+\w+)?:", text):
        raise ValueError("not a database: write sqlite:///data/sloburn.db or postgresql+psycopg://user@host/name")
    return text


def file_text(path: Path) -> str:
    """What is in a file with a secret, without spaces, line ends or a byte order mark around it."""
    try:
        return read_secret_now(path)
    except SecretFileError as error:
        raise ValueError(f"{path} cannot be read, {error}; write the path of a file") from None


def check_file(path: Path) -> None:
    """Make sure that a file, such as a certificate, can be read."""
    try:
        probe_file(path)
    except OSError as error:
        raise ValueError(f"{path} cannot be read, {error.strerror or error}; write the path of a file") from None


def parse_networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Networks of peers that are trusted."""
    networks = []
    for one in _items(text):
        try:
            networks.append(ip_network(str(one)))
        except ValueError:
            raise ValueError(f"{one!r} is not a network: write one such as 10.0.0.0/8 or 10.0.0.7/32") from None
        if networks[-1].prefixlen == 0:
            raise ValueError(f"{one!r} is everybody, who could then be anybody: write the network of the proxy")
    return tuple(networks)


def parse_header_name(text: str) -> str:
    """The name of a header."""
    if not is_header_name(text):
        raise ValueError(f"{text!r:.60} is not the name of a header: write one such as X-Forwarded-Email")
    return text


def parse_roles(text: str) -> dict[str, AccessScopes]:
    """Scopes of groups."""
    pairs: Iterable[tuple[str, Any]]
    if text.startswith("{"):
        pairs = _json(text, dict).items()
    else:
        # A group of LDAP has `=` in its name.
        pairs = [(group.strip(), scopes) for group, _, scopes in (one.rpartition("=") for one in text.split(","))]
    roles = {}
    for group, scopes in pairs:
        names = [name.strip() for name in scopes.split("+")] if isinstance(scopes, str) else scopes
        try:
            roles[group] = frozenset(AccessScope(name) for name in names)
        except (ValueError, TypeError):
            known = ", ".join(AccessScope)
            raise ValueError(f"{scopes!r:.60} are not scopes: write some of {known}, joined by +") from None
        if not group or not roles[group]:
            raise ValueError("not groups with scopes: write sre=admin,developers=read+adjust, or a JSON object")
    return roles
