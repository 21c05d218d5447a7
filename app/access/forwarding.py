"""Identities that a proxy with a login, such as oauth2-proxy, sends in headers.

Source: https://oauth2-proxy.github.io/oauth2-proxy/configuration/overview#header-options
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from app.access.identity import AccessFailure, AccessRefusal, Identity, IdentityKind
from app.access.scopes import OF_THE_SERVICE, AccessScope, AccessScopes
from app.slo import Tenant
from app.wording.plain_text import one_line

EVERYBODY = "*"
"""The role of everybody who the proxy lets through."""
_LONGEST_USER = 200
_TWICE = AccessRefusal(
    failure=AccessFailure.UNKNOWN, detail="the proxy sent a header of who asks twice: it must replace what clients send"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardRules:
    """From which addresses headers are accepted, which ones, and what groups may do.

    Attributes:
        networks: of the proxy; without any, no header is accepted.
        user_header: has the name of who asks.
        groups_header: has the groups, separated by commas.
        roles: the scopes of each group, and of `EVERYBODY`.
    """

    networks: Sequence[IPv4Network | IPv6Network] = ()
    user_header: str = "X-Forwarded-Email"
    groups_header: str = "X-Forwarded-Groups"
    roles: Mapping[str, AccessScopes] = field(default_factory=lambda: {EVERYBODY: frozenset({AccessScope.READ})})

    def trusts(self, address: str) -> bool:
        """Whether what a peer with an address says of others is accepted."""
        found = _address(address)
        return found is not None and any(found in network for network in self.networks)

    def identity(
        self, users: Sequence[str], groups: Sequence[str], tenants: Sequence[Tenant] = ()
    ) -> Identity | AccessRefusal | None:
        """Who asks, by what a trusted proxy sends in each of both headers; None if it names no user.

        Where there are *tenants*, who is in no group of any belongs to none, unless a role of theirs is `admin`.
        """
        if len(users) > 1 or len(groups) > 1:
            return _TWICE
        user = _utf8(users[0]) if users else ""
        mine = {group.strip() for group in _utf8(groups[0]).split(",")} if groups else set()
        return self.member(user, mine, tenants, kind=IdentityKind.PROXY)

    def member(
        self, user: str, groups: Collection[str], tenants: Sequence[Tenant] = (), *, kind: IdentityKind
    ) -> Identity | None:
        """A user in some groups, with the scopes and the tenants that these have; None without a name."""
        name = one_line(user)[:_LONGEST_USER]
        if not name:
            return None
        mine = {*groups} - {EVERYBODY, ""}
        everybody = self.roles.get(EVERYBODY, frozenset())
        scopes = everybody.union(*(self.roles[role] for role in mine & self.roles.keys()))
        if not tenants or AccessScope.ADMIN in scopes:
            return Identity(kind=kind, name=name, scopes=scopes)
        own = frozenset(tenant.name for tenant in tenants if not mine.isdisjoint(tenant.groups))
        return Identity(kind=kind, name=name, scopes=scopes - OF_THE_SERVICE, tenants=own)

    def client(self, peer: str, forwarded_for: Sequence[str]) -> str:
        """The address of a client: that of the connection, or what trusted proxies say of it."""
        hops = [hop.strip() for line in forwarded_for for hop in line.split(",")]
        found = peer
        # From our side on: what a client sends itself is further left.
        while hops and self.trusts(found):
            before = _address(hops.pop())
            if before is None:
                break
            found = str(before)
        return found


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def _utf8(header: str) -> str:
    # Servers read headers as latin-1, proxies write names as UTF-8.
    return header.encode("latin-1", errors="replace").decode(errors="replace")
