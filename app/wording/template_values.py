"""The values that templates may use: plain numbers and texts, None where something is not known."""

import math
from typing import Any

from app.alerting import Notification
from app.wording.sentences import error_duration, span, spent_by_incident, subject, time_left

NAMES = frozenset(
    {
        "alertname", "bad", "budget_consumed", "budget_remaining", "burn_rate_long", "burn_rate_short",
        "description", "duration", "end_code", "ended", "error_duration", "errors_since",
        "errors_until", "exhausted_at", "factor", "good", "group", "incident", "incident_spent", "labels",
        "long", "name", "objective", "reason", "recent_change", "service", "severity", "short",
        "since", "slo", "slo_description",
        "stale", "status", "subject", "summary", "tier", "time_left", "top_contributors", "total", "window",
    }
)  # fmt: skip
"""Every name that there is."""


def figures(notification: Notification) -> dict[str, Any]:
    """The values of one notification; the caller adds *summary* and *description*."""
    left, lasted = time_left(notification), error_duration(notification)
    return {
        "status": notification.status.value,
        "alertname": notification.alertname,
        "slo": str(notification.slo),
        "subject": subject(notification),
        "service": notification.service,
        "name": notification.name,
        "severity": notification.severity.value,
        "incident": notification.incident,
        "group": dict(notification.group),
        "labels": dict(notification.labels),
        "objective": notification.objective,
        "window": notification.window,
        "tier": notification.tier,
        "long": notification.long,
        "short": notification.short,
        "since": f"{notification.starts_at:%Y-%m-%d %H:%M} UTC",
        "ended": None if notification.ends_at is None else f"{notification.ends_at:%Y-%m-%d %H:%M} UTC",
        "duration": None if notification.ends_at is None else span(notification.ends_at - notification.starts_at),
        "errors_since": None
        if notification.first_bad_at is None
        else f"{notification.first_bad_at:%Y-%m-%d %H:%M} UTC",
        "errors_until": None if notification.last_bad_at is None else f"{notification.last_bad_at:%Y-%m-%d %H:%M} UTC",
        "error_duration": None if lasted is None else span(lasted),
        "exhausted_at": None
        if notification.exhausted_at is None
        else f"{notification.exhausted_at:%Y-%m-%d %H:%M} UTC",
        "time_left": None if left is None else span(left),
        "factor": _known(notification.factor),
        "burn_rate_long": _known(notification.burn_rate_long),
        "burn_rate_short": _known(notification.burn_rate_short),
        "budget_remaining": _known(notification.budget_remaining),
        "incident_spent": spent_by_incident(notification),
        "slo_description": notification.slo_description,
        "budget_consumed": _known(1 - notification.budget_remaining),
        "good": _known(notification.good),
        "bad": _known(notification.bad),
        "total": _known(notification.good + notification.bad),
        "top_contributors": notification.top_contributors,
        "recent_change": notification.recent_change,
        "stale": notification.stale,
        "reason": notification.reason,
        "end_code": None if notification.end_code is None else notification.end_code.value,
    }


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
