"""The service itself, which who belongs to a tenant learns nothing about but what concerns the tenant."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from typing_extensions import override

from app.access import AuditEntry, seen_tenants
from app.api.tenants.reading import is_seen, refuse_tenants
from app.metrics import Exposition, Page, PageForm
from app.slo import Tenant
from app.status import (
    AuditLog,
    ConfigSource,
    ConfigStatus,
    DeliveryLog,
    Readiness,
    ReceiverStatus,
    Reloader,
    ReloadOutcome,
    SourceStatus,
)
from app.store.audit import AuditFilter
from app.store.dead_letters import DeadLetter

DeclaredTenants = Callable[[], Sequence[Tenant]]


def _own(tenants: DeclaredTenants) -> list[Tenant]:
    seen = seen_tenants() or frozenset()
    return [one for one in tenants() if one.name in seen]


@dataclass(frozen=True, slots=True)
class SeenDeliveries(DeliveryLog):
    """The receivers of the reader's tenants, and notifications of theirs that were given up."""

    whole: DeliveryLog
    tenants: DeclaredTenants

    @override
    async def receivers(self) -> Sequence[ReceiverStatus]:
        found = await self.whole.receivers()
        if seen_tenants() is None:
            return found
        own = {name for tenant in _own(self.tenants) for name in tenant.receivers}
        return [one for one in found if one.name in own]

    @override
    async def dead_letters(
        self, limit: int, *, before: int | None = None, tenants: object = None
    ) -> Sequence[DeadLetter]:
        return await self.whole.dead_letters(limit, before=before, tenants=seen_tenants())

    @override
    async def retry(self, letter: int) -> bool:
        refuse_tenants()
        return await self.whole.retry(letter)


@dataclass(frozen=True, slots=True)
class SeenReadiness(Readiness):
    """Whether the service is well; why not names sources, files and SLOs of others."""

    whole: Readiness

    @override
    def reasons(self) -> Sequence[str]:
        return _in_short(self.whole.reasons(), "the service is not ready")

    @override
    def unhealthy_reasons(self) -> Sequence[str]:
        return _in_short(self.whole.unhealthy_reasons(), "evaluation of some SLOs is not healthy")


def _in_short(reasons: Sequence[str], short: str) -> Sequence[str]:
    return reasons if seen_tenants() is None or not reasons else [short]


@dataclass(frozen=True, slots=True)
class SeenConfig(ConfigSource):
    """The configuration, which is that of all tenants."""

    whole: ConfigSource

    @override
    def status(self) -> ConfigStatus:
        refuse_tenants()
        return self.whole.status()


@dataclass(frozen=True, slots=True)
class SeenReloader(Reloader):
    """Reloads the documents of all tenants."""

    whole: Reloader

    @override
    async def reload(self) -> ReloadOutcome:
        refuse_tenants()
        return await self.whole.reload()


class SeenAudit(AuditLog):
    """The audit of all tenants."""

    def __init__(self, whole: AuditLog) -> None:
        self._whole = whole

    @override
    def note(self, entry: AuditEntry) -> None:
        self._whole.note(entry)

    @override
    def listed(self, wanted: AuditFilter, *, limit: int, before: int | None = None) -> Sequence[tuple[int, AuditEntry]]:
        refuse_tenants()
        return self._whole.listed(wanted, limit=limit, before=before)


class SeenExposition(Exposition):
    """The metrics of the SLOs of who scrapes; those of the service are for who sees all."""

    def __init__(self, whole: Exposition) -> None:
        self._whole = whole

    @override
    def form(self, *, accept: str = "", accept_encoding: str = "") -> PageForm:
        # A page is rendered once for all who ask at the same time for the same form.
        return self._whole.form(accept=accept, accept_encoding=accept_encoding)._replace(tenants=seen_tenants())

    @override
    def render(self, *, accept: str = "", accept_encoding: str = "") -> Page:
        if seen_tenants() is None:
            return self._whole.render(accept=accept, accept_encoding=accept_encoding)
        return self._whole.render_part(is_seen, accept=accept, accept_encoding=accept_encoding)


@dataclass(frozen=True, slots=True)
class SeenSources:
    """The sources of the reader's tenants."""

    whole: Callable[[], Sequence[SourceStatus]]
    tenants: DeclaredTenants

    def __call__(self) -> Sequence[SourceStatus]:
        """As they are now."""
        if seen_tenants() is None:
            return self.whole()
        own = {name for tenant in _own(self.tenants) for name in tenant.sources}
        return [one for one in self.whole() if one.name in own]
