"""SLI plugins of sloth-common count what they say, by their id and options."""

from datetime import timedelta
from pathlib import Path

import pytest

from app.documents import LoadResult, load_documents
from app.documents.sloth.placeholders import PLACEHOLDERS
from app.documents.sloth.plugins import PLUGINS
from app.sli import sli_of
from app.sli.expression import Expression

_DOCUMENT = """
version: prometheus/v1
service: shop
slos:
  - name: availability
    objective: 99.9
    sli: {{plugin: {{id: {id}, options: {options}}}}}
    alerting: {{page_alert: {{disable: true}}, ticket_alert: {{disable: true}}}}
"""
_CART = 'destination_service_name="cart",destination_service_namespace="shop"'
_KOOPER = "kooper_controller"
_OPTIONS = """{filter: 'job="a"', bucket: "0.4", service: s, namespace: n, controller: c, burn_rate: "2",
  backend_regex: b.*, service_name_regex: b.*}"""


def _load(folder: Path, plugin: str, options: str = "{}") -> LoadResult:
    (folder / "slos.yaml").write_text(_DOCUMENT.format(id=f"sloth-common/{plugin}", options=options))
    return load_documents(folder)


@pytest.mark.parametrize(
    ("plugin", "options", "total", "bad"),
    [
        (
            "coredns/availability",
            "{filter: '{job=\"dns\"}'}",
            'coredns_dns_responses_total{job="dns"}',
            'coredns_dns_responses_total{job="dns",rcode=~"SERVFAIL"}',
        ),
        (
            "haproxy/frontend/availability",
            "{}",
            "haproxy_frontend_http_responses_total",
            'haproxy_frontend_http_responses_total{code="5xx"}',
        ),
        (
            "istio/v1/availability",
            "{service: cart, namespace: shop}",
            f"istio_requests_total{{{_CART}}}",
            f'istio_requests_total{{{_CART},response_code=~"(5..|429)"}}',
        ),
        (
            "kubernetes/apiserver/availability",
            "{}",
            "apiserver_request_total",
            'apiserver_request_total{code=~"(5..|429)"}',
        ),
        (
            "kubernetes/kooper/availability",
            "{controller: shop}",
            (
                f'sum(rate({_KOOPER}_processed_event_duration_seconds_count{{controller="shop"}}[5m]))'
                f' - sum(rate({_KOOPER}_queued_events_total{{controller="shop",requeue="true"}}[5m]))'
            ),
            f'{_KOOPER}_processed_event_duration_seconds_count{{controller="shop",success="false"}}',
        ),
        (
            "kubernetes/nginx-ingress/availability",
            "{filter: 'ingress=\"shop\",'}",
            'nginx_ingress_controller_requests{ingress="shop"}',
            'nginx_ingress_controller_requests{ingress="shop",status=~"(5..|429)"}',
        ),
        (
            "linkerd/v2/availability",
            "{filter: 'app=\"shop\"'}",
            'response_total{app="shop",direction="inbound"}',
            'response_total{app="shop",classification="failure",direction="inbound"}',
        ),
        (
            "prometheus/rules/eval-availability",
            "{}",
            "prometheus_rule_evaluations_total",
            "prometheus_rule_evaluation_failures_total",
        ),
        (
            "traefik/v2/availability",
            "{service_name_regex: 'shop.*'}",
            'traefik_service_requests_total{service=~"shop.*"}',
            'traefik_service_requests_total{service=~"shop.*",code=~"(5..)"}',
        ),
    ],
)
def test_availability_is_the_errors_of_a_counter(
    plugin: str, options: str, total: str, bad: str, tmp_path: Path
) -> None:
    result = _load(tmp_path, plugin, options)
    assert (result.errors, result.warnings) == ((), ())
    assert [slo.sli for slo in result.slos] == [sli_of(total=total, bad=bad)]


@pytest.mark.parametrize(
    ("plugin", "options", "total", "good"),
    [
        (
            "coredns/latency",
            '{bucket: "0.25"}',
            "coredns_dns_request_duration_seconds_count",
            'coredns_dns_request_duration_seconds_bucket{le="0.25"}',
        ),
        (
            "kubernetes/apiserver/latency",
            '{bucket: "0.4"}',
            'apiserver_request_duration_seconds_count{verb!="WATCH"}',
            'apiserver_request_duration_seconds_bucket{verb!="WATCH",le="0.4"}',
        ),
        (
            "traefik/v1/latency",
            '{bucket: "0.3", backend_regex: shop, exclude_errors: "true"}',
            'traefik_backend_request_duration_seconds_count{backend=~"shop",code!~"5.."}',
            'traefik_backend_request_duration_seconds_bucket{backend=~"shop",code!~"5..",le="0.3"}',
        ),
    ],
)
def test_latency_is_a_bucket_of_a_histogram(plugin: str, options: str, total: str, good: str, tmp_path: Path) -> None:
    result = _load(tmp_path, plugin, options)
    assert (result.errors, result.warnings) == ((), ())
    assert [slo.sli for slo in result.slos] == [sli_of(total=total, good=good)]


@pytest.mark.parametrize("plugin", sorted([*PLUGINS, *PLACEHOLDERS]))
def test_every_plugin_is_an_sli(plugin: str, tmp_path: Path) -> None:
    result = _load(tmp_path, plugin.removeprefix("sloth-common/"), _OPTIONS)
    assert result.errors == ()
    assert len(result.slos) == 1


@pytest.mark.parametrize(
    ("plugin", "options", "field"),
    [
        ("coredns/latency", "{}", "bucket"),
        ("coredns/latency", "{bucket: fast}", "bucket"),
        ("istio/v1/availability", "{service: cart}", "namespace"),
        ("traefik/v1/availability", "{}", "backend_regex"),
        ("kubernetes/kooper/availability", "{}", "controller"),
        ("fake", "{}", "burn_rate"),
        ("fake", "{burn_rate: high}", "burn_rate"),
        ("fake", "{burn_rate: .inf}", "burn_rate"),
        ("fake", "{burn_rate: 1, jitter_percent: -1}", "jitter_percent"),
    ],
)
def test_options_that_a_plugin_needs_must_be_there(plugin: str, options: str, field: str, tmp_path: Path) -> None:
    errors = _load(tmp_path, plugin, options).errors
    assert [error.field for error in errors] == [f"slos[0].sli.plugin.options.{field}"]


@pytest.mark.parametrize(
    ("plugin", "options", "expression", "code"),
    [
        ("noop", "{}", "vector(0)", "never_bad"),
        ("fake", "{burn_rate: 2}", "clamp_max(vector(0.002), 1)", "evaluated"),
        (
            "fake",
            "{burn_rate: 2, jitter_percent: 10}",
            (
                "clamp(vector(0.002)"
                " - 0.002 * (10 - time() * minute() * hour() * day_of_week() * month() % 20) / 100, 0, 1)"
            ),
            "evaluated",
        ),
    ],
)
def test_placeholders_are_evaluated_with_a_warning(
    plugin: str, options: str, expression: str, code: str, tmp_path: Path
) -> None:
    result = _load(tmp_path, plugin, options)
    assert (result.errors, [warning.code for warning in result.warnings]) == ((), [code])
    assert [slo.sli for slo in result.slos] == [Expression(expression=expression, every=timedelta(minutes=1))]


def test_other_plugins_are_refused_by_their_name(tmp_path: Path) -> None:
    (error,) = _load(tmp_path, "nothing").errors
    assert (error.code, error.field) == ("unknown_plugin", "slos[0].sli.plugin.id")


def test_what_a_plugin_means_and_does_not_ask_for_is_a_warning(tmp_path: Path) -> None:
    result = _load(tmp_path, "linkerd/v2/latency", "{filter: 'app=\"a\"', bucket: '100'}")
    assert [warning.code for warning in result.warnings] == ["plugin_repaired"]
    good = 'response_latency_ms_bucket{app="a",direction="inbound",le="100"}'
    assert [slo.sli for slo in result.slos] == [
        sli_of(total='response_latency_ms_count{app="a",direction="inbound"}', good=good)
    ]
