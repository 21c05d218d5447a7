"""Stepping alerts through the past, by the functions that step them live."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.alerting import Alert, Reading, Transition, TransitionKind, are_at_rest, reading_of, step_slo
from app.replay.history.window_series import WindowsAt, WindowSeries
from app.replay.resting import RestingSlots
from app.slo import Alerting, AlertState, NoData, Severity, SeverityPolicy, SloId


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What alerts of an SLO would have done from the first slot to the last: every transition, and how they ended up.

    *stepped* is how many slots were stepped through, the others could change nothing.
    """

    transitions: tuple[Transition, ...]
    alerts: tuple[Alert, ...]
    stepped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """One notification that receivers would have had: when it began and ended, None if it did not end.

    *tier* is the rule that has fired it.
    """

    severity: Severity
    start: datetime
    end: datetime | None
    tier: str | None = None


def replay(
    series: WindowSeries,
    alerting: Alerting,
    *,
    slo: SloId,
    since: datetime | None = None,
    alerts: Sequence[Alert] = (),
    every_slot: bool = False,
) -> Replayed:
    """Step the burn-rate alerts of one SLO through all slots that end after *since*.

    Args:
        series: the windows of the SLO; slots before *since* are looked back on.
        alerting: the rules, and what becomes of alerts without data.
        slo: whose alerts they are.
        since: the slot before the first one that is stepped; None for all.
        alerts: as they were after it; none have begun if there are none.
        every_slot: whether to step slots, too, that can change nothing.
    """
    history, policies = series.history, alerting.policies
    resting = RestingSlots(series, policies, no_data=alerting.no_data)
    known = tuple(alerts) or tuple(Alert(slo=slo, severity=policy.severity) for policy in policies)
    changes: list[Transition] = []
    place, size, stepped = history.first_after(since), len(history), 0
    while place < size:
        if not every_slot and are_at_rest(known, policies):
            place = resting.next_restless(place)
            if place >= size:
                break
        before, stepped = known, stepped + 1
        known, found = _step(series, alerting, known, slo=slo, place=place)
        changes += found
        place = resting.next_change(known, place) if known == before and not every_slot else place + 1
    return Replayed(transitions=tuple(changes), alerts=known, stepped=stepped)


def firings_of(replayed: Replayed) -> tuple[Firing, ...]:
    """The notifications of a replay, by when they began: an alert that a firing page mutes sends none."""
    return tuple(sorted(_firings(replayed.transitions), key=lambda firing: (firing.start, firing.severity)))


def _firings(transitions: Iterable[Transition]) -> Iterable[Firing]:
    begun: dict[Severity, Firing] = {}
    for change in transitions:
        if not change.notify:
            continue
        if change.kind in {TransitionKind.FIRED, TransitionKind.UNMUTED}:
            begun[change.severity] = Firing(severity=change.severity, start=change.at, end=None, tier=change.tier)
        elif change.kind is TransitionKind.RESOLVED and change.severity in begun:
            yield replace(begun.pop(change.severity), end=change.at)
    yield from begun.values()


def _step(
    series: WindowSeries, alerting: Alerting, known: tuple[Alert, ...], *, slo: SloId, place: int
) -> tuple[tuple[Alert, ...], tuple[Transition, ...]]:
    at, policies = series.history.at(place), alerting.policies
    active = any(alert.state is not AlertState.INACTIVE for alert in known)
    windows, stale = WindowsAt(series, place), bool(series.stale[place])
    readings = {
        policy.severity: reading_of(
            windows, policy, error_budget=series.error_budget, with_evidence=active, stale=stale
        )
        for policy in policies
    }
    for alert in known:
        policy = alerting.policy(alert.severity)
        if policy is not None:
            readings[alert.severity] = _with_end(series, readings[alert.severity], alert, policy, at=at, place=place)
    no_data = _no_data(alerting, float(series.stale_for_s[place])) if stale else NoData.FREEZE
    return step_slo(known, readings, policies, slo=slo, at=at, no_data=no_data)


def _with_end(
    series: WindowSeries, reading: Reading, alert: Alert, policy: SeverityPolicy, *, at: datetime, place: int
) -> Reading:
    """The reading with the events since the alert has ended, while its windows reach back to that."""
    if alert.resolved_at is None or policy.evidence is None:
        return reading
    if at - alert.resolved_at >= max(rule.long for rule in policy.rules):
        return reading
    return replace(reading, since_end=series.since(alert.resolved_at, place))


def _no_data(alerting: Alerting, stale_for_s: float) -> NoData:
    """What becomes of alerts without data: what the SLO says counts once its ticket for that would fire."""
    wait = alerting.no_data_for
    return NoData.FREEZE if wait is None or stale_for_s < wait.total_seconds() else alerting.no_data
