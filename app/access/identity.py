"""Who sends a request, or why that is not accepted."""

from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus

from app.access.scopes import AccessScope, AccessScopes
from app.slo import Tenants, in_tenant, tenant_of


class IdentityKind(StrEnum):
    """How an identity proved itself."""

    ANONYMOUS = "anonymous"
    SETTING = "setting"
    """By a token of the settings."""
    TOKEN = "token"  # noqa: S105  a kind, not a token
    WEBHOOK = "webhook"
    """By a signature with the token of events."""
    SESSION = "session"
    """By the cookie of somebody who has signed in with a token."""
    PROXY = "proxy"
    """By a proxy with a login."""
    JWT = "jwt"
    """By a JSON Web Token that an identity provider has signed."""
    COMMAND = "command"
    """By being allowed to open the database."""
    SERVICE = "service"
    """It is the service itself, as when it reloads files that have changed."""


def own_name(name: str, tenants: Tenants | None) -> str:
    """The whole name of what somebody calls so who belongs to *tenants*: of one tenant, names are its own.

    >>> own_name("checkout", frozenset({"acme"})), own_name("acme/checkout", frozenset({"acme"}))
    ('acme/checkout', 'acme/checkout')
    """
    if tenants is None or len(tenants) != 1 or tenant_of(name) in tenants:
        return name
    (tenant,) = tenants
    return in_tenant(tenant, name)


# What browsers send by themselves, also where a page of another site makes the request; proxies add JWTs to requests.
_AMBIENT = frozenset({IdentityKind.SESSION, IdentityKind.PROXY, IdentityKind.JWT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who sends a request and what it may do.

    Attributes:
        name: what people and the audit know it by; empty for anonymous requests.
        services: those that it is limited to; empty for all.
        tenants: those that it belongs to, of which it sees everything and of others nothing; None for all.
    """

    kind: IdentityKind
    name: str = ""
    scopes: AccessScopes = field(default_factory=frozenset)
    services: tuple[str, ...] = ()
    tenants: Tenants | None = None

    @property
    def is_ambient(self) -> bool:
        """Whether a browser proves it by itself, so that who sees a page need not have wanted the request."""
        return self.kind in _AMBIENT

    def allows(self, *wanted: AccessScope) -> bool:
        """Whether it has any of the scopes; `admin` has all."""
        return AccessScope.ADMIN in self.scopes or not self.scopes.isdisjoint(wanted)

    def allows_service(self, service: str) -> bool:
        """Whether it may act for a service."""
        return not self.services or own_name(service, self.tenants) in {
            own_name(one, self.tenants) for one in self.services
        }


class AccessFailure(StrEnum):
    """Why what a request has sent to prove its identity was not accepted."""

    MISTYPED = "mistyped"
    UNKNOWN = "unknown"
    REVOKED = "revoked"
    EXPIRED = "expired"
    TOO_MANY = "too_many"
    """Too many from the same client were not accepted lately, and this one was not looked at, or is not accepted."""
    CROSS_SITE = "cross_site"
    """It was accepted, and a page of another site may have made the request."""
    NO_TENANT = "no_tenant"
    """It was accepted, and its tenant is not declared."""


# All others ask for a proof that is accepted.
_STATUSES = {
    AccessFailure.TOO_MANY: HTTPStatus.TOO_MANY_REQUESTS,
    AccessFailure.CROSS_SITE: HTTPStatus.FORBIDDEN,
    AccessFailure.NO_TENANT: HTTPStatus.FORBIDDEN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRefusal:
    """A token that was not accepted; *detail* says why, without it. *wait_s* are seconds until another may be."""

    failure: AccessFailure
    detail: str
    wait_s: float = 0.0

    @property
    def status(self) -> HTTPStatus:
        """The status of the answer, of the API or a page."""
        return _STATUSES.get(self.failure, HTTPStatus.UNAUTHORIZED)
