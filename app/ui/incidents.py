"""Active alerts as the pages show them: each fact with its name."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from app.alerting import Notification
from app.slo import Severity, SloId
from app.status import UNKNOWN
from app.ui.views import grouped
from app.wording.annotations import annotations
from app.wording.links import elsewhere
from app.wording.sentences import error_duration, number, share, span, spent_by_incident, subject, why_stale


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentView:
    """One active alert; *facts* are names and what is known, *links* are names and addresses of others."""

    slo: SloId
    severity: Severity
    subject: str
    summary: str
    since: str
    spent: str
    top_contributors: str
    stale: str
    facts: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str], ...]


def incidents(active: Iterable[Notification]) -> list[IncidentView]:
    """The active alerts, in the order given."""
    return [_incident(notice) for notice in active]


def _incident(notice: Notification) -> IncidentView:
    said = annotations(notice)
    spent = spent_by_incident(notice)
    return IncidentView(
        slo=notice.slo,
        severity=notice.severity,
        subject=subject(notice),
        summary=said["summary"],
        since=_moment(notice.starts_at),
        spent=UNKNOWN if spent is None else share(spent),
        top_contributors=notice.top_contributors,
        stale="" if notice.stale is None else f"{why_stale(notice.stale)}; the figures are of {_moment(notice.at)}",
        facts=tuple(_facts(notice)),
        links=tuple(elsewhere(said)),
    )


def _facts(notice: Notification) -> Iterator[tuple[str, str]]:
    lasts = span(notice.at - notice.starts_at)
    yield "Firing since", f"{_moment(notice.starts_at)}, for {lasts}"
    errors = error_duration(notice)
    if errors is not None and notice.first_bad_at is not None:
        yield "Errors since", f"{_moment(notice.first_bad_at)}, for {span(errors)}"
    spent = spent_by_incident(notice)
    if spent is not None:
        yield "Budget spent", f"{share(spent)} of the error budget for {notice.window}"
    if not math.isnan(notice.budget_remaining):
        yield "Error budget left", share(notice.budget_remaining) if notice.budget_remaining > 0 else "none"
    if notice.exhausted_at is not None:
        left = span(notice.exhausted_at - notice.at)
        yield "Exhausted at", f"{_moment(notice.exhausted_at)} at the present rate, in {left}"
    if notice.good + notice.bad > 0:
        bad = f"{grouped(notice.bad)} bad ({share(notice.bad / (notice.good + notice.bad))})"
        yield "Events", f"{bad} and {grouped(notice.good)} good in the last {notice.long}"
    if notice.top_contributors:
        yield "Top contributors", notice.top_contributors
    yield from _tier(notice)
    yield "Incident", notice.incident


def _tier(notice: Notification) -> Iterator[tuple[str, str]]:
    if math.isnan(notice.burn_rate_long) or math.isnan(notice.burn_rate_short):
        if notice.tier:
            yield "Cause", notice.tier
        return
    long, short, limit = (number(rate) for rate in (notice.burn_rate_long, notice.burn_rate_short, notice.factor))
    rates = f"burn rate {long}x in the last {notice.long}, {short}x in the last {notice.short}"
    yield "Burn-rate rule", f"{notice.tier}: {rates}; threshold {limit}x"


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
