"""The default texts of an alert: one line, and a few sentences. Written for somebody who was just woken."""

import math
from datetime import datetime, timedelta

from app.alerting import NO_TRAFFIC, Notification, NotificationStatus
from app.slo import Cause

_HUNDRED = 100
_THOUSAND = 1000
_HOUR_S = 3600
_DAY_S = 86_400


def subject(notice: Notification) -> str:
    """What the alert is about: ``checkout availability``, with the group in brackets."""
    group = ", ".join(f"{label}={value}" for label, value in notice.group)
    return f"{notice.service} {notice.name}" + (f" ({group})" if group else "")


def summary(notice: Notification) -> str:
    """The alert in one line."""
    if notice.status is NotificationStatus.RESOLVED:
        return _over(notice)
    if notice.condition:
        return f"{subject(notice)}: {notice.condition}"
    if math.isnan(notice.burn_rate_long):
        return f"{subject(notice)} is burning its error budget too fast"
    return f"{subject(notice)} is burning its error budget at {number(notice.burn_rate_long)}x"


def description(notice: Notification) -> str:
    """The alert in a few sentences: what burns, how much is gone, how long it will last."""
    if notice.status is NotificationStatus.RESOLVED:
        sentences = [_duration(notice), _reason(notice), _contributors(notice), _spent(notice)]
    else:
        sentences = [
            _stale(notice),
            _promise(notice),
            _events(notice),
            _speed(notice),
            _contributors(notice),
            _spent(notice),
        ]
    return " ".join(sentence for sentence in sentences if sentence)


def number(value: float) -> str:
    """A number as people write it: four digits that count, thousands apart.

    >>> number(14.4), number(0.05), number(1_234_567)
    ('14.4', '0.05', '1,234,567')
    """
    return f"{value:,.0f}" if abs(value) >= _THOUSAND else f"{value:.4g}"


def percent(ratio: float) -> str:
    """An objective in percent, exactly.

    >>> percent(0.999), percent(0.99995), percent(1 - 0.999)
    ('99.9%', '99.995%', '0.1%')
    """
    return f"{ratio * 100:.10g}%"


def share(ratio: float) -> str:
    """A measured ratio in percent, three digits that count.

    >>> share(0.4), share(0.031249), share(1.1234), share(12.3)
    ('40%', '3.12%', '112%', '1,230%')
    """
    value = ratio * 100
    return f"{value:,.0f}%" if abs(value) >= _HUNDRED else f"{value:.3g}%"


def time_left(notice: Notification) -> timedelta | None:
    """How long the budget lasts at the present burn rate; None as `Notification.exhausted_at` is."""
    return None if notice.exhausted_at is None else max(notice.exhausted_at - notice.at, timedelta(0))


def spent_by_incident(notice: Notification) -> float | None:
    """The share of the budget that this incident has spent so far; None if that is not known, or nothing."""
    return notice.spent if notice.spent > 0 else None


def error_duration(notice: Notification) -> timedelta | None:
    """How long the incident has had errors, from its first slot with errors to its last; None if not known."""
    if notice.first_bad_at is None or notice.last_bad_at is None:
        return None
    return notice.last_bad_at - notice.first_bad_at


def span(duration: timedelta) -> str:
    """A duration in its two largest units.

    >>> span(timedelta(hours=62)), span(timedelta(minutes=864)), span(timedelta(seconds=95))
    ('2d 14h', '14h 24m', '1m')
    """
    seconds = int(duration.total_seconds())
    days, hours, minutes = seconds // _DAY_S, seconds % _DAY_S // _HOUR_S, seconds % _HOUR_S // 60
    if days:
        return f"{days}d {hours}h"
    if hours:
        return f"{hours}h {minutes}m"
    return f"{minutes}m" if minutes else f"{seconds}s"


def _over(notice: Notification) -> str:
    if notice.reason is not None:
        # It was not resolved by data, so the summary must not read like a recovery.
        return f"{subject(notice)}: this alert is closed because {notice.reason}"
    if notice.cause is Cause.NO_DATA:
        return f"{subject(notice)}: data is back"
    if notice.condition:
        return f"{subject(notice)}: resolved: {notice.condition}"
    return f"{subject(notice)} is no longer burning its error budget too fast"


def _promise(notice: Notification) -> str:
    text = notice.slo_description.strip()
    return f"SLO: {text}" + ("" if text.endswith((".", "!", "?")) else ".") if text else ""


def _events(notice: Notification) -> str:
    total = notice.good + notice.bad
    if not total > 0:
        return ""
    return (
        f"{_count(notice.bad)} of {_count(total)} events were bad in the last {notice.long}, "
        f"{share(notice.bad / total)}; "
        f"the objective of {percent(notice.objective)} allows {percent(1 - notice.objective)}."
    )


def _speed(notice: Notification) -> str:
    if math.isnan(notice.burn_rate_long) or math.isnan(notice.burn_rate_short):
        return ""
    return (
        f"The error budget for {notice.window} is burning at "
        f"{number(notice.burn_rate_long)}x in the last {notice.long} and {number(notice.burn_rate_short)}x in the last "
        f"{notice.short} (threshold {number(notice.factor)}x{_rule(notice)}). "
        f"Firing since {notice.starts_at:%Y-%m-%d %H:%M} UTC."
    )


def _rule(notice: Notification) -> str:
    return f", rule {notice.tier}" if notice.tier else ""


def _spent(notice: Notification) -> str:
    if math.isnan(notice.budget_remaining):
        return ""
    text = f"{share(1 - notice.budget_remaining)} of the error budget for {notice.window} is spent"
    spent = spent_by_incident(notice)
    if spent is not None:
        text += f", {share(spent)} in this incident"
    if notice.status is NotificationStatus.RESOLVED:
        return f"{text}."
    if notice.budget_remaining <= 0:
        return f"{text}: it is exhausted."
    left = time_left(notice)
    return f"{text}; at this rate it is exhausted in {span(left)}." if left is not None else f"{text}."


def why_stale(reason: str) -> str:
    """Why figures are old, as the beginning of a sentence.

    >>> why_stale("no_traffic: no events in the last 5m"), why_stale("no data since 11:58 UTC")
    ('Traffic has stopped: no events in the last 5m', 'Data is missing: no data since 11:58 UTC')
    """
    code, _, silence = reason.partition(": ")
    return f"Traffic has stopped: {silence}" if code == NO_TRAFFIC else f"Data is missing: {reason}"


def _stale(notice: Notification) -> str:
    if notice.stale is None:
        return ""
    return (
        f"{why_stale(notice.stale)}. The figures are from {notice.at:%Y-%m-%d %H:%M} UTC; "
        "the alert keeps firing until newer data resolves it."
    )


def _contributors(notice: Notification) -> str:
    return f"Top contributors: {notice.top_contributors}." if notice.top_contributors else ""


def _duration(notice: Notification) -> str:
    if notice.ends_at is None:
        return ""
    fired = f"{span(notice.ends_at - notice.starts_at)}, from {_period(notice.starts_at, notice.ends_at)}"
    lasted = error_duration(notice)
    if lasted is None or notice.first_bad_at is None or notice.last_bad_at is None:
        return f"The alert fired for {fired}."
    errors = f"{span(lasted)}, from {_period(notice.first_bad_at, notice.last_bad_at)}"
    return f"The errors lasted {errors}; the alert fired for {fired}."


def _period(start: datetime, end: datetime) -> str:
    same_day = end.date() == start.date()
    until = f"{end:%H:%M}" if same_day else f"{end:%Y-%m-%d %H:%M}"
    return f"{start:%Y-%m-%d %H:%M} to {until} UTC"


def _reason(notice: Notification) -> str:
    return f"Resolved because {notice.reason}." if notice.reason is not None else ""


def _count(events: float) -> str:
    return f"{events:,.0f}" if events >= 10 or events == round(events) else f"{events:.1f}"  # noqa: PLR2004  one digit
