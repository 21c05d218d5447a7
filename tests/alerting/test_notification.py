"""What people are told: the facts of the slot, and at the end the last facts there were."""

import math
from dataclasses import replace
from datetime import timedelta

import pytest

from app.alerting import (
    SLO_REMOVED,
    Alert,
    EndCode,
    IncidentErrors,
    NormalRate,
    Notification,
    NotificationStatus,
    Reading,
    RuleReading,
    compose,
    notifications_for,
    relabel,
    retire,
    sent_labels,
    step_slo,
)
from app.sli import sli_of_bad
from app.slo import (
    Alerting,
    AlertState,
    CalendarUnit,
    CalendarWindow,
    FrozenCause,
    GroupKey,
    Matcher,
    MatchOp,
    RollingWindow,
    Selector,
    Severity,
    SeverityPolicy,
    Slo,
    SloId,
)
from app.wording.sentences import description
from tests.alerting.scripts import PAGE, SLO, SLOT, slot

TOTAL = Selector((Matcher("__name__", MatchOp.EQUAL, "http_requests_total"),))
SERVICE = Slo(
    id=SloId("checkout-availability"),
    service="checkout",
    name="availability",
    objective=0.999,
    window=RollingWindow(timedelta(days=30)),
    sli=sli_of_bad(total=TOTAL, bad=TOTAL.with_matchers(Matcher("code", MatchOp.REGEX, "5.."))),
    description="payments that are taken",
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


def test_what_is_normal_is_said_to_the_end_of_an_incident_whose_errors_become_many() -> None:
    few = replace(BURNING, normal=NormalRate(ratio=0.0002, events=40_000.0, days=28))
    first = compose(_fire(), few, POLICY, slo=SERVICE, group=(), budget_remaining=0.4, at=slot(0))
    many = compose(_fire(), BURNING, POLICY, slo=SERVICE, group=(), budget_remaining=0.4, at=slot(1), last=first)
    assert [(one.normal_ratio, one.normal_days) for one in (first, many)] == [(0.0002, 28), (0.0002, 28)]
    assert "0.02%, from 28 days" in description(many)
    unknown = compose(_fire(), BURNING, POLICY, slo=SERVICE, group=(), budget_remaining=0.4, at=slot(1))
    assert math.isnan(unknown.normal_ratio)
    assert "normal" not in description(unknown)


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
    assert (notification.budget_remaining, notification.budget_estimated, notification.exhausted_at) == (
        0.4,
        False,
        None,
    )
    dated = compose(
        _fire(), BURNING, POLICY, slo=SERVICE, group=GROUP, budget_remaining=0.4, budget_estimated=True, at=slot(3),
        exhausted_at=slot(9),
    )  # fmt: skip
    assert dated == replace(notification, budget_estimated=True, exhausted_at=slot(9))


def test_the_period_of_a_calendar_window_is_the_one_that_the_slot_is_in() -> None:
    month = replace(SERVICE, window=CalendarWindow(CalendarUnit.MONTH, "UTC"))
    notification = compose(_fire(), BURNING, POLICY, slo=month, group=(), budget_remaining=0.4, at=slot(3))
    assert notification.period_seconds == 31 * 86_400


def test_a_notification_says_whose_it_is() -> None:
    notification = compose(_fire(), BURNING, POLICY, slo=SERVICE, group=GROUP, budget_remaining=0.4, at=slot(3))
    assert (notification.slo, notification.service, notification.name) == (SLO, "checkout", "availability")
    assert (notification.objective, notification.window, notification.period_seconds) == (0.999, "30d", 30 * 86_400)
    assert (notification.group, notification.slo_description) == (GROUP, "payments that are taken")
    assert notification.incident == _fire().incident


def test_a_frozen_alert_keeps_its_last_figures_and_says_that_they_are_stale() -> None:
    last = compose(_fire(), BURNING, POLICY, slo=SERVICE, group=(), budget_remaining=0.4, at=slot(1))
    frozen = replace(_fire(), frozen="the newest data is too old to judge by")
    blind = compose(frozen, QUIET, POLICY, slo=SERVICE, group=(), budget_remaining=1.0, at=slot(2), last=last)
    assert blind == replace(last, stale="the newest data is too old to judge by")
    without_traffic = replace(frozen, frozen_cause=FrozenCause.NO_TRAFFIC)
    for known in (last, None):
        again = compose(
            without_traffic, QUIET, POLICY, slo=SERVICE, group=(), budget_remaining=1.0, at=slot(2), last=known
        )
        assert (again.stale, again.stale_cause) == (frozen.frozen, FrozenCause.NO_TRAFFIC)


def test_an_alert_that_does_not_fire_has_no_notification() -> None:
    quiet = Alert(slo=SLO, severity=Severity.PAGE)
    pending = replace(_fire(), state=AlertState.PENDING)
    for alert in (quiet, pending, replace(_fire(), since=None), replace(_fire(), incident=None)):
        with pytest.raises(ValueError, match="does not fire"):
            compose(alert, QUIET, POLICY, slo=SERVICE, group=(), budget_remaining=1.0, at=slot(0))


def test_each_change_has_a_notification() -> None:
    """The end is told with the last facts of the alert, since at its end there is no tier that trips."""
    alerts, fired = step_slo((), {Severity.PAGE: BURNING}, (POLICY,), slo=SLO, at=slot(0))
    notification = compose(alerts[0], BURNING, POLICY, slo=SERVICE, group=(), budget_remaining=0.4, at=slot(0))
    assert notifications_for(fired, {notification.key: notification}, {}) == (notification,)

    _, resolved = step_slo(alerts, {Severity.PAGE: QUIET}, (POLICY,), slo=SLO, at=slot(1))
    (end,) = notifications_for(resolved, {}, {notification.key: notification})
    over = replace(notification, status=NotificationStatus.RESOLVED, at=slot(1), ends_at=slot(1))
    assert end == replace(over, end_code=EndCode.BURN_STOPPED)


def test_a_muted_ticket_is_no_news() -> None:
    alerts, changes = step_slo((), {Severity.PAGE: BURNING}, (POLICY,), slo=SLO, at=slot(0))
    silent = tuple(replace(change, notify=False) for change in changes)
    assert alerts
    assert notifications_for(silent, {}, {}) == ()
    page = _composed()
    assert notifications_for((*silent, *changes), {page.key: page}, {}) == (page,)


def _composed(at: int = 0, *, last: Notification | None = None, errors: IncidentErrors | None = None) -> Notification:
    return compose(
        _fire(), BURNING, POLICY, slo=SERVICE, group=GROUP, budget_remaining=0.4, at=slot(at), last=last, errors=errors
    )


def test_what_is_known_of_an_incident_is_kept_until_more_is_known() -> None:
    errors = IncidentErrors(first_bad_at=slot(-2), last_bad_at=slot(0), spent=0.25)
    first = replace(_composed(errors=errors), top_contributors="route /pay: 82%")
    later = _composed(1, last=first)
    assert (later.first_bad_at, later.last_bad_at, later.spent) == (slot(-2), slot(0), 0.25)
    assert later.top_contributors == "route /pay: 82%"
    of_another = _composed(1, last=replace(first, incident="another"))
    assert (of_another.first_bad_at, of_another.last_bad_at, of_another.top_contributors) == (None, None, "")


@pytest.mark.parametrize(("policy", "alertname"), [(POLICY, "PaymentsFail"), (None, "ErrorBudgetExhausted")])
def test_a_changed_document_is_told_with_the_figures_there_were(policy: SeverityPolicy | None, alertname: str) -> None:
    """A ticket about the budget has a name of its own, and no policy whose labels it could have."""
    before = replace(_composed(), alertname="ErrorBudgetExhausted")
    document = replace(
        SERVICE,
        description="new",
        labels=(("team", "orders"),),
        alerting=replace(SERVICE.alerting, name="PaymentsFail", annotations=(("runbook_url", "https://new"),)),
    )
    of_policy = {"tier": "0"} if policy is not None else {}
    dashboard = {"dashboard": "https://grafana/d/1"} if policy is not None else {}
    assert before.redescribed(document, GROUP, policy) == replace(
        before,
        alertname=alertname,
        labels=tuple(sorted({"team": "orders", "route": "/pay", **of_policy}.items())),
        annotations=tuple(sorted({"runbook_url": "https://new", **dashboard}.items())),
        slo_description="new",
    )


def test_labels_that_are_sent() -> None:
    group: GroupKey = (("route", "/pay"), ("service", "cart"), ("slo_group_service", "till"), ("empty", ""))
    notification = replace(_composed(), group=group, labels=(("team", "payments"), ("slo", "theirs"), *group))
    assert sent_labels(notification) == {
        "alertname": "ErrorBudgetBurn",
        "slo": "theirs",
        "service": "checkout",
        "severity": "page",
        "team": "payments",
        "route": "/pay",
        "slo_group_service": "till",
        "slo_group_slo_group_service": "cart",
    }


def test_a_label_that_older_alertmanagers_refuse_is_sent_under_another_name_only() -> None:
    group: GroupKey = (("http.route", "/pay"),)
    sent = sent_labels(replace(_composed(), group=group, labels=(("team", "payments"), *group)))
    assert (sent["http_route"], "http.route" in sent) == ("/pay", False)


def test_the_name_of_an_alert_is_no_label_of_a_document() -> None:
    assert sent_labels(replace(_composed(), labels=(("alertname", "Theirs"),)))["alertname"] == "ErrorBudgetBurn"


def test_an_alert_whose_labels_change_ends_and_begins_again_in_this_order() -> None:
    before = _composed()
    after = replace(_composed(2), labels=(("team", "orders"),))
    found, sent = relabel({after.key: after}, {before.key: before}, at=slot(2))
    assert found == {after.key: replace(after, relabelled_at=slot(2))}
    assert [(one.status, one.labels, one.at) for one in sent] == [
        (NotificationStatus.RESOLVED, before.labels, slot(2)),
        (NotificationStatus.FIRING, after.labels, slot(2)),
    ]
    assert sent[0].reason == "its labels were changed"
    assert sent[0].instance == before.key
    assert sent[1].instance == f"{before.key}@{slot(2).isoformat()}"


def test_an_alert_keeps_when_it_was_relabelled_for_as_long_as_its_incident_lasts() -> None:
    before = replace(_composed(), relabelled_at=slot(0))
    assert relabel({before.key: _composed(1)}, {before.key: before}, at=slot(1)) == (
        {before.key: replace(_composed(1), relabelled_at=slot(0))},
        (),
    )
    next_incident = replace(_composed(1), incident="another", labels=())
    assert relabel({before.key: next_incident}, {before.key: before}, at=slot(1)) == ({before.key: next_incident}, ())
    assert relabel({before.key: next_incident}, {}, at=slot(1)) == ({before.key: next_incident}, ())


def test_every_alert_is_compared_with_what_it_was_before() -> None:
    new, same = (replace(_composed(1), slo=SloId(name)) for name in ("new", "same"))
    known = [replace(_composed(1), slo=SloId(name)) for name in ("a", "b")]
    changed = [replace(one, labels=()) for one in known]
    last = {one.key: one for one in (same, *known)}
    found, sent = relabel({one.key: one for one in (new, same, *changed)}, last, at=slot(1))
    assert (found[new.key], found[same.key]) == (new, same)
    assert [(one.slo, one.status) for one in sent] == [
        ("a", "resolved"), ("a", "firing"), ("b", "resolved"), ("b", "firing"),
    ]  # fmt: skip


def test_missing_data_that_counts_as_bad_is_said_for_the_figures_of_its_alert() -> None:
    blind = replace(_fire(), tier="no data", frozen_cause=FrozenCause.NO_TRAFFIC)
    notification = compose(blind, BURNING, POLICY, slo=SERVICE, group=(), budget_remaining=0.4, at=slot(1))
    assert notification.stale == "none has come for a while, and this SLO takes that as bad"
    assert (notification.stale_cause, notification.tier, notification.long, notification.short) == (
        None, "no data", "", "",
    )  # fmt: skip
    assert all(math.isnan(value) for value in (notification.factor, notification.bad, notification.burn_rate_long))


def test_an_end_says_why_and_is_not_stale() -> None:
    frozen = replace(_composed(), stale="old", stale_cause=FrozenCause.NO_TRAFFIC)
    alerts, _ = step_slo((), {Severity.PAGE: BURNING}, (POLICY,), slo=SLO, at=slot(0))
    ended = retire(alerts, at=slot(0) + SLOT, end=SLO_REMOVED)
    (end,) = notifications_for(ended, {}, {frozen.key: frozen})
    assert (end.stale, end.stale_cause, end.reason, end.ends_at) == (None, None, "the SLO was removed", slot(1))
    assert notifications_for(ended, {}, {}) == ()
