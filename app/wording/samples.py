"""Sample alerts of an SLO, so that templates can be tried before an alert needs them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app.alerting import SLO_REMOVED, End, EndCode, Notification, NotificationStatus, resolve
from app.slo import BurnRateRule, Cause, Severity, SeverityPolicy, Slo, format_duration, group_id

_AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
_ANY = (BurnRateRule(long=timedelta(hours=1), short=timedelta(minutes=5), factor=14.4),)


def sample_alerts(slo: Slo) -> Iterator[tuple[str, Notification]]:
    """What alerts of the SLO may look like, each after its kind in words."""
    group = tuple((label, "example") for label in sorted(slo.sli.by))
    for severity in Severity:
        policy = slo.alerting.policy(severity)
        if policy is None:
            continue
        fires = _burning(slo, severity, policy, group)
        yield f"a firing {severity}", fires
        yield f"a firing {severity} without new data", replace(fires, stale="no data since 11:58 UTC")
        ends_at = _AT + timedelta(minutes=9)
        yield f"a resolved {severity}", resolve(fires, at=ends_at, end=End(code=EndCode.BURN_STOPPED))
        yield f"a {severity} that ended without a recovery", resolve(fires, at=ends_at, end=SLO_REMOVED)
    yield "a ticket for missing data", _without_figures(slo, group)


def _burning(slo: Slo, severity: Severity, policy: SeverityPolicy, group: tuple[tuple[str, str], ...]) -> Notification:
    tier = policy.rules[0]
    return Notification(
        status=NotificationStatus.FIRING,
        slo=group_id(slo.id, group),
        severity=severity,
        incident="0a1b2c3d",
        alertname=slo.alerting.name,
        service=slo.service,
        name=slo.name,
        objective=slo.objective,
        window=str(slo.window),
        period_seconds=slo.window.period(_AT).total_seconds(),
        starts_at=_AT,
        at=_AT + timedelta(minutes=5),
        group=group,
        labels=tuple(sorted({**dict(slo.alert_labels), **dict(group), **dict(policy.labels)}.items())),
        annotations=tuple(sorted({**dict(slo.alerting.annotations), **dict(policy.annotations)}.items())),
        tier=tier.name,
        long=format_duration(tier.long),
        short=format_duration(tier.short),
        factor=tier.factor,
        burn_rate_long=tier.factor * 1.5,
        burn_rate_short=tier.factor * 2,
        budget_remaining=0.62,
        good=98_500.0,
        bad=1_500.0,
        top_contributors='route="/pay": 82% of the errors, 9% of the traffic',
        slo_description=slo.description,
        exhausted_at=_AT + timedelta(hours=21),
        first_bad_at=_AT - timedelta(minutes=4),
        last_bad_at=_AT + timedelta(minutes=5),
        incident_bad=1_500.0,
        spent=0.03,
    )


def _without_figures(slo: Slo, group: tuple[tuple[str, str], ...]) -> Notification:
    """A ticket that every SLO can have, with any policies."""
    policy = SeverityPolicy(severity=Severity.TICKET, rules=_ANY)
    unknown = float("nan")
    return replace(
        _burning(slo, Severity.TICKET, policy, group),
        alertname="SLODataUnavailable",
        cause=Cause.NO_DATA,
        condition="no data since 2026-01-01 11:50 UTC",
        tier="",
        long="",
        short="",
        factor=unknown,
        burn_rate_long=unknown,
        burn_rate_short=unknown,
        budget_remaining=unknown,
        good=unknown,
        bad=unknown,
        top_contributors="",
        exhausted_at=None,
        first_bad_at=None,
        last_bad_at=None,
        spent=unknown,
    )
