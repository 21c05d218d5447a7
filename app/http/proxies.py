"""Which requests go through a proxy, as Prometheus and most programs read ``no_proxy``."""

import ipaddress
from collections.abc import Mapping, Sequence

LOOPBACK = ("localhost", "127.0.0.0/8", "::1")
"""What the proxy of an environment is never asked for, as by Prometheus and Go: it would reach itself."""


def bypasses(host: str, port: int, no_proxy: Sequence[str]) -> bool:
    """Whether a request to the host goes there directly.

    An entry is ``*``, an address, a network such as ``10.0.0.0/8``, or a domain: ``example.org`` stands for itself and
    all below it, ``.example.org`` only for those below. A port may follow.

    >>> bypasses("am.example.org", 9093, ["example.org"]), bypasses("10.1.2.3", 80, ["10.0.0.0/8"])
    (True, True)
    """
    host = host.strip("[]").rstrip(".").lower()
    return any(_matches(host, port, entry.strip().lower()) for entry in no_proxy)


def environment_proxies(environment: Mapping[str, str]) -> tuple[str | None, str | None, tuple[str, ...]]:
    """The proxies for http and https, and what goes past them, of the usual variables in either case."""

    def value(name: str) -> str:
        return environment.get(name) or environment.get(name.upper()) or ""

    def url(name: str) -> str | None:
        named = value(name) or every
        # The scheme is often left out, and `http` is meant.
        return f"http://{named}" if named and "://" not in named else named or None

    every = value("all_proxy")
    no_proxy = tuple(entry.strip() for entry in value("no_proxy").split(",") if entry.strip())
    return url("http_proxy"), url("https_proxy"), no_proxy


def _matches(host: str, port: int, entry: str) -> bool:
    if entry == "*":
        return True
    address = _address(host)
    if address is not None and "/" in entry:
        try:
            network = ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
        return address.version == network.version and address in network
    name, _, wanted = entry.rpartition(":")
    if name and wanted.isdecimal() and (":" not in name or name.endswith("]")):
        if int(wanted) != port:
            return False
        entry = name
    entry = entry.strip("[]")
    if address is not None:
        return address == _address(entry)
    return bool(entry) and (
        host.endswith(entry) if entry.startswith(".") else host == entry or host.endswith(f".{entry}")
    )


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
