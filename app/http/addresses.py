"""Where requests may go: checked by the addresses of a name, since a name can point anywhere.

Configured hosts are trusted with the addresses of our own network, other hosts (the targets of redirects) are not.
Neither may be a cloud's metadata service, or anything else that answers on a link.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from app.http import IpAddress

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# The metadata services of AWS, ECS, Alibaba, Azure, Oracle and Google, whose answers hold credentials of the machine.
_METADATA: frozenset[IpAddress] = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
    )
)
# Addresses that carry an IPv4 address, by RFC 6052, RFC 8215 and RFC 4291: what they lead to is checked too.
_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_IPV4_COMPATIBLE = ipaddress.IPv6Network("::/96")
# Carrier-grade NAT (RFC 6598), which Python does not call private.
_SHARED = ipaddress.IPv4Network("100.64.0.0/10")
_LAST_32_BITS = 0xFFFFFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPolicy:
    """Which addresses may be connected to; those in *allowed* always, however they look."""

    allowed: tuple[IpNetwork, ...] = ()

    def refusal(self, address: IpAddress, *, trusted: bool) -> str | None:
        """Why there is no connecting to the address; None if there is."""
        if any(address in network for network in self.allowed if network.version == address.version):
            return None
        for form in _forms(address):
            why = _never(form) or (None if trusted else _only_trusted(form))
            if why is not None:
                return f"{address} is {why}"
        return None

    def refusal_of_any(self, addresses: Sequence[IpAddress], *, trusted: bool) -> str | None:
        """Why a name with these addresses is refused; one that is not allowed spoils them all."""
        return next((why for address in addresses if (why := self.refusal(address, trusted=trusted))), None)


def _forms(address: IpAddress) -> list[IpAddress]:
    """The address and every IPv4 address that is wrapped up in it."""
    if not isinstance(address, ipaddress.IPv6Address):
        return [address]
    translated = any(address in network for network in _NAT64)
    if address.ipv4_mapped is not None or translated:
        # Python calls these ranges reserved as a whole; what counts is the address within.
        return [_last_32_bits(address)]
    compatible = [_last_32_bits(address)] if address in _IPV4_COMPATIBLE and int(address) > 1 else []
    wrapped = (address.sixtofour, *(address.teredo or ()), *compatible)
    return [address, *(form for form in wrapped if form is not None)]


def _last_32_bits(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(int(address) & _LAST_32_BITS)


def _never(address: IpAddress) -> str | None:
    if address in _METADATA:
        return "a metadata service"
    if address.is_link_local:
        return "link-local"
    if address.is_unspecified:
        return "no address of a host"
    if address.is_multicast:
        return "multicast"
    return "reserved" if address.is_reserved and not address.is_loopback else None


def _only_trusted(address: IpAddress) -> str | None:
    if address.is_loopback:
        return "loopback"
    if address.is_private or address in _SHARED or not address.is_global:
        return "not public"
    return None
