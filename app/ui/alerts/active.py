"""Alerts that are not inactive, by state, each with why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.alerting import AlertSilence, alert_key
from app.slo import AlertState, Cause, Severity, SloId
from app.status import AlertView, BoardContent, Snapshot
from app.ui.views import falling_words
from app.wording.annotations import annotations

# Of one alert or of many: the words have no number.
_MEANINGS = {
    AlertState.FIRING: "receivers are notified",
    AlertState.MUTED: "firing, without notifications: the page of the same SLO has sent them for the same errors",
    AlertState.PENDING: "a rule has tripped; if it stays so, receivers are notified",
    AlertState.SUPPRESSED: "a rule has tripped on too few events to rule out noise",
    AlertState.FROZEN: "no data to judge by: no transition until there is some",
}
# Without data all alerts are frozen: the API lists them.
_MOST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveAlert:
    """One alert; *incident* is the id of its incident while it fires, *lasts_until* when its budget is exhausted.

    *lately* is what the newest minutes have where the errors fall or are over, *silence* what keeps Alertmanager
    from notifying.
    """

    slo: SloId
    service: str
    name: str
    group: tuple[tuple[str, str], ...]
    severity: Severity
    since: datetime | None
    why: str
    contributors: str
    incident: str | None
    lasts_until: datetime | None
    lately: str
    remaining: float
    fires: bool
    silence: AlertSilence | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSection:
    """The alerts of one state, the most urgent first; *count* is how many there are, if more than are shown."""

    state: AlertState
    meaning: str
    alerts: tuple[ActiveAlert, ...]
    count: int


def sections(known: BoardContent) -> list[AlertSection]:
    """The alerts by state; states without any are left out."""
    by_state: dict[AlertState, list[tuple[Snapshot, AlertView]]] = {state: [] for state in _MEANINGS}
    for snapshot, alert in _each_once(known):
        # An inactive alert with a reason is suppressed.
        state = AlertState.SUPPRESSED if alert.state is AlertState.INACTIVE else alert.state
        by_state[state].append((snapshot, alert))
    return [
        AlertSection(
            state=state,
            meaning=_meaning(known, state, found),
            alerts=tuple(_shown(known, *pair) for pair in found[:_MOST]),
            count=len(found),
        )
        for state, found in by_state.items()
        if found
    ]


def _meaning(known: BoardContent, state: AlertState, found: Sequence[tuple[Snapshot, AlertView]]) -> str:
    if state is not AlertState.FIRING:
        return _MEANINGS[state]
    silenced = sum(known.silence_of(known.notification_of(*pair)) is not None for pair in found)
    if silenced == len(found):
        return "Alertmanager notifies no one: silenced or inhibited there"
    return _MEANINGS[state] + (f", but Alertmanager notifies no one of {silenced} of them" if silenced else "")


def _why(alert: AlertView) -> str:
    if alert.state is AlertState.MUTED:
        return f"muted by the page{f' (now by {alert.tier})' if alert.tier else ''}"
    return f"rule {alert.tier}" if alert.tier and alert.cause is Cause.BURN else alert.tier or alert.cause.value


def _each_once(known: BoardContent) -> Iterator[tuple[Snapshot, AlertView]]:
    """Every alert; those of a whole group with the first of its members only."""
    seen = set()
    for snapshot, alert in known.active:
        key = alert_key(known.owner_of(snapshot, alert), alert.severity, alert.cause)
        if key not in seen:
            seen.add(key)
            yield snapshot, alert


def _shown(known: BoardContent, snapshot: Snapshot, alert: AlertView) -> ActiveAlert:
    sent, owner = known.notification_of(snapshot, alert), known.owner_of(snapshot, alert)
    if sent is not None and alert.state is AlertState.FIRING:
        why = annotations(sent)["summary"]
    else:
        why = alert.reason or _why(alert)
    return ActiveAlert(
        slo=owner,
        service=snapshot.slo.service,
        name=snapshot.slo.name,
        group=snapshot.group if owner == snapshot.id else (),
        severity=alert.severity,
        since=alert.since,
        why=why,
        contributors="" if sent is None else sent.top_contributors,
        incident=None if sent is None else sent.incident,
        lasts_until=snapshot.budget.exhausted_at,
        lately=falling_words(snapshot) if alert.firing else "",
        remaining=snapshot.budget.remaining_ratio,
        fires=alert.firing,
        silence=known.silence_of(sent),
    )
