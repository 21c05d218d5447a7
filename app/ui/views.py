"""Snapshots as templates print them: text for figures, and lengths for bars."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.alerting import Notification
from app.slo import UNKNOWN_FIGURE, AlertState, CalendarWindow, Severity, format_duration, rounded_percent, short
from app.status import AlertView, ContributorShare, DataState, Snapshot, severities_words, state_words
from app.wording.annotations import annotations
from app.wording.sentences import ago, share, span


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnView:
    """One look-back window: its bar is full at the lowest factor that a tier gives it.

    *factor* has the tier and which of its windows it is: one window alone fires nothing. *over* are windows of which a
    tier has its short window over the factor too; the others at their factor are *falling*, as `falling_words` has it.
    """

    window: str
    burn_rate: str
    factor: str
    alerts_never: bool
    bar: int
    over: bool
    falling: str
    good: str
    bad: str
    coverage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertLine:
    """The state of some alerts of an SLO, and why they are suppressed or frozen; *kind* selects the style."""

    words: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRow:
    """One alert of an SLO; *why* is why it fires, is suppressed, muted or frozen."""

    severity: Severity
    words: str
    kind: str
    since: datetime | None
    tier: str
    why: str


def rfc3339(at: datetime) -> str:
    """A time in UTC to the second, as addresses and attributes have it: ``2026-03-01T12:00:00Z``."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def grouped(events: float) -> str:
    """A number of events, grouped by thousands: ``27,365,987``."""
    if not math.isfinite(events):
        return UNKNOWN_FIGURE
    return f"{events:,.0f}"


def multiple(burn_rate: float) -> str:
    """A burn rate as a multiple: ``14.4x``."""
    return f"{short(burn_rate, 2)}x" if math.isfinite(burn_rate) else UNKNOWN_FIGURE


def spent(ratio: float) -> str:
    """A share in percent, three digits that count: ``4.21%``."""
    return share(ratio) if math.isfinite(ratio) else UNKNOWN_FIGURE


def label_names(items: Sequence[ContributorShare]) -> list[str]:
    """The names of the labels of contributors, each once."""
    return list(dict.fromkeys(name for item in items for name, _ in item.values))


def moment(at: datetime | None) -> str:
    """A time in UTC."""
    return UNKNOWN_FIGURE if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def relative(at: datetime, now: datetime) -> str:
    """How long ago something was, or in how long it will be."""
    return f"in {span(at - now)}" if at - now >= timedelta(minutes=1) else ago(at, now)


def measured(snapshot: Snapshot) -> str:
    """What the coverage is a share of: the whole window, or the time since the first sample where that is less."""
    since, start, end = snapshot.data_since, snapshot.window_start, snapshot.as_of
    if since is None or start is None or end is None or since <= start:
        return "of the window is measured"
    seconds = timedelta(seconds=max(1, round((end - since).total_seconds())))
    return f"of the {format_duration(seconds)} since the first sample is measured"


def history_read(snapshot: Snapshot) -> float:
    """The share of the history that is read, of an SLO whose history is still being read."""
    return 0.0 if snapshot.backfill is None else snapshot.backfill.ratio


def bar(ratio: float) -> int:
    """The length of a bar in percent of its full length."""
    return round(min(1.0, max(0.0, ratio)) * 100) if math.isfinite(ratio) else 0


def window_name(snapshot: Snapshot) -> str:
    """The SLO window in words."""
    window = snapshot.slo.window
    if isinstance(window, CalendarWindow):
        return f"this {window.unit} ({window.timezone})"
    return format_duration(window.duration)


def burns(snapshot: Snapshot) -> list[BurnView]:
    """The burn rate of every window beside the factors that alerts compare it with."""
    factors: dict[str, list[tuple[float, str]]] = {}
    rates = {format_duration(view.window): view.burn_rate for view in snapshot.windows}
    exceeded: set[str] = set()
    for policy in snapshot.slo.alerting.policies:
        for tier in policy.rules:
            # Not known is not below.
            if not rates.get(format_duration(tier.short), math.nan) < tier.factor:
                exceeded |= {format_duration(tier.long), format_duration(tier.short)}
            for role, length in (("long", tier.long), ("short", tier.short)):
                factors.setdefault(format_duration(length), []).append((tier.factor, f"{role} window of {tier.name}"))
    views = []
    for view in snapshot.windows:
        window = format_duration(view.window)
        compared = sorted(set(factors.get(window, ())))
        limit = compared[0][0] if compared else 1.0
        is_over = view.burn_rate >= limit
        falling = falling_words(snapshot, limit) if is_over and window not in exceeded else ""
        views.append(
            BurnView(
                window=window,
                burn_rate=multiple(view.burn_rate),
                factor=", ".join(f"{multiple(factor)} ({of_tier})" for factor, of_tier in compared) or UNKNOWN_FIGURE,
                alerts_never=not compared,
                bar=bar(view.burn_rate / limit),
                over=is_over and not falling,
                falling=falling,
                good=grouped(view.good),
                bad=grouped(view.bad),
                coverage=rounded_percent(view.coverage, 1),
            )
        )
    return views


def falling_words(snapshot: Snapshot, limit: float = 1.0) -> str:
    """What the shortest window has if that is below *limit*: a longer one above it is of errors before; else empty.

    Empty also where the figures are old or the shortest window has no events: what happens now is not known.
    """
    newest = min(snapshot.windows, key=lambda view: view.window, default=None)
    if newest is None or snapshot.data in {DataState.STALE, DataState.ERROR} or not newest.burn_rate < limit:
        return ""
    length = format_duration(newest.window)
    return f"no errors in {length}" if newest.bad <= 0 else f"falling: {multiple(newest.burn_rate)} in {length}"


def alert_kind(alert: AlertView) -> str:
    """What its badge looks like: one that fires looks so, be its data missing or not."""
    # Only an alert that fires has a tier while it is frozen.
    fires_frozen = alert.state == AlertState.FROZEN and alert.tier is not None
    return str(AlertState.FIRING if fires_frozen else alert.state)


def alert_lines(snapshot: Snapshot) -> list[AlertLine]:
    """The alerts of an SLO that do something or are kept from it; those that share a state and a reason in one line."""
    severities: dict[tuple[str, str, str], list[str]] = {}
    for alert in snapshot.alerts:
        words = _words(alert)
        if words:
            severities.setdefault((words, alert_kind(alert), alert.reason or ""), []).append(alert.severity)
    return [
        AlertLine(words=f"{severities_words(who)} {words}", kind=kind, reason=reason)
        for (words, kind, reason), who in severities.items()
    ]


def alert_rows(snapshot: Snapshot, sent: Sequence[Notification | None]) -> list[AlertRow]:
    """Every alert of an SLO, with why it is in its state; *sent* is the notification of each, if there is one."""
    return [
        AlertRow(
            severity=alert.severity,
            words=_words(alert) or str(alert.state),
            kind=alert_kind(alert),
            since=alert.since,
            tier=alert.tier or "",
            why=alert.reason or _why(alert, notification),
        )
        for alert, notification in zip(snapshot.alerts, sent, strict=True)
    ]


def is_blind(snapshot: Snapshot) -> bool:
    """Whether an alert of the SLO cannot be judged."""
    return any(alert.state is AlertState.FROZEN for alert in snapshot.alerts)


def _words(alert: AlertView) -> str:
    return state_words(alert.state, reason=alert.reason, tier=alert.tier, cause=alert.cause)


def _why(alert: AlertView, sent: Notification | None) -> str:
    if alert.state is AlertState.MUTED:
        return "muted by the page"
    return "" if sent is None else annotations(sent)["summary"]
