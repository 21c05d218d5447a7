"""What a native document means."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from app.alerting.policy import default_policies
from app.documents import load_documents
from app.policy import DEFAULT_POLICY, Escalation, GateDecision, GateRule, PolicyState
from app.promql.selector_text import parse_selector, render
from app.sli import sli_of_bad
from app.slo import (
    Alerting,
    BudgetAlerts,
    BurnRateRule,
    CalendarUnit,
    CalendarWindow,
    Events,
    Evidence,
    NoData,
    RollingWindow,
    Severity,
    SeverityPolicy,
    SliKind,
    Slo,
    SloId,
)

_FIXTURES = Path(__file__).parent / "fixtures"
_HOUR, _MINUTE = timedelta(hours=1), timedelta(minutes=1)


def _load(name: str) -> dict[str, Slo]:
    return {str(slo.id): slo for slo in load_documents(_FIXTURES / name).slos}


def test_an_slo_with_every_key() -> None:
    page = SeverityPolicy(
        severity=Severity.PAGE,
        rules=(
            BurnRateRule(long=_HOUR, short=5 * _MINUTE, factor=14.4),
            BurnRateRule(long=6 * _HOUR, short=30 * _MINUTE, factor=6.0),
        ),
        pending_for=2 * _MINUTE,
        keep_firing_for=10 * _MINUTE,
        labels=(("escalate", "yes"),),
        annotations=(("urgency", "now"),),
        evidence=Evidence(level=0.999, min_bad_events=5),
    )
    assert _load("full-good.yaml")["checkout-availability"] == Slo(
        id=SloId("checkout-availability"),
        service="checkout",
        name="availability",
        description="Checkout requests succeed.",
        objective=0.999,
        window=RollingWindow(timedelta(days=30)),
        sli=sli_of_bad(
            total=parse_selector('http_requests_total{job="checkout"}'),
            bad=parse_selector('http_requests_total{job="checkout",code=~"5.."}'),
            by=("route",),
        ),
        labels=(("critical", "true"), ("team", "payments"), ("tier", "0")),
        alerting=Alerting(
            name="CheckoutBurns",
            policies=(page,),
            annotations=(
                ("dashboard", "https://grafana.example.com/d/1"),
                ("runbook_url", "https://runbooks.example.com/checkout"),
            ),
            no_data=NoData.BAD,
            no_data_for=15 * _MINUTE,
            budget=BudgetAlerts(consumed=0.8, runs_out_within=timedelta(days=3), exhausted=True),
        ),
    )


def test_good_events_over_a_calendar_window() -> None:
    slo = _load("full-good.yaml")["checkout-good-events"]
    assert slo.objective == 0.995
    assert slo.window == CalendarWindow(CalendarUnit.MONTH, "Europe/Berlin")
    assert slo.sli.terms[-1].events is Events.GOOD
    assert [policy.severity for policy in slo.alerting.policies] == [Severity.TICKET]


def test_without_alerting_the_default_tiers_hold() -> None:
    slo = _load("full-good.yaml")["checkout-latency"]
    assert slo.alerting == Alerting(policies=default_policies(slo.window, slo.objective))


def test_a_latency_sli_counts_the_bucket_at_the_threshold() -> None:
    sli = _load("full-good.yaml")["checkout-latency"].sli
    assert sli.buckets
    assert render(sli.terms[0].selector) == 'http_request_duration_seconds_count{job="checkout"}'
    assert render(sli.terms[-1].selector) == 'http_request_duration_seconds_bucket{job="checkout",le="0.3"}'


def test_a_histogram_of_bytes_takes_a_plain_number_and_matchers() -> None:
    sli = _load("full-good.yaml")["checkout-size"].sli
    assert sli.buckets
    assert render(sli.terms[0].selector) == 'http_response_size_bytes_count{code!~"5..",job="checkout"}'
    assert 'le=~"1000000|1000000\\\\.0|1e\\\\+06|' in render(sli.terms[-1].selector)


def test_anchors_merge_keys_and_block_scalars_mean_what_yaml_says() -> None:
    slos = _load("dressed-good.yaml")
    base, strict = slos["search-availability"], slos["search-availability-strict"]
    assert base.description == "Search answers without an error."
    assert strict.sli == base.sli
    assert (base.objective, strict.objective) == (0.999, 0.9995)
    assert slos["index-freshness"].labels == (("team", "find"),)


def test_json_escapes_mean_what_json_says() -> None:
    assert _load("json-good.json")["json-availability"].labels == (("emoji", "\U0001f600"), ("path", "a/b\\u0041"))


def test_objectives_are_exact(tmp_path: Path) -> None:
    """Percent are divided as decimals: 99.99% is the float nearest to 0.9999, whatever 99.99 / 100 gives."""
    sli = "{total: a_total, bad: 'a_total{c=\"5\"}'}"
    percents = ["99.99", "99.95", "97.3", "58.7", "99.999%"]
    slos = [f"- {{name: n{i}, objective: {percent}, window: 30d, sli: {sli}}}" for i, percent in enumerate(percents)]
    file = tmp_path / "slos.yaml"
    file.write_text("\n".join(["service: a", "slos:", *slos]))
    assert [slo.objective for slo in load_documents(file).slos] == [0.9999, 0.9995, 0.973, 0.587, 0.99999]


def test_queries_are_counted_and_their_labels_are_the_groups(tmp_path: Path) -> None:
    file = tmp_path / "slos.json"
    sli = {
        "total": "sum by (route) (rate(hits_total[w])) + sum by (route) (rate(misses_total[w]))",
        "bad": "clamp_min(sum by (route) (rate(misses_total[w])), 0) or vector(0)",
    }
    slos = [{"name": "n", "objective": 99, "window": "30d", "sli": sli}]
    file.write_text(json.dumps({"service": "a", "slos": slos}))
    loaded = load_documents(file)
    assert (loaded.errors, loaded.warnings) == ((), ())
    (slo,) = loaded.slos
    assert slo.sli.by == ("route",)
    assert slo.sli.description == (("all events", "misses_total + hits_total"), ("bad events", "misses_total"))


def test_a_ratio_that_can_be_counted_is_not_evaluated(tmp_path: Path) -> None:
    rates = "sum(rate(b_total[5m])) / sum(rate(a_total[5m]))"
    slis = {
        f"{{bad_ratio: '{rates}'}}": SliKind.COUNTERS,
        f"{{good_ratio: '{rates}'}}": SliKind.COUNTERS,
        f"{{bad_ratio: '1 - {rates.replace('5m', 'w')}'}}": SliKind.COUNTERS,
        "{bad_ratio: '1 - histogram_fraction(0, 0.25, sum(rate(h[5m])))'}": SliKind.COUNTERS,
        "{bad_ratio: '1 - avg_over_time(up[5m])'}": SliKind.GAUGE,
        "{total: 'sum_over_time(d[5m])', bad: 'sum_over_time(u[5m])'}": SliKind.GAUGE,
        # As it is written, by its author's wish; and what may be recorded ratios.
        f"{{bad_ratio: '{rates}', every: 1m}}": SliKind.EXPRESSION,
        f"{{bad_ratio: '{rates}', total: 'sum(rate(c_total[5m]))'}}": SliKind.EXPRESSION,
        "{bad_ratio: a / b}": SliKind.EXPRESSION,
    }
    lines = [f"  - {{name: n{number}, objective: 99, window: 1d, sli: {sli}}}" for number, sli in enumerate(slis)]
    (tmp_path / "a.yaml").write_text("\n".join(["service: a", "slos:", *lines]))
    loaded = load_documents(tmp_path)
    assert not loaded.errors
    assert not loaded.warnings
    assert [slo.sli.kind for slo in loaded.slos] == list(slis.values())


def test_a_threshold_between_two_buckets_is_interpolated_where_both_are_named(tmp_path: Path) -> None:
    text = """
service: a
slos:
  - name: between
    objective: 99
    window: 1d
    sli: {histogram: h, threshold: 300ms, interpolate: [250ms, 0.5]}
"""
    path = tmp_path / "a.yaml"
    path.write_text(text)
    (slo,) = load_documents(path).slos
    assert {(render(term.selector), term.weights.total, round(term.weights.bad, 9)) for term in slo.sli.terms} == {
        ("h_count", 1.0, 1.0),
        ('h_bucket{le="0.25"}', 0.0, -0.8),
        ('h_bucket{le="0.5"}', 0.0, -0.2),
    }
    for wrong in ("true", "[300ms, 500ms]", "[500ms, 250ms]", "[250ms]", "[x, y]"):
        path.write_text(text.replace("[250ms, 0.5]", wrong))
        (error,) = load_documents(path).errors
        assert error.field == "slos[0].sli.interpolate", wrong


@pytest.mark.parametrize(
    ("written", "meant"), [("= 1", "== 1"), ("=> 1", ">= 1"), ("=<0.5", "<= 0.5"), ("<> 2", "!= 2"), ("1", "== 1")]
)
def test_a_comparison_of_another_language_is_told_as_it_is_meant(tmp_path: Path, written: str, meant: str) -> None:
    path = tmp_path / "a.yaml"
    sli = f'{{gauge: up, good_when: "{written}"}}'
    path.write_text(f"service: a\nslos:\n  - {{name: x, objective: 99, window: 1d, sli: {sli}}}\n")
    (error,) = load_documents(path).errors
    assert f'"{meant}"' in error.remedy


def test_policies_of_services_come_before_those_of_files() -> None:
    loaded = load_documents(_FIXTURES / "policies.yaml", _FIXTURES / "policy-good.yaml")
    assert loaded.errors == ()
    search, payments, rest = loaded.policies
    assert (search.name, search.services, search.escalation) == (
        "search",
        ("search",),
        Escalation(after=timedelta(days=7), to=("cto",)),
    )
    # Who writes a policy and no states has those of the default, and is notified of a freeze.
    assert [(state.name, state.notify) for state in search.states] == [
        ("healthy", False),
        ("caution", False),
        ("freeze", True),
    ]
    assert search.rules == DEFAULT_POLICY.rules
    assert (payments.services, payments.labels) == (("checkout", "pay*"), (("team", ("payments", "billing")),))
    assert payments.states[1] == PolicyState(
        name="freeze",
        deploys=GateDecision.DENY,
        budget_left=-0.1,
        leave_above=0.05,
        minimum_stay=timedelta(hours=12),
        notify=True,
        description="Fix it.",
    )
    assert payments.rules == (
        GateRule(
            name="low",
            decision=GateDecision.WARN,
            changes=("fix*",),
            environments=("prod",),
            states=frozenset({"freeze"}),
            labels=(("tier", ("1",)),),
            alerting=frozenset({Severity.PAGE, Severity.TICKET}),
        ),
    )
    assert (payments.postmortem.class_above, payments.postmortem.class_label) == (None, "component")
    assert (rest.dry_run, rest.postmortem.incident_above) == (True, None)
