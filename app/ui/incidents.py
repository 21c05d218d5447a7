"""Active alerts as the pages show them: each fact with its name."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from app.alerting import AlertSilence, Notification
from app.slo import UNKNOWN_FIGURE, Severity, SloId
from app.status import BoardContent, Snapshot
from app.ui.views import falling_words, grouped, rfc3339
from app.wording.annotations import annotations
from app.wording.links import elsewhere
from app.wording.sentences import (
    error_duration,
    normal_clause,
    number,
    rounded_exhaustion,
    share,
    span,
    spent_by_incident,
    why_stale,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What is known of one thing: a time, a text, or a time with a text behind it.

    What *is_answered* is what the headline of the SLO's page has already.
    """

    name: str
    text: str = ""
    at: datetime | None = None
    is_answered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentView:
    """One active alert; *links* are names and addresses of others, *around* is its time as pages of SLOs take it.

    *lately* is what the newest minutes have where the errors fall or are over, *silence* what keeps Alertmanager
    from notifying.
    """

    notification: Notification
    silence: AlertSilence | None
    slo: SloId
    incident: str
    severity: Severity
    summary: str
    starts_at: datetime
    exhausted_at: datetime | None
    lately: str
    spent: str
    top_contributors: str
    recent_change: str
    around: str
    stale: str
    facts: tuple[Fact, ...]
    links: tuple[tuple[str, str], ...]


def incidents(active: Iterable[Notification], known: BoardContent) -> list[IncidentView]:
    """The active alerts, in the order given."""
    return [
        _incident(notification, known.find(notification.slo), known.silence_of(notification)) for notification in active
    ]


def around(start: datetime, end: datetime) -> str:
    """The query string for the time of an incident on the page of its SLO: five minutes of it at least."""
    return urlencode({"from": rfc3339(start), "to": rfc3339(max(end, start + timedelta(minutes=5)))})


def _incident(notification: Notification, snapshot: Snapshot | None, silence: AlertSilence | None) -> IncidentView:
    said = annotations(notification)
    spent = spent_by_incident(notification)
    return IncidentView(
        notification=notification,
        silence=silence,
        slo=notification.slo,
        incident=notification.incident,
        severity=notification.severity,
        summary=said["summary"],
        starts_at=notification.starts_at,
        exhausted_at=notification.exhausted_at,
        lately="" if snapshot is None else falling_words(snapshot),
        spent=UNKNOWN_FIGURE if spent is None else share(spent),
        top_contributors=notification.top_contributors,
        recent_change=notification.recent_change,
        around=around(notification.first_bad_at or notification.starts_at, notification.at),
        stale=""
        if notification.stale is None
        else f"{why_stale(notification)}; the figures are of {_moment(notification.at)}",
        facts=tuple(_facts(notification)),
        links=tuple(elsewhere(said)),
    )


def _facts(notification: Notification) -> Iterator[Fact]:
    lasts = span(notification.at - notification.starts_at)
    yield Fact(name="Firing since", at=notification.starts_at, text=f", for {lasts}", is_answered=True)
    errors = error_duration(notification)
    if errors is not None and notification.first_bad_at is not None:
        yield Fact(name="Errors since", at=notification.first_bad_at, text=f", for {span(errors)}")
    spent = spent_by_incident(notification)
    if spent is not None:
        yield Fact(name="Budget spent", text=f"{share(spent)} of the error budget for {notification.window}")
    if not math.isnan(notification.budget_remaining):
        none_left = "none for the events so far" if notification.budget_estimated else "none"
        left = share(notification.budget_remaining) if notification.budget_remaining > 0 else none_left
        yield Fact(name="Error budget left", text=left, is_answered=True)
    if notification.exhausted_at is not None:
        at = rounded_exhaustion(notification.exhausted_at, notification.at)
        text = f" at the present rate, in about {span(at - notification.at)}"
        yield Fact(name="Exhausted at", at=at, text=text, is_answered=True)
    if notification.good + notification.bad > 0:
        bad = f"{grouped(notification.bad)} bad ({share(notification.bad / (notification.good + notification.bad))})"
        text = f"{bad} and {grouped(notification.good)} good in the last {notification.long}"
        yield Fact(name="Events", text=text + normal_clause(notification))
    if notification.top_contributors:
        yield Fact(name="Top contributors", text=notification.top_contributors, is_answered=True)
    yield from _tier(notification)


def _tier(notification: Notification) -> Iterator[Fact]:
    if math.isnan(notification.burn_rate_long) or math.isnan(notification.burn_rate_short):
        if notification.tier:
            yield Fact(name="Cause", text=notification.tier)
        return
    long, short, limit = (
        number(rate) for rate in (notification.burn_rate_long, notification.burn_rate_short, notification.factor)
    )
    rates = f"burn rate {long}x in the last {notification.long}, {short}x in the last {notification.short}"
    yield Fact(name="Burn-rate rule", text=f"{notification.tier}: {rates}; threshold {limit}x")


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
