"""The demo's documents."""

from app.documents import load_documents
from app.slo import Severity
from demo.endpoints import BUCKETS, SERVICES
from demo.ports import Ports
from demo.servers import SLOS


def test_the_documents_are_sound_and_about_services_that_the_shop_has() -> None:
    result = load_documents(SLOS)
    assert result.errors == ()
    assert result.warnings == ()
    assert {slo.service for slo in result.slos} <= set(SERVICES)
    runbooks = {(slo.service, dict(slo.alerting.annotations)["runbook_url"]) for slo in result.slos}
    assert runbooks == {(name, f"{Ports().url('shop')}/runbooks/{name}") for name, _ in runbooks}
    assert 0.3 in BUCKETS


def test_a_fifth_of_failed_checkouts_pages_within_three_minutes() -> None:
    """Computed from the document: the long window reaches its factor with a minute to spare, the short one is short."""
    availability = next(slo for slo in load_documents(SLOS).slos if slo.id == "checkout-availability")
    policy = availability.alerting.policy(Severity.PAGE)
    assert policy is not None
    (tier,) = policy.rules
    seconds_to_trip = tier.factor * availability.error_budget * tier.long.total_seconds() / 0.2
    assert seconds_to_trip < 120
    assert tier.short.total_seconds() <= 180
