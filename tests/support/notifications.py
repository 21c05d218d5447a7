"""Notifications for the tests of the store and of delivery."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from app.alerting import SLO_REMOVED, Notification, NotificationStatus, resolve
from app.slo import Severity, SloId

START = datetime(2026, 1, 1, tzinfo=UTC)

_FIRING = Notification(
    status=NotificationStatus.FIRING,
    slo=SloId("checkout-availability"),
    severity=Severity.PAGE,
    incident="5f2d",
    alertname="ErrorBudgetBurn",
    service="checkout",
    name="availability",
    objective=0.999,
    window="30d",
    period_seconds=timedelta(days=30).total_seconds(),
    starts_at=START,
    at=START,
    labels=(("team", "payments"),),
    annotations=(("runbook_url", "https://runbooks/slo"),),
    tier="1h/5m",
    long="1h",
    short="5m",
    factor=14.4,
    burn_rate_long=20.0,
    burn_rate_short=36.0,
    budget_remaining=0.4,
    good=98_000.0,
    bad=2_000.0,
    exhausted_at=START + timedelta(hours=14, minutes=24),
)


def firing(slo: str = "checkout-availability", *, starts_at: datetime = START, **changes: Any) -> Notification:
    """A page that fires since *starts_at*."""
    given = {"exhausted_at": starts_at + timedelta(hours=14, minutes=24), **changes}
    return replace(_FIRING, slo=SloId(slo), starts_at=starts_at, **{"at": starts_at, **given})


def resolved(
    slo: str = "checkout-availability", *, after: timedelta = timedelta(minutes=5), **changes: Any
) -> Notification:
    """The end of the page of the same name."""
    notification = firing(slo, **changes)
    return resolve(notification, at=notification.starts_at + after)


def closed(slo: str = "checkout-availability", **changes: Any) -> Notification:
    """The end of the page of the same name whose SLO was removed, which is no recovery."""
    return resolve(firing(slo, **changes), at=START + timedelta(minutes=5), end=SLO_REMOVED)
