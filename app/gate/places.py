"""Where SLOs are on the board, by what questions name: services, ids, labels, environments, tenants."""

from collections.abc import Hashable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from app.policy import GateException, GateQuestion
from app.slo import Slo, SloId, Tenants, environments_of, tenant_of
from app.status import Snapshot

Places = NDArray[np.intp]
_WILD = frozenset("*?[")
_Value = TypeVar("_Value", bound=Hashable)
_NONE: Places = np.empty(0, dtype=np.intp)


class SloPlaces:
    """The places of SLOs and members of groups; they hold for as long as the SLOs are the same."""

    def __init__(self, snapshots: Sequence[Snapshot]) -> None:
        self._ids: list[SloId] = [one.id for one in snapshots]
        self._slos: list[Slo] = [one.slo for one in snapshots]
        self._labels = [dict((*one.slo.labels, *one.group)) for one in snapshots]
        self._names = {name for labels in self._labels for name in labels}
        self._by_id: dict[str, list[int]] = {}
        by_service: dict[str, list[int]] = {}
        for place, one in enumerate(snapshots):
            self._by_id.setdefault(one.id, []).append(place)
            if one.slo.id != one.id:
                self._by_id.setdefault(one.slo.id, []).append(place)
            by_service.setdefault(one.slo.service, []).append(place)
        self._by_service = {service: np.array(found, dtype=np.intp) for service, found in by_service.items()}
        # Those of a label are found when it is asked for; only labels that an SLO has are kept.
        self._by_label: dict[str, dict[str, Places]] = {}
        self._environments, self._in_environments = _numbered([environments_of(one.items()) for one in self._labels])
        self._tenants, self._of_tenant = _numbered([tenant_of(one) for one in self._ids])
        self.by_name = np.empty(len(snapshots), dtype=np.intp)
        """The rank of each by its id."""
        self.by_name[sorted(range(len(snapshots)), key=self._ids.__getitem__)] = np.arange(len(snapshots))

    def are_of(self, snapshots: Sequence[Snapshot]) -> bool:
        """Whether these are the same SLOs, in the same order."""
        # Lists compare objects that are the same one without a look at them.
        return [one.slo for one in snapshots] == self._slos and [one.id for one in snapshots] == self._ids

    def labels_at(self, place: int) -> dict[str, str]:
        """The labels of an SLO, with those of its member of a group."""
        return self._labels[place]

    def has(self, slo: str, tenants: Tenants | None) -> bool:
        """Whether there is an SLO, a group or a member of this id."""
        found = self._by_id.get(slo)
        return found is not None and (tenants is None or tenant_of(self._ids[found[0]]) in tenants)

    def concerned(self, question: GateQuestion, tenants: Tenants | None) -> Places:
        """The places of the SLOs that a change may hurt, of *tenants*, if given; ascending."""
        found = [self._with_label(*label) for label in question.labels]
        if question.service:
            found.append(self._by_service.get(question.service, _NONE))
        if question.slos:
            named = {place for slo in question.slos for place in self._by_id.get(slo, ())}
            found.append(np.array(sorted(named), dtype=np.intp))
        found.sort(key=len)
        places = found[0] if found else _NONE
        for one in found[1:]:
            places = np.intersect1d(places, one, assume_unique=True)
        if question.environment:
            fit = [not own or question.environment in own for own in self._environments]
            places = places[np.array(fit, dtype=np.bool_)[self._in_environments[places]]]
        if tenants is not None:
            fit = [tenant in tenants for tenant in self._tenants]
            places = places[np.array(fit, dtype=np.bool_)[self._of_tenant[places]]]
        return places

    def may_be_of(self, exception: GateException) -> NDArray[np.bool_]:
        """Whether an exception may cover each SLO: a thousand of them name one service each."""
        services = exception.services
        if not services or any(set(service) & _WILD for service in services):
            return np.ones(len(self._ids), dtype=np.bool_)
        may_be = np.zeros(len(self._ids), dtype=np.bool_)
        for service in services:
            may_be[self._by_service.get(service, _NONE)] = True
        return may_be

    def _with_label(self, name: str, value: str) -> Places:
        if name not in self._names:
            return _NONE
        values = self._by_label.get(name)
        if values is None:
            found: dict[str, list[int]] = {}
            for place, labels in enumerate(self._labels):
                if name in labels:
                    found.setdefault(labels[name], []).append(place)
            values = {one: np.array(places, dtype=np.intp) for one, places in found.items()}
            self._by_label[name] = values
        return values.get(value, _NONE)


def _numbered(values: Sequence[_Value]) -> tuple[list[_Value], NDArray[np.intp]]:
    """The different values, and the number of each one's."""
    numbers: dict[_Value, int] = {}
    of_each = [numbers.setdefault(value, len(numbers)) for value in values]
    return list(numbers), np.array(of_each, dtype=np.intp)
