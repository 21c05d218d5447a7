"""The facts of one alert in one slot, from which each receiver makes its text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.alerting.alert import Alert, Transition, TransitionKind, alert_key
from app.alerting.ends import End, EndCode
from app.alerting.lifecycle import NO_DATA_RULE
from app.alerting.reading import Reading, RuleReading
from app.slo import (
    BurnRateRule,
    Cause,
    FrozenCause,
    GroupKey,
    Labels,
    Severity,
    SeverityPolicy,
    Slo,
    SloId,
    format_duration,
)

_NAN = float("nan")
_COUNTS_AS_BAD = "none has come for a while, and this SLO takes that as bad"
_UNKNOWN = RuleReading(long_burn_rate=_NAN, short_burn_rate=_NAN, long_coverage=0.0, short_coverage=0.0)


class NotificationStatus(StrEnum):
    """Whether a notification says that an alert fires or that it is over."""

    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """The facts of one alert in the slot *at*; ratios, burn rates and events are NaN where they are not known.

    *labels* are those of the documents and of the *group*, *annotations* those of the documents; *good* and *bad* count
    the events of the window *long*; *period_seconds* is the length of the SLO window; *stale* says why the figures
    are old, *stale_cause* why where it is not for want of data; *end_code* why the alert ended, and *reason* so in
    words where it did not recover; *top_contributors* which label values most errors share, empty until that is known;
    *recent_change* is the last change of the service before the errors, in words.
    *exhausted_at* is when none of the budget is left at the present burn rate;
    *first_bad_at* and *last_bad_at* are the start of the incident's first slot with errors and the end of its last,
    *incident_bad* are the bad events in between and *spent* the share of the budget that went with them; None and NaN
    where not known. *condition* says in words what holds, where the *cause* is not a burn. *relabelled_at* is when the
    alert got its labels in the middle of its incident, None if it began with them: to receivers it is another alert
    since then. *unconfirmed* says that nothing
    was evaluated for long, and that no fresh data has shown since then that it fires. *unaccepted_by* is the receiver
    in whose place a fallback is notified, *unaccepted_since* its first failed attempt, *unaccepted_error* the last.
    *normal_ratio* is the share of events that is normally bad, from *normal_days* of history; NaN where that was not
    asked for, as errors are many. *budget_estimated* is as in `is_estimated`: the budget is that of the events so far,
    not of a whole window.
    """

    status: NotificationStatus
    slo: SloId
    severity: Severity
    incident: str
    alertname: str
    service: str
    name: str
    objective: float
    window: str
    period_seconds: float
    starts_at: datetime
    at: datetime
    ends_at: datetime | None = None
    group: GroupKey = ()
    labels: Labels = ()
    annotations: Labels = ()
    tier: str = ""
    long: str = ""
    short: str = ""
    factor: float = _NAN
    burn_rate_long: float = _NAN
    burn_rate_short: float = _NAN
    budget_remaining: float = _NAN
    good: float = _NAN
    bad: float = _NAN
    stale: str | None = None
    stale_cause: FrozenCause | None = None
    end_code: EndCode | None = None
    reason: str | None = None
    top_contributors: str = ""
    recent_change: str = ""
    slo_description: str = ""
    exhausted_at: datetime | None = None
    first_bad_at: datetime | None = None
    last_bad_at: datetime | None = None
    incident_bad: float = _NAN
    spent: float = _NAN
    normal_ratio: float = _NAN
    normal_days: int = 0
    cause: Cause = Cause.BURN
    condition: str = ""
    relabelled_at: datetime | None = None
    unconfirmed: bool = False
    unaccepted_by: str = ""
    unaccepted_since: datetime | None = None
    unaccepted_error: str = ""
    budget_estimated: bool = False

    @property
    def key(self) -> str:
        """The identity of the alert, as in `Alert.key`."""
        return alert_key(self.slo, self.severity, self.cause)

    @property
    def recovered(self) -> bool:
        """Whether it is resolved since what it was about is over; any other end is no all-clear."""
        return self.status is NotificationStatus.RESOLVED and (self.end_code is None or self.end_code.recovered)

    @property
    def instance(self) -> str:
        """The identity of the alert with its present labels: what one receiver knows as one alert."""
        return self.key if self.relabelled_at is None else f"{self.key}@{self.relabelled_at.isoformat()}"

    def not_after(self, at: datetime) -> "Notification":
        """The same as of *at* at the latest: by a clock that was ahead, the alert began in the future."""
        relabelled_at = None if self.relabelled_at is None else min(self.relabelled_at, at)
        return replace(self, starts_at=min(self.starts_at, at), at=min(self.at, at), relabelled_at=relabelled_at)

    def redescribed(self, slo: Slo, group: GroupKey, policy: SeverityPolicy | None = None) -> "Notification":
        """The same figures with what the documents say by now; those of a burn have a *policy*."""
        return replace(
            self,
            alertname=self.alertname if policy is None else slo.alerting.name,
            labels=_merged(slo.alert_labels, group, () if policy is None else policy.labels),
            annotations=_merged(slo.alerting.annotations, () if policy is None else policy.annotations),
            slo_description=slo.description,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentErrors:
    """The start of an incident's first slot with errors, the end of its last, and what it spent in between.

    That is *bad* events and *spent*, their share of the budget.
    """

    first_bad_at: datetime | None = None
    last_bad_at: datetime | None = None
    bad: float = _NAN
    spent: float = _NAN


def firing_notification(
    alert: Alert,
    *,
    slo: Slo,
    group: GroupKey,
    at: datetime,
    alertname: str,
    labels: Labels = (),
    annotations: Labels,
    tier: str,
    **more: Any,
) -> Notification:
    """What the notification of a firing alert has with any cause, and *more* of its fields.

    *labels* come beside the SLO's and the group's.

    Raises:
        ValueError: the alert does not fire.
    """
    since, incident = _fires(alert)
    return Notification(
        status=NotificationStatus.FIRING,
        slo=alert.slo,
        severity=alert.severity,
        incident=incident,
        alertname=alertname,
        service=slo.service,
        name=slo.name,
        objective=slo.objective,
        window=str(slo.window),
        period_seconds=slo.window.period(at).total_seconds(),
        starts_at=since,
        at=at,
        group=group,
        labels=_merged(slo.alert_labels, group, labels),
        annotations=annotations,
        tier=tier,
        slo_description=slo.description,
        **more,
    )


def compose(
    alert: Alert,
    reading: Reading,
    policy: SeverityPolicy,
    *,
    slo: Slo,
    group: GroupKey,
    budget_remaining: float,
    budget_estimated: bool = False,
    at: datetime,
    last: Notification | None = None,
    errors: IncidentErrors | None = None,
    exhausted_at: datetime | None = None,
) -> Notification:
    """The notification of a firing alert, with the *errors* of its incident, by default as they were last known.

    A frozen one keeps the figures of its *last* notification, marked as stale.

    Raises:
        ValueError: the alert does not fire.
    """
    # There are no newer figures; zeros or NaN in a page that still fires would read as an all-clear.
    if alert.frozen is not None and last is not None:
        _fires(alert)
        return replace(last.redescribed(slo, group, policy), stale=alert.frozen, stale_cause=alert.frozen_cause)
    rule, measured = _tripped(alert, reading, policy.rules)
    same_incident = last if last is not None and last.incident == alert.incident else None
    # The ledger is asked only while it burns; in between the last known figures stand, of this incident alone.
    errors = errors or _errors_of(same_incident)
    # All fields at once: each evaluation composes one for each active alert, and every copy would cost as much again.
    return firing_notification(
        alert,
        slo=slo,
        group=group,
        at=at,
        alertname=slo.alerting.name,
        labels=policy.labels,
        annotations=_merged(slo.alerting.annotations, policy.annotations),
        tier=alert.tier or "",
        long=format_duration(rule.long) if rule else "",
        short=format_duration(rule.short) if rule else "",
        factor=rule.factor if rule else _NAN,
        burn_rate_long=measured.long_burn_rate,
        burn_rate_short=measured.short_burn_rate,
        budget_remaining=budget_remaining,
        budget_estimated=budget_estimated,
        good=measured.good,
        bad=measured.bad,
        stale=_COUNTS_AS_BAD if alert.tier == NO_DATA_RULE else alert.frozen or reading.estimated,
        stale_cause=None if alert.tier == NO_DATA_RULE else alert.frozen_cause,
        top_contributors=same_incident.top_contributors if same_incident is not None else "",
        recent_change=same_incident.recent_change if same_incident is not None else "",
        exhausted_at=exhausted_at,
        first_bad_at=errors.first_bad_at,
        last_bad_at=errors.last_bad_at,
        incident_bad=errors.bad,
        spent=errors.spent,
        **_normal(reading, same_incident),
        relabelled_at=same_incident.relabelled_at if same_incident is not None else None,
    )


def resolve(notification: Notification, *, at: datetime, end: End | None = None) -> Notification:
    """The last notification of an alert, turned into that of its *end* at *at*; without one it has recovered."""
    return replace(
        notification,
        status=NotificationStatus.RESOLVED,
        at=at,
        ends_at=at,
        # By the burn rate of before, which has stopped or is not known any more.
        exhausted_at=None,
        stale=None,
        stale_cause=None,
        end_code=None if end is None else end.code,
        reason=None if end is None else end.reason,
    )


def notifications_for(
    transitions: Sequence[Transition], current: Mapping[str, Notification], last: Mapping[str, Notification]
) -> tuple[Notification, ...]:
    """The notifications of *transitions*, in order.

    Args:
        transitions: what has changed in this slot.
        current: by key, the notifications of the alerts that are active in this slot.
        last: by key, the notifications of the alerts that were active in the slot before; they end with them. An alert
            without one was never notified.
    """
    found = []
    for change in transitions:
        if not change.notify:
            continue
        if change.kind is not TransitionKind.RESOLVED:
            found.append(current[change.key])
        elif change.key in last:
            found.append(resolve(last[change.key], at=change.at, end=change.end))
    return tuple(found)


def _normal(reading: Reading, last: Notification | None) -> dict[str, float]:
    """What is normal, from how many days; as it was last said of this incident once its errors are many."""
    if reading.normal is not None:
        return {"normal_ratio": reading.normal.ratio, "normal_days": reading.normal.days}
    return {} if last is None else {"normal_ratio": last.normal_ratio, "normal_days": last.normal_days}


def _errors_of(notification: Notification | None) -> IncidentErrors:
    if notification is None:
        return IncidentErrors()
    return IncidentErrors(
        first_bad_at=notification.first_bad_at,
        last_bad_at=notification.last_bad_at,
        bad=notification.incident_bad,
        spent=notification.spent,
    )


def _tripped(alert: Alert, reading: Reading, rules: Sequence[BurnRateRule]) -> tuple[BurnRateRule | None, RuleReading]:
    for rule, measured in zip(rules, reading.rules, strict=True):
        if rule.name == alert.tier:
            return rule, measured
    return None, _UNKNOWN


def _fires(alert: Alert) -> tuple[datetime, str]:
    """Since when an alert fires, and in which incident."""
    if not alert.firing or alert.since is None or alert.incident is None:
        raise ValueError(f"the alert {alert.key} does not fire")
    return alert.since, alert.incident


def _merged(*labels: Labels) -> Labels:
    merged: dict[str, str] = {}
    for pairs in labels:
        merged.update(pairs)
    return tuple(sorted(merged.items()))
