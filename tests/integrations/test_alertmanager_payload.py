"""Alerts as Alertmanager gets them: a fixed identity, and an end that outlives our silence for a while only."""

from dataclasses import replace
from datetime import timedelta

from app.alerting import Route, sent_labels
from app.integrations.alertmanager.payload import PayloadWriter
from tests.support.notifications import START, firing, resolved

WIRE = PayloadWriter(external_url="http://sloburn.example:9720/", lifetime=timedelta(minutes=4))


def test_labels_are_the_identity() -> None:
    assert sent_labels(firing()) == {
        "alertname": "ErrorBudgetBurn",
        "slo": "checkout-availability",
        "service": "checkout",
        "severity": "page",
        "team": "payments",
    }


def test_documents_of_other_tools_keep_the_labels_that_their_routes_match_on() -> None:
    sent = sent_labels(firing(labels=(("alertname", "Other"), ("severity", "critical"), ("slo", "x"))))
    assert (sent["alertname"], sent["severity"], sent["slo"]) == ("ErrorBudgetBurn", "critical", "x")


def test_no_group_can_take_the_names_of_our_labels() -> None:
    group = (("severity", "none"),)
    sent = sent_labels(replace(firing(labels=group), group=group))
    assert (sent["severity"], sent["slo_group_severity"]) == ("page", "none")


def test_labels_of_a_group_have_names_that_every_alertmanager_reads() -> None:
    """One alert with another name would be refused with all that are sent beside it."""
    group = (("http.route", "/pay"), ("http_route", "x"), ("2xx", "y"), ("severity.x", "z"))
    sent = sent_labels(replace(firing(labels=group), group=group))
    assert {name: value for name, value in sent.items() if value in {"/pay", "x", "y", "z"}} == {
        "slo_group_http_route": "/pay",
        "http_route": "x",
        "exported_2xx": "y",
        "severity_x": "z",
    }


def test_nothing_that_changes_is_in_the_labels() -> None:
    later = replace(firing(), burn_rate_long=99.0, tier="6h/30m", budget_remaining=-1.0, incident="other", stale="x")
    assert sent_labels(firing()) == sent_labels(later) == sent_labels(resolved())


def test_a_firing_alert_ends_after_its_lifetime() -> None:
    alert = WIRE.alert(firing(), at=START + timedelta(hours=1))
    assert (alert["startsAt"], alert["endsAt"]) == ("2026-01-01T00:00:00+00:00", "2026-01-01T01:04:00+00:00")


def test_a_resolved_alert_ends_when_it_did() -> None:
    alert = WIRE.alert(resolved(after=timedelta(minutes=5)), at=START + timedelta(hours=1))
    assert alert["endsAt"] == "2026-01-01T00:05:00+00:00"


def test_no_alert_ends_before_it_starts() -> None:
    alert = WIRE.alert(resolved(after=timedelta(seconds=-5)), at=START)
    assert alert["endsAt"] == alert["startsAt"]


def test_the_generator_is_our_page_of_the_incident() -> None:
    alert = WIRE.alert(firing("checkout:route=/pay now"), at=START)
    assert alert["generatorURL"] == "http://sloburn.example:9720/incidents/5f2d"


def test_labels_of_a_group_with_one_of_our_names_have_another() -> None:
    """`by: [service, severity]` reaches receivers, and routes, as `slo_group_service` and `slo_group_severity`."""
    group = (("service", "web"), ("severity", "1"), ("slo_group_severity", "x"))
    notification = firing(group=group, labels=group)
    labels = sent_labels(notification)
    assert (labels["service"], labels["slo_group_service"]) == ("checkout", "web")
    assert (labels["severity"], labels["slo_group_severity"], labels["slo_group_slo_group_severity"]) == (
        "page",
        "x",
        "1",
    )
    assert Route(receivers=("a",), labels=(("slo_group_service", ("web",)),)).matches(notification)
