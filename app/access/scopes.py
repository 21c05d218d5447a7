"""What an identity may do."""

from collections.abc import Iterable
from enum import StrEnum


class AccessScope(StrEnum):
    """A kind of request; every route needs one."""

    READ = "read"
    """Read SLOs, alerts, incidents, reports and the state of the service, and ask the gate."""
    METRICS = "metrics"
    """Scrape `/metrics`, and nothing else: for Prometheus."""
    GATE = "gate"
    """Ask the gate and judge canaries, and nothing else: for pipelines."""
    EVENTS = "events"
    """Report deploys and other changes: for pipelines."""
    ADJUST = "adjust"
    """Adjustments, exceptions from policies, marks, notes, postmortems and backtests: for people."""
    RELOAD = "reload"
    """Reload documents and receivers, and retry notifications: for operators."""
    ADMIN = "admin"
    """Everything, and who has access: tokens and the audit."""


AccessScopes = frozenset[AccessScope]
LIMITED_SCOPES: AccessScopes = frozenset({AccessScope.GATE, AccessScope.EVENTS})
"""The scopes that can be limited to services: what they allow is about one service at a time."""


OF_THE_SERVICE: AccessScopes = frozenset({AccessScope.RELOAD, AccessScope.ADMIN})
"""The scopes that no tenant can have: what they allow is about all of them."""


def scope_list(scopes: Iterable[AccessScope]) -> list[AccessScope]:
    """Scopes in the order in which documents list them."""
    given = frozenset(scopes)
    return [scope for scope in AccessScope if scope in given]
