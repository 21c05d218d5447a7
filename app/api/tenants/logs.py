"""What is kept in the database, as readers see it: alerts, incidents, changes, adjustments."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from typing_extensions import override

from app.access import seen_tenants
from app.adjustments import Adjustment
from app.alerting import Transition
from app.api.ports import AlertLog
from app.api.problems import not_found
from app.api.tenants.reading import is_about_reader, is_seen, only_seen, tenant_for, whole_name
from app.changes import Change
from app.policy import PastIncident, WrittenPostmortem
from app.slo import TENANT_LABEL, SloId, in_tenant, with_tenant_label
from app.status import AdjustmentLog, ChangeLog, IncidentLog, KnownIncidents
from app.store.adjustments import AuditedChange
from app.store.alerts import TransitionFilter
from app.store.changes import ChangeFilter
from app.store.deliveries import Delivery
from app.store.incident_notes import IncidentMark, IncidentNote
from app.store.incidents import Incident, IncidentFilter, IncidentRecord

# As long as those of all changes and adjustments.
_ID_DIGITS = 16


@dataclass(frozen=True, slots=True)
class SeenAlerts(AlertLog):
    """Transitions of the reader's tenants."""

    whole: AlertLog

    @override
    async def recent(
        self, limit: int, slos: Collection[SloId] | None, *, tenants: object = None
    ) -> Sequence[Transition]:
        return await self.whole.recent(limit, slos, tenants=seen_tenants())


@dataclass(frozen=True, slots=True)
class SeenIncidents(IncidentLog):
    """Incidents of the reader's tenants; of others there are none."""

    whole: IncidentLog

    @property
    @override
    def known(self) -> KnownIncidents:
        known = self.whole.known
        if seen_tenants() is None:
            return known
        return replace(
            known,
            records=tuple(one for one in known.records if is_seen(one.incident.slo)),
            changes=tuple((number, one) for number, one in known.changes if is_seen(one.slo)),
        )

    @override
    def listed(
        self, wanted: IncidentFilter, *, limit: int, before: tuple[float, str] | None = None
    ) -> Sequence[Incident]:
        return self.whole.listed(replace(wanted, tenants=seen_tenants()), limit=limit, before=before)

    @override
    def find(self, incident: str) -> IncidentRecord | None:
        found = self.whole.find(incident)
        return found if found is not None and is_seen(found.incident.slo) else None

    @override
    def deliveries(self, incidents: Sequence[Incident]) -> Mapping[str, Sequence[Delivery]]:
        return self.whole.deliveries([one for one in incidents if is_seen(one.slo)])

    @override
    def transitions(
        self, wanted: TransitionFilter, *, limit: int, before_id: int | None = None
    ) -> Sequence[tuple[int, Transition]]:
        return self.whole.transitions(replace(wanted, tenants=seen_tenants()), limit=limit, before_id=before_id)

    @override
    def past(self, slos: Collection[str], *, since: datetime, label: str) -> Sequence[PastIncident]:
        return self.whole.past([one for one in slos if is_seen(one)], since=since, label=label)

    @override
    def set_postmortem(self, incident: str, written: WrittenPostmortem | None) -> bool:
        return self._has(incident) and self.whole.set_postmortem(incident, written)

    @override
    def set_mark(self, incident: str, mark: IncidentMark | None) -> bool:
        return self._has(incident) and self.whole.set_mark(incident, mark)

    @override
    def add_note(self, incident: str, text: str, *, author: str | None) -> IncidentNote | None:
        return self.whole.add_note(incident, text, author=author) if self._has(incident) else None

    def _has(self, incident: str) -> bool:
        return seen_tenants() is None or self.find(incident) is not None


@dataclass(frozen=True, slots=True)
class SeenChanges(ChangeLog):
    """Changes of services of the reader's tenants; what a pipeline of one reports is of its services."""

    whole: ChangeLog

    @override
    def add(self, change: Change, *, allows: Callable[[str], bool] | None = None) -> tuple[Change, bool]:
        service = whole_name(change.service)
        tenant = tenant_for([service])
        # Two tenants may report the deploy of a repository that both know by the same id.
        id_ = _id_within(tenant, change.id)
        return self.whole.add(replace(change, service=service, id=id_), allows=allows)

    @override
    def listed(self, wanted: ChangeFilter, *, limit: int, before: tuple[float, str] | None = None) -> Sequence[Change]:
        return self.whole.listed(replace(wanted, tenants=seen_tenants()), limit=limit, before=before)

    @override
    def find(self, change: str) -> Change | None:
        found = self.whole.find(change)
        return found if found is not None and is_seen(found.service) else None


@dataclass(frozen=True, slots=True)
class SeenAdjustments(AdjustmentLog):
    """Adjustments of the reader's tenants; what somebody of one adjusts are SLOs of that one.

    One that is about several tenants, or all, is seen by who sees all.
    """

    whole: AdjustmentLog

    @override
    def listed(self) -> Sequence[Adjustment]:
        return only_seen(self.whole.listed(), _is_of_reader)

    @override
    def find(self, adjustment: str) -> Adjustment | None:
        found = self.whole.find(adjustment)
        return found if found is not None and _is_of_reader(found) else None

    @override
    def audit(self, adjustment: str) -> Sequence[AuditedChange]:
        return self.whole.audit(adjustment) if self.find(adjustment) is not None else ()

    @override
    def save(self, adjustments: Sequence[Adjustment], *, action: str, author: str) -> None:
        if seen_tenants() is not None:
            for one in adjustments:
                if self.find(one.id) is None and self.whole.find(one.id) is not None:
                    raise not_found(f"no adjustment has the id {one.id!r}")
        self.whole.save([_of_tenant(one) for one in adjustments], action=action, author=author)

    @override
    def imported_id(self, event: str) -> str:
        tenants = seen_tenants()
        return self.whole.imported_id(event if tenants is None else _id_within(" ".join(sorted(tenants)), event))


def _id_within(tenant: str, id_: str) -> str:
    """The id of what a tenant calls by an id that others may use, too."""
    return hashlib.sha256(in_tenant(tenant, id_).encode()).hexdigest()[:_ID_DIGITS] if tenant else id_


def _is_of_reader(adjustment: Adjustment) -> bool:
    selector = adjustment.selector
    return is_about_reader(dict(selector.labels).get(TENANT_LABEL), (*selector.slos, *selector.services))


def _of_tenant(adjustment: Adjustment) -> Adjustment:
    """The same, for SLOs of the tenant of who makes it only."""
    if seen_tenants() is None:
        return adjustment
    selector = adjustment.selector
    slos = frozenset(SloId(whole_name(one)) for one in selector.slos)
    services = frozenset(map(whole_name, selector.services))
    tenant = tenant_for([*slos, *services])
    labels = with_tenant_label(selector.labels, tenant)
    return replace(adjustment, selector=replace(selector, slos=slos, services=services, labels=labels))
