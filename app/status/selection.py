"""Which SLOs a reader asks for, and in which order: the same for the API and for the pages."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from app.slo import AlertState, SliKind
from app.status.snapshot import WORST_FIRST, AlertView, DataState, HealthState, Snapshot

OrderKey = tuple[str | float, ...]
"""What SLOs are ordered by; no two share one."""


class SortColumn(StrEnum):
    """What SLOs can be sorted by; ascending is the worst first where there is a worst."""

    ID = "id"
    SERVICE = "service"
    NAME = "name"
    STATUS = "status"
    OBJECTIVE = "objective"
    SLI = "sli"
    BUDGET = "budget"
    BURN_RATE = "burn_rate"
    EXHAUSTION = "exhaustion"
    ALERT = "alert"
    DATA = "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """SLOs of any of the services, in any of the states, with all of the labels and words; nothing given means all.

    *words* are searched for in ids, names, descriptions and labels, without regard to case. An alert that fires
    without data is both firing and frozen; *inactive* are SLOs without any other alert.
    """

    services: frozenset[str] = frozenset()
    states: frozenset[HealthState] = frozenset()
    labels: frozenset[tuple[str, str]] = frozenset()
    alerts: frozenset[AlertState] = frozenset()
    kinds: frozenset[SliKind] = frozenset()
    data: frozenset[DataState] = frozenset()
    words: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.services or self.states or self.labels or self.alerts or self.kinds or self.data or self.words)

    def of(self, snapshots: Iterable[Snapshot]) -> list[Snapshot]:
        """The snapshots that pass."""
        return list(snapshots) if not self else [snapshot for snapshot in snapshots if self._passes(snapshot)]

    def _passes(self, snapshot: Snapshot) -> bool:
        return (
            (not self.services or snapshot.slo.service in self.services)
            and (not self.states or snapshot.health in self.states)
            and (not self.data or snapshot.data in self.data)
            and (not self.kinds or snapshot.slo.sli.kind in self.kinds)
            and (not self.labels or self.labels <= {*snapshot.slo.labels, *snapshot.group})
            and (not self.alerts or not self.alerts.isdisjoint(alert_states(snapshot)))
            and (not self.words or self._has_words(snapshot))
        )

    def _has_words(self, snapshot: Snapshot) -> bool:
        text = _text(snapshot)
        return all(word in text for word in self.words)


def words_of(query: str) -> tuple[str, ...]:
    """The words of a search, as `Selection` compares them.

    >>> words_of("  Checkout  team=payments ")
    ('checkout', 'team=payments')
    """
    return tuple(query.casefold().split())


def alert_states(snapshot: Snapshot) -> set[AlertState]:
    """The states of the alerts of an SLO; inactive only if all of them are."""
    states = {alert.state for alert in snapshot.alerts}
    states |= {AlertState.FIRING for alert in snapshot.alerts if alert.firing}
    return states - {AlertState.INACTIVE} or {AlertState.INACTIVE}


def ordered(snapshots: Iterable[Snapshot], column: SortColumn, *, descending: bool = False) -> list[Snapshot]:
    """The snapshots sorted by a column; what is not known comes last either way."""
    return sorted(snapshots, key=order_key(column, descending=descending), reverse=descending)


def order_key(column: SortColumn, *, descending: bool = False) -> Callable[[Snapshot], OrderKey]:
    """The key by which snapshots are sorted by a column; *descending* for those who reverse it."""
    unknown = -1.0 if descending else 1.0
    figures = _FIGURES.get(column)
    if figures is None:
        texts = _TEXTS[column]
        return lambda snapshot: (*texts(snapshot), snapshot.id)

    def key(snapshot: Snapshot) -> OrderKey:
        figure = figures(snapshot)
        return (unknown, 0.0, snapshot.id) if math.isnan(figure) else (0.0, figure, snapshot.id)

    return key


def burn_now(snapshot: Snapshot) -> float:
    """The burn rate of the last hour, or of the shortest window where none has an hour; NaN without events."""
    shortest = None
    for view in snapshot.windows:
        if view.window == _HOUR:
            return view.burn_rate
        if shortest is None or view.window < shortest.window:
            shortest = view
    return math.nan if shortest is None else shortest.burn_rate


_HOUR = timedelta(hours=1)
_HEALTH = {state: rank for rank, state in enumerate(WORST_FIRST)}
_DATA = {state: rank for rank, state in enumerate(("error", "stale", "backfilling", "no_traffic", "fresh"))}
_ALERTS = {state: rank for rank, state in enumerate(("pending", "suppressed", "frozen", "muted", "inactive"), start=2)}


def _alert_rank(alert: AlertView) -> float:
    # Pages before tickets, and both before all that no notification is sent for.
    return ("page", "ticket").index(alert.severity) if alert.firing else _ALERTS.get(alert.state, 2)


def _most_urgent_alert(snapshot: Snapshot) -> float:
    return min(map(_alert_rank, snapshot.alerts), default=math.nan)


def _badness(snapshot: Snapshot) -> OrderKey:
    remaining = snapshot.budget.remaining_ratio
    return float(_HEALTH[snapshot.health]), math.inf if math.isnan(remaining) else remaining


def _text(snapshot: Snapshot) -> str:
    slo = snapshot.slo
    labels = " ".join(f"{name}={value}" for name, value in (*slo.labels, *snapshot.group))
    return f"{snapshot.id}\n{slo.service}\n{slo.name}\n{slo.description}\n{labels}".casefold()


_TEXTS: dict[SortColumn, Callable[[Snapshot], OrderKey]] = {
    SortColumn.ID: lambda _: (),
    SortColumn.SERVICE: lambda snapshot: (snapshot.slo.service, snapshot.slo.name),
    SortColumn.NAME: lambda snapshot: (snapshot.slo.name,),
    SortColumn.STATUS: _badness,
}
_FIGURES: dict[SortColumn, Callable[[Snapshot], float]] = {
    SortColumn.OBJECTIVE: lambda snapshot: snapshot.slo.objective,
    SortColumn.SLI: lambda snapshot: snapshot.sli,
    SortColumn.BUDGET: lambda snapshot: snapshot.budget.remaining_ratio,
    SortColumn.BURN_RATE: burn_now,
    SortColumn.EXHAUSTION: lambda snapshot: snapshot.budget.lasts_until_s,
    SortColumn.ALERT: _most_urgent_alert,
    SortColumn.DATA: lambda snapshot: float(_DATA[snapshot.data]),
}
