"""Tenants: groups of people who share a service, and see nothing of each other (ADR-0101)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.slo.model import Labels

TENANT_LABEL: Final = "tenant"
"""The label of SLOs, alerts and metrics that names their tenant."""
SEPARATOR: Final = "/"
"""Between a tenant and what it calls its own; names of services and SLOs in native documents have none."""
Tenants = frozenset[str]
"""Some tenants, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """One tenant as the configuration declares it.

    Attributes:
        documents: the folder, or the file, of its SLOs; None if all of them are in objects of Kubernetes.
        namespaces: of Kubernetes, whose objects with documents are its own.
        sources: those that its SLOs may be counted from; of a single one they need not name it.
        receivers: the only ones that its alerts are sent to; without any, those that routes name and no tenant owns.
        groups: who is in any of them at the proxy of forward authentication belongs to it.
        most_slos: how many SLOs it may have; None is no limit.
        requests_per_minute: of all its readers together; None is no limit.
    """

    name: str
    documents: Path | None
    sources: tuple[str, ...]
    namespaces: tuple[str, ...] = ()
    receivers: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    most_slos: int | None = None
    requests_per_minute: int | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where its documents are, except those in objects."""
        return () if self.documents is None else (self.documents,)


def in_tenant(tenant: str, name: str) -> str:
    """The name of what belongs to a tenant, which is unique in the service.

    >>> in_tenant("acme", "checkout-availability")
    'acme/checkout-availability'
    """
    return f"{tenant}{SEPARATOR}{name}"


def tenant_of(name: str) -> str:
    """The tenant in an id of an SLO, an alert or a member of a group, or in a service; empty if there is none.

    It is to be compared with tenants that are declared: ids of some dialects have slashes, too.

    >>> tenant_of("acme/checkout-availability:route=/pay"), tenant_of("checkout-availability:route=/pay")
    ('acme', '')
    """
    head, separator, _ = name.partition(":")[0].partition(SEPARATOR)
    return head if separator else ""


def with_tenant_label(labels: Labels, tenant: str) -> Labels:
    """Labels, sorted, with that of a tenant, in place of one of this name.

    >>> with_tenant_label((("team", "payments"),), "acme")
    (('team', 'payments'), ('tenant', 'acme'))
    """
    return tuple(sorted({**dict(labels), TENANT_LABEL: tenant}.items()))
