"""What people are told: the facts of the slot, and at the end the last facts there were."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.alerting import Alert, NotificationStatus, Reading, RuleReading, compose, notifications_for, step_slo
from app.sli import sli_of_bad
from app.slo import (
    Alerting,
    GroupKey,
    Matcher,
    MatchOp,
    RollingWindow,
    Selector,
    Severity,
    Slo,
    SloId,
)
from tests.alerting.scripts import PAGE, SLO, slot

TOTAL = Selector((Matcher("__name__", MatchOp.EQUAL, "http_requests_total"),))
SERVICE = Slo(
    id=SloId("checkout-availability"),
    service="checkout",
    name="availability",
    objective=0.999,
    window=RollingWindow(timedelta(days=30)),
    sli=sli_of_bad(total=TOTAL, bad=TOTAL.with_matchers(Matcher("code", MatchOp.REGEX, "5.."))),
    labels=(("team", "payments"), ("tier", "1")),
    alerting=Alerting(annotations=(("runbook_url", "https://runbooks/slo"),)),
)
POLICY = replace(PAGE, labels=(("tier", "0"),), annotations=(("dashboard", "https://grafana/d/1"),))
GROUP: GroupKey = (("route", "/pay"),)
BURNING = Reading(rules=(RuleReading(long_burn_rate=20.0, short_burn_rate=30.0, good=980.0, bad=20.0),))
QUIET = Reading(rules=(RuleReading(long_burn_rate=0.0, short_burn_rate=0.0),))


def _fire() -> Alert:
    alerts, _ = step_slo((), {Severity.PAGE: BURNING}, (POLICY,), slo=SLO, at=slot(0))
    return alerts[0]


def test_a_notification_holds_the_facts_of_its_slot() -> None:
    notification = compose(_fire(), BURNING, POLICY, slo=SERVICE, group=GROUP, budget_remaining=0.4, at=slot(3))
    assert notification.status is NotificationStatus.FIRING
    assert (notification.starts_at, notification.at, notification.ends_at) == (slot(0), slot(3), None)
    assert (notification.tier, notification.long, notification.short, notification.factor) == (
        "1h/5m",
        "1h",
        "5m",
        14.4,
    )
    assert (notification.burn_rate_long, notification.burn_rate_short, notification.good, notification.bad) == (
        20.0,
        30.0,
        980.0,
        20.0,
    )
    assert notification.labels == (("route", "/pay"), ("team", "payments"), ("tier", "0"))
    assert notification.annotations == (("dashboard", "https://grafana/d/1"), ("runbook_url", "https://runbooks/slo"))
    assert notification.key == _fire().key


def test_a_frozen_alert_keeps_its_last_figures_and_says_that_they_are_stale() -> None:
    last = compose(_fire(), BURNING, POLICY, slo=SERVICE, group=(), budget_remaining=0.4, at=slot(1))
    frozen = replace(_fire(), frozen="the newest data is too old to judge by")
    blind = compose(frozen, QUIET, POLICY, slo=SERVICE, group=(), budget_remaining=1.0, at=slot(2), last=last)
    assert blind == replace(last, stale="the newest data is too old to judge by")


def test_an_alert_that_does_not_fire_has_no_notification() -> None:
    quiet = Alert(slo=SLO, severity=Severity.PAGE)
    with pytest.raises(ValueError, match="does not fire"):
        compose(quiet, QUIET, POLICY, slo=SERVICE, group=(), budget_remaining=1.0, at=slot(0))


def test_each_change_has_a_notification() -> None:
    """The end is told with the last facts of the alert, since at its end there is no tier that trips."""
    alerts, fired = step_slo((), {Severity.PAGE: BURNING}, (POLICY,), slo=SLO, at=slot(0))
    notification = compose(alerts[0], BURNING, POLICY, slo=SERVICE, group=(), budget_remaining=0.4, at=slot(0))
    assert notifications_for(fired, {notification.key: notification}, {}) == (notification,)

    _, resolved = step_slo(alerts, {Severity.PAGE: QUIET}, (POLICY,), slo=SLO, at=slot(1))
    (end,) = notifications_for(resolved, {}, {notification.key: notification})
    assert end == replace(notification, status=NotificationStatus.RESOLVED, at=slot(1), ends_at=slot(1))


def test_a_muted_ticket_is_no_news() -> None:
    alerts, changes = step_slo((), {Severity.PAGE: BURNING}, (POLICY,), slo=SLO, at=slot(0))
    silent = tuple(replace(change, notify=False) for change in changes)
    assert alerts
    assert notifications_for(silent, {}, {}) == ()
