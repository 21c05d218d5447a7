"""The values that templates may use: plain numbers and texts, None where something is not known."""

import math
from typing import Any

from app.alerting import Notification
from app.wording.sentences import error_duration, span, spent_by_incident, subject, time_left

NAMES = frozenset(
    {
        "alertname", "bad", "budget_consumed", "budget_remaining", "burn_rate_long", "burn_rate_short",
        "description", "duration", "ended", "error_duration", "errors_since",
        "errors_until", "exhausted_at", "factor", "good", "group", "incident", "incident_spent", "labels",
        "long", "name", "objective", "reason", "service", "severity", "short", "since", "slo", "slo_description",
        "stale", "status", "subject", "summary", "tier", "time_left", "top_contributors", "total", "window",
    }
)  # fmt: skip
"""Every name that there is."""


def figures(notice: Notification) -> dict[str, Any]:
    """The values of one notice; *summary* and *description* are added by whoever knows what was said so far."""
    left, lasted = time_left(notice), error_duration(notice)
    return {
        "status": notice.status.value,
        "alertname": notice.alertname,
        "slo": str(notice.slo),
        "subject": subject(notice),
        "service": notice.service,
        "name": notice.name,
        "severity": notice.severity.value,
        "incident": notice.incident,
        "group": dict(notice.group),
        "labels": dict(notice.labels),
        "objective": notice.objective,
        "window": notice.window,
        "tier": notice.tier,
        "long": notice.long,
        "short": notice.short,
        "since": f"{notice.starts_at:%Y-%m-%d %H:%M} UTC",
        "ended": None if notice.ends_at is None else f"{notice.ends_at:%Y-%m-%d %H:%M} UTC",
        "duration": None if notice.ends_at is None else span(notice.ends_at - notice.starts_at),
        "errors_since": None if notice.first_bad_at is None else f"{notice.first_bad_at:%Y-%m-%d %H:%M} UTC",
        "errors_until": None if notice.last_bad_at is None else f"{notice.last_bad_at:%Y-%m-%d %H:%M} UTC",
        "error_duration": None if lasted is None else span(lasted),
        "exhausted_at": None if notice.exhausted_at is None else f"{notice.exhausted_at:%Y-%m-%d %H:%M} UTC",
        "time_left": None if left is None else span(left),
        "factor": _known(notice.factor),
        "burn_rate_long": _known(notice.burn_rate_long),
        "burn_rate_short": _known(notice.burn_rate_short),
        "budget_remaining": _known(notice.budget_remaining),
        "incident_spent": spent_by_incident(notice),
        "slo_description": notice.slo_description,
        "budget_consumed": _known(1 - notice.budget_remaining),
        "good": _known(notice.good),
        "bad": _known(notice.bad),
        "total": _known(notice.good + notice.bad),
        "top_contributors": notice.top_contributors,
        "stale": notice.stale,
        "reason": notice.reason,
    }


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
