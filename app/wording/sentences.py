"""The default texts of an alert: one line, and a few sentences. Written for somebody who was just woken."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from app.alerting import End, EndCode, Notification, NotificationStatus
from app.slo import Cause, FrozenCause, format_percent

_HUNDRED = 100
_RECOVERED = {
    EndCode.BURN_STOPPED: "the burn has stopped",
    EndCode.DATA_RETURNED: "data is back",
    EndCode.TRAFFIC_RETURNED: "traffic is back",
    EndCode.BUDGET_RECOVERED: "the error budget has recovered",
}
# A condition that is over, as its opposite: "the error budget is exhausted" beside "resolved" reads as both.
_BACK = {
    Cause.NO_DATA: "data is back",
    Cause.NO_TRAFFIC: "traffic is back",
    Cause.BUDGET_CONSUMED: "less of the error budget is consumed again",
    Cause.BUDGET_RUNS_OUT: "the error budget no longer runs out so soon",
    Cause.BUDGET_EXHAUSTED: "the error budget is no longer exhausted",
}
_STALE = {
    None: "Data is missing",
    FrozenCause.NO_TRAFFIC: "Traffic has stopped",
    FrozenCause.SLI_CHANGED: "The document was changed",
    FrozenCause.ADJUSTMENT: "The alert is not judged",
}
_THOUSAND = 1000
_HOUR_S = 3600
_DAY_S = 86_400
# How far away a budget's end is at most, and the step in seconds that it is rounded to: each evaluation projects it
# again, and a time that changes by seconds each minute would look more exact than it is.
_EXHAUSTION_STEPS = ((timedelta(minutes=30), 60), (timedelta(hours=6), 300), (timedelta(days=2), 1_800))
_COARSEST_STEP_S = _HOUR_S


def subject(notification: Notification) -> str:
    """What the alert is about: ``checkout availability``, with the group in brackets."""
    group = ", ".join(f"{label}={value}" for label, value in notification.group)
    return f"{notification.service} {notification.name}" + (f" ({group})" if group else "")


def incident_title(notification: Notification) -> str:
    """What an incident was about, while it lasts and when it is over."""
    if notification.condition:
        return f"{subject(notification)}: {notification.condition}"
    return f"{subject(notification)} burned its error budget"


def summary(notification: Notification) -> str:
    """The alert in one line."""
    if notification.status is NotificationStatus.RESOLVED:
        return _over(notification)
    if notification.condition:
        return f"{subject(notification)}: {notification.condition}"
    if math.isnan(notification.burn_rate_long):
        return f"{subject(notification)} is burning its error budget"
    return f"{subject(notification)} is burning its error budget at {number(notification.burn_rate_long)}x"


def description(notification: Notification) -> str:
    """The alert in a few sentences: what burns, how much is gone, how long it will last."""
    if notification.status is NotificationStatus.RESOLVED:
        sentences = [
            closing(notification),
            _duration(notification),
            _contributors(notification),
            _change(notification),
            _spent(notification),
        ]
    else:
        sentences = [
            _stale(notification),
            _promise(notification),
            _events(notification),
            _speed(notification),
            _contributors(notification),
            _change(notification),
            _spent(notification),
        ]
    return " ".join(sentence for sentence in sentences if sentence)


def unaccepted(notification: Notification) -> str:
    """Why the fallback of a receiver gets this page; empty for any other notification."""
    if not notification.unaccepted_by:
        return ""
    since = notification.unaccepted_since
    return (
        f"{notification.unaccepted_by} has not accepted this page"
        f"{'' if since is None else f' since {since:%Y-%m-%d %H:%M} UTC'}"
        f" ({notification.unaccepted_error or 'unknown error'}), so its fallback is notified; attempts go on"
    )


def number(value: float) -> str:
    """A number as people write it: four digits that count, thousands apart.

    >>> number(14.4), number(0.05), number(1_234_567)
    ('14.4', '0.05', '1,234,567')
    """
    return f"{value:,.0f}" if abs(value) >= _THOUSAND else f"{value:.4g}"


def listed(names: Sequence[str], most: int) -> str:
    """The first names, and how many more there are: a folder may have thousands.

    >>> listed(["a", "b"], 2), listed(["a", "b", "c"], 2)
    ('a, b', 'a, b and 1 more')
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def share(ratio: float) -> str:
    """A measured ratio in percent, three digits that count.

    >>> share(0.4), share(0.031249), share(1.1234), share(12.3)
    ('40%', '3.12%', '112%', '1,230%')
    """
    value = ratio * 100
    return f"{value:,.0f}%" if abs(value) >= _HUNDRED else f"{value:.3g}%"


def time_left(notification: Notification) -> timedelta | None:
    """How long the budget lasts at the present burn rate; None as `Notification.exhausted_at` is."""
    return None if notification.exhausted_at is None else max(notification.exhausted_at - notification.at, timedelta(0))


def spent_by_incident(notification: Notification) -> float | None:
    """The share of the budget that this incident has spent so far; None if that is not known, or nothing."""
    return notification.spent if notification.spent > 0 else None


def error_duration(notification: Notification) -> timedelta | None:
    """How long the incident has had errors, from its first slot with errors to its last; None if not known."""
    if notification.first_bad_at is None or notification.last_bad_at is None:
        return None
    return notification.last_bad_at - notification.first_bad_at


def ago(at: datetime, now: datetime) -> str:
    """How long ago something was, in its largest unit.

    >>> at = datetime(2026, 3, 1, 12)
    >>> [ago(at, at + timedelta(seconds=seconds)) for seconds in (0, 59, 200, 7_300, 200_000)]
    ['just now', '59 s ago', '3 min ago', '2 h ago', '2 d ago']
    """
    seconds = int((now - at).total_seconds())
    if seconds < 1:
        return "just now"
    for unit, length in (("d", _DAY_S), ("h", _HOUR_S), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"


def rounded_exhaustion(at: datetime, now: datetime) -> datetime:
    """When a budget is exhausted, as precisely as a projection is worth: pages of different moments show the same.

    To the minute within half an hour, then to five minutes, half an hour and hours; always down.

    >>> now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    >>> [f"{rounded_exhaustion(now + timedelta(minutes=m), now):%d %H:%M}" for m in (29.5, 134, 864, 6_000)]
    ['01 12:29', '01 14:10', '02 02:00', '05 16:00']
    """
    left = at - now
    step_s = next((step_s for longest, step_s in _EXHAUSTION_STEPS if left < longest), _COARSEST_STEP_S)
    return datetime.fromtimestamp(at.timestamp() // step_s * step_s, UTC)


def span(duration: timedelta) -> str:
    """A duration in its two largest units, none of which is zero.

    >>> span(timedelta(hours=62)), span(timedelta(minutes=864)), span(timedelta(seconds=95)), span(timedelta(days=2))
    ('2d 14h', '14h 24m', '1m', '2d')
    """
    seconds = int(duration.total_seconds())
    days, hours, minutes = seconds // _DAY_S, seconds % _DAY_S // _HOUR_S, seconds % _HOUR_S // 60
    if days:
        return f"{days}d {hours}h" if hours else f"{days}d"
    if hours:
        return f"{hours}h {minutes}m" if minutes else f"{hours}h"
    return f"{minutes}m" if minutes else f"{seconds}s"


def _over(notification: Notification) -> str:
    if not notification.recovered:
        return f"{subject(notification)}: {_closed(notification)}"
    if notification.cause in _BACK:
        return f"{subject(notification)}: {_BACK[notification.cause]}"
    if notification.condition:
        return f"{subject(notification)}: resolved: {notification.condition}"
    return f"{subject(notification)} is no longer burning its error budget"


def _promise(notification: Notification) -> str:
    text = notification.slo_description.strip()
    return f"SLO: {text}" + ("" if text.endswith((".", "!", "?")) else ".") if text else ""


def _events(notification: Notification) -> str:
    total = notification.good + notification.bad
    if not total > 0:
        return ""
    return (
        f"{event_words(notification.bad)} of {event_words(total)} events were bad in the last {notification.long}, "
        f"{share(notification.bad / total)}; "
        f"the objective of {format_percent(notification.objective)} "
        f"allows {format_percent(1 - notification.objective)}{normal_clause(notification)}."
    )


def normal_clause(notification: Notification) -> str:
    """What is normal for the service, to end a sentence; empty unless few errors were judged by it (ADR-0082)."""
    if math.isnan(notification.normal_ratio):
        return ""
    return f"; normal are {share(notification.normal_ratio)}, from {notification.normal_days} days"


def _speed(notification: Notification) -> str:
    if math.isnan(notification.burn_rate_long) or math.isnan(notification.burn_rate_short):
        return ""
    return (
        f"The error budget for {notification.window} is burning at "
        f"{number(notification.burn_rate_long)}x in the last {notification.long} "
        f"and {number(notification.burn_rate_short)}x in the last {notification.short} "
        f"(threshold {number(notification.factor)}x{_rule(notification)}). "
        f"Firing since {notification.starts_at:%Y-%m-%d %H:%M} UTC."
    )


def _rule(notification: Notification) -> str:
    return f", rule {notification.tier}" if notification.tier else ""


def _spent(notification: Notification) -> str:
    if math.isnan(notification.budget_remaining):
        return ""
    # Of a window that has only begun the whole budget is not known: its status is at_risk (ADR-0045).
    estimated = notification.budget_estimated and notification.budget_remaining <= 0
    of_what = "of the events so far" if estimated else f"for {notification.window}"
    text = f"{share(1 - notification.budget_remaining)} of the error budget {of_what} is spent"
    spent = spent_by_incident(notification)
    if spent is not None:
        text += f", {share(spent)} in this incident"
    if notification.status is NotificationStatus.RESOLVED:
        return f"{text}."
    if estimated:
        return f"{text}; the window ({notification.window}) has only begun."
    if notification.budget_remaining <= 0:
        return f"{text}: it is exhausted."
    left = time_left(notification)
    return f"{text}; at this rate it is exhausted in {span(left)}." if left is not None else f"{text}."


def why_stale(notification: Notification) -> str:
    """Why figures are old, as the beginning of a sentence; empty if they are not."""
    if notification.stale is None:
        return ""
    return f"{_STALE[notification.stale_cause]}: {notification.stale}"


def _stale(notification: Notification) -> str:
    if notification.stale is None:
        return ""
    return (
        f"{why_stale(notification)}. The figures are from {notification.at:%Y-%m-%d %H:%M} UTC; "
        "the alert keeps firing until newer data resolves it."
    )


def _contributors(notification: Notification) -> str:
    return f"Top contributors: {notification.top_contributors}." if notification.top_contributors else ""


def _change(notification: Notification) -> str:
    text = notification.recent_change
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _duration(notification: Notification) -> str:
    if notification.ends_at is None:
        return ""
    starts_at, ends_at = notification.starts_at, notification.ends_at
    fired = f"{span(ends_at - starts_at)}, from {_period(starts_at, ends_at)}"
    lasted = error_duration(notification)
    if lasted is None or notification.first_bad_at is None or notification.last_bad_at is None:
        return f"The alert fired for {fired}."
    errors = f"{span(lasted)}, from {_period(notification.first_bad_at, notification.last_bad_at)}"
    # Where no data shows the end of the errors they may go on.
    seen = "The errors lasted" if notification.recovered else "Errors were seen for"
    return f"{seen} {errors}; the alert fired for {fired}."


def _period(start: datetime, end: datetime) -> str:
    same_day = end.date() == start.date()
    until = f"{end:%H:%M}" if same_day else f"{end:%Y-%m-%d %H:%M}"
    return f"{start:%Y-%m-%d %H:%M} to {until} UTC"


def end_words(end: End) -> str:
    """Why an alert ended, in words that follow "because".

    >>> end_words(End(code=EndCode.BURN_STOPPED)), end_words(End(code=EndCode.NO_TRAFFIC, reason="there were none"))
    ('the burn has stopped', 'there were none')
    """
    return end.reason or _RECOVERED.get(end.code, str(end.code).replace("_", " "))


def closing(notification: Notification) -> str:
    """Why an alert ended that did not recover; empty of one that fires or did."""
    if notification.status is NotificationStatus.FIRING or notification.recovered:
        return ""
    return f"{_closed(notification, 'This alert')}. This is not a recovery."


def _closed(notification: Notification, alert: str = "this alert") -> str:
    code = notification.end_code or EndCode.BURN_STOPPED
    return f"{alert} is closed because {end_words(End(code=code, reason=notification.reason))}"


def event_words(events: float) -> str:
    """A number of events as people write it: one digit after the point where there are few."""
    return f"{events:,.0f}" if events >= 10 or events == round(events) else f"{events:.1f}"  # noqa: PLR2004  one digit
