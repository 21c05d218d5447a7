"""Who reads, and what they may see of what belongs to tenants."""

from collections.abc import Callable, Collection, Iterable, Sequence
from http import HTTPStatus
from typing import TypeVar

from app.access import own_name, seen_tenants
from app.api.problems import ProblemError, invalid
from app.slo import tenant_of

_T = TypeVar("_T")


def is_seen(name: str) -> bool:
    """Whether who reads may see the SLO, alert or service with a name."""
    tenants = seen_tenants()
    return tenants is None or tenant_of(name) in tenants


def are_seen(names: Iterable[str]) -> bool:
    """Whether all of these may be seen."""
    return all(map(is_seen, names))


def is_about_reader(tenant: str | None, names: Collection[str]) -> bool:
    """Whether who reads may see what is about a *tenant*, or about services and SLOs only that may be seen."""
    tenants = seen_tenants()
    return tenants is None or tenant in tenants or (bool(names) and are_seen(names))


def only_seen(items: Sequence[_T], may_be_seen: Callable[[_T], bool]) -> Sequence[_T]:
    """Those of the *items* that may be seen; who sees all gets them as they are, without a look at each."""
    return items if seen_tenants() is None else [one for one in items if may_be_seen(one)]


def refuse_tenants() -> None:
    """Refuse what is about the whole service to who may not see all of it.

    Raises:
        ProblemError: 403.
    """
    if seen_tenants() is not None:
        raise ProblemError(HTTPStatus.FORBIDDEN, "this is about the whole service, which needs a token for all tenants")


def whole_name(name: str) -> str:
    """The whole name of what who asks calls so."""
    return own_name(name, seen_tenants())


def tenant_for(names: Collection[str]) -> str:
    """The tenant that a change is about which names these; empty for who sees all.

    Raises:
        ProblemError: it may be about several.
    """
    tenants = seen_tenants()
    if tenants is None:
        return ""
    found = tenants if len(tenants) == 1 else {tenant_of(name) for name in names} & tenants
    if len(found) != 1 or not are_seen(names):
        raise invalid("name services or SLOs of one of your tenants, with its name in front")
    (tenant,) = found
    return tenant
