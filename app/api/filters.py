"""Which SLOs a request is about."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.api.problems import invalid
from app.status import HealthState, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """SLOs of any of the services, in any of the states, with all of the labels; nothing given means all."""

    services: frozenset[str]
    states: frozenset[HealthState]
    labels: frozenset[tuple[str, str]]

    @classmethod
    def parse(cls, *, service: Sequence[str], status: Sequence[HealthState], label: Sequence[str]) -> "Filter":
        """The filter of a query string; labels are written ``name=value``."""
        return cls(services=frozenset(service), states=frozenset(status), labels=frozenset(map(_label, label)))

    def __bool__(self) -> bool:
        return bool(self.services or self.states or self.labels)

    def of(self, snapshots: Iterable[Snapshot]) -> list[Snapshot]:
        """The snapshots that pass."""
        return [snapshot for snapshot in snapshots if self._passes(snapshot)]

    def _passes(self, snapshot: Snapshot) -> bool:
        return (
            (not self.services or snapshot.slo.service in self.services)
            and (not self.states or snapshot.health in self.states)
            and self.labels <= {*snapshot.slo.labels, *snapshot.group}
        )


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise invalid(f"label={text!r} must be written as name=value")
    return name, value
