"""The demo's documents."""

from pathlib import Path

import pytest

from app.documents import load_documents
from app.slo import Severity
from demo.endpoints import BUCKETS, SERVICES
from demo.ports import Ports
from demo.programs import Programs
from demo.servers import SLOS, Layout


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


@pytest.mark.parametrize("port", [Ports().shop, 19721])
def test_runbooks_are_on_the_port_of_the_shop(tmp_path: Path, port: int) -> None:
    ports = Ports(shop=port)
    programs = Programs(prometheus="prometheus", promtool="promtool", alertmanager="alertmanager")
    command = Layout(data=tmp_path, ports=ports, programs=programs).sloburn()
    result = load_documents(Path(command.env["SLOBURN_SPECS"]))
    assert result.errors == ()
    runbooks = {dict(slo.alerting.annotations)["runbook_url"] for slo in result.slos}
    assert all(url.startswith(f"{ports.url('shop')}/runbooks/") for url in runbooks)
