"""What is sent to others is what the page shows."""

from dataclasses import replace

from prometheus_client.parser import text_string_to_metric_families

from app.metrics import render_slos
from app.metrics.slo_samples import slo_samples
from tests.grafana.exporter import snapshots
from tests.support.snapshots import a_snapshot, an_slo

# Of all SLOs together, and not of one.
_RUNBOOK = "https://runbooks.example.org/returns"
_OF_THE_SERVICE = {"sloburn_slos", "sloburn_slo_problems"}


def test_the_samples_that_are_sent_are_those_of_the_page() -> None:
    slo = an_slo("returns")
    slo = replace(slo, alerting=replace(slo.alerting, annotations=(("runbook_url", _RUNBOOK),)))
    shown = (*snapshots(), a_snapshot(slo, problem="no series match"))
    page = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(render_slos(shown))
        for sample in family.samples
        if sample.name not in _OF_THE_SERVICE
    }
    sent = list(slo_samples(shown))
    assert {(one.family.name, *sorted(dict(one.labels).items())): one.value for one in sent} == page
    assert len(sent) == len(page)
    runbooks = [dict(one.labels).get("runbook_url") for one in sent if one.family.name == "slo_info"]
    assert runbooks == [*[None] * len(snapshots()), _RUNBOOK]


def test_every_series_of_a_tenants_slo_names_it_once() -> None:
    slo = replace(an_slo("acme/returns", labels=(("team", "a"), ("tenant", "acme"))), tenant="acme")
    named = [dict(one.labels) for one in slo_samples([a_snapshot(slo)])]
    assert named
    for labels in named:
        assert labels["tenant"] == "acme"
        assert "exported_tenant" not in labels
