"""Well-known instrumentations are recognised by the names and labels that they have."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from app.suggestions.instrumentations import CATALOGUE
from tests.suggestions.memory import Series, counter, gauge, histogram
from tests.suggestions.suggesting import proposals, slis, suggestions

FAST = {"0.1": 0.5, "0.25": 0.995, "1": 0.9999}
FAST_MS = {"100": 0.5, "250": 0.995, "1000": 0.9999}


def counters(metric: str, label: str, good: str, bad: str, **labels: str) -> list[Series]:
    """A counter of 100,000 requests a day of which 50 fail."""
    return [counter(metric, 100_000, **{label: good}, **labels), counter(metric, 50, **{label: bad}, **labels)]


def histograms(name: str, shares: dict[str, float], label: str, good: str, bad: str, **labels: str) -> list[Series]:
    """A histogram of 100,000 requests a day of which 500 fail."""
    return [
        *histogram(name, 100_000, shares, **{label: good}, **labels),
        *histogram(name, 500, shares, **{label: bad}, **labels),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedRequests:
    """A counter with a status label, and the matchers of all and of bad events that are expected of it."""

    metric: str
    label: str
    values: tuple[str, str]
    total: str
    bad: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRequests:
    """A histogram with a status label; *failed* is the matcher of failed requests that is expected of it."""

    name: str
    shares: dict[str, float]
    label: str
    values: tuple[str, str]
    threshold: str
    failed: str = '=~"5.."'


@pytest.mark.parametrize(
    "case",
    [
        CountedRequests(
            metric="http_requests_total",
            label="code",
            values=("200", "500"),
            total='{job="shop"}',
            bad='{code=~"5..",job="shop"}',
        ),
        CountedRequests(
            metric="http_requests_total",
            label="status",
            values=("2xx", "5xx"),
            total='{job="shop"}',
            bad='{job="shop",status="5xx"}',
        ),
        CountedRequests(
            metric="shop_http_requests_total",
            label="status_code",
            values=("200", "503"),
            total='{job="shop"}',
            bad='{job="shop",status_code=~"5.."}',
        ),
        CountedRequests(
            metric="orders_requests_total",
            label="outcome",
            values=("SUCCESS", "FAILURE"),
            total='{job="shop"}',
            bad='{job="shop",outcome="FAILURE"}',
        ),
        CountedRequests(
            metric="flask_http_request_total",
            label="status",
            values=("200", "500"),
            total='{job="shop"}',
            bad='{job="shop",status=~"5.."}',
        ),
        CountedRequests(
            metric="apiserver_request_total",
            label="code",
            values=("200", "500"),
            total='{job="shop"}',
            bad='{code=~"5..",job="shop"}',
        ),
        CountedRequests(
            metric="coredns_dns_responses_total",
            label="rcode",
            values=("NXDOMAIN", "SERVFAIL"),
            total='{job="shop"}',
            bad='{job="shop",rcode="SERVFAIL"}',
        ),
        CountedRequests(
            metric="grpc_server_handled_total",
            label="grpc_code",
            values=("OK", "Internal"),
            total='{job="shop"}',
            bad='{grpc_code=~"Unknown|DeadlineExceeded|Unimplemented|Internal|Unavailable|DataLoss",job="shop"}',
        ),
        CountedRequests(
            metric="nginx_ingress_controller_requests",
            label="status",
            values=("200", "502"),
            total='{ingress="shop"}',
            bad='{ingress="shop",status=~"5.."}',
            labels={"ingress": "shop"},
        ),
        CountedRequests(
            metric="traefik_service_requests_total",
            label="code",
            values=("200", "502"),
            total='{service="shop@docker"}',
            bad='{code=~"5..",service="shop@docker"}',
            labels={"service": "shop@docker"},
        ),
        CountedRequests(
            metric="envoy_cluster_upstream_rq",
            label="envoy_response_code",
            values=("200", "503"),
            total='{envoy_cluster_name="shop"}',
            bad='{envoy_cluster_name="shop",envoy_response_code=~"5.."}',
            labels={"envoy_cluster_name": "shop"},
        ),
        CountedRequests(
            metric="envoy_cluster_upstream_rq",
            label="response_code_class",
            values=("2xx", "5xx"),
            total='{job="shop"}',
            bad='{job="shop",response_code_class="5xx"}',
        ),
        CountedRequests(
            metric="envoy_cluster_upstream_rq_xx",
            label="envoy_response_code_class",
            values=("2", "5"),
            total='{envoy_cluster_name="shop"}',
            bad='{envoy_cluster_name="shop",envoy_response_code_class="5"}',
            labels={"envoy_cluster_name": "shop"},
        ),
        CountedRequests(
            metric="response_total",
            label="classification",
            values=("success", "failure"),
            total='{deployment="shop",direction="inbound"}',
            bad='{classification="failure",deployment="shop",direction="inbound"}',
            labels={"direction": "inbound", "deployment": "shop"},
        ),
        CountedRequests(
            metric="haproxy_backend_http_responses_total",
            label="code",
            values=("2xx", "5xx"),
            total='{proxy="shop"}',
            bad='{code="5xx",proxy="shop"}',
            labels={"proxy": "shop"},
        ),
        CountedRequests(
            metric="kafka_network_requestmetrics_errors_total",
            label="error",
            values=("NONE", "REQUEST_TIMED_OUT"),
            total='{job="shop"}',
            bad='{error=~"UNKNOWN_SERVER_ERROR|NOT_ENOUGH_REPLICAS|NOT_ENOUGH_REPLICAS_AFTER_APPEND|REQUEST_TIMED_OUT|KAFKA_STORAGE_ERROR|LEADER_NOT_AVAILABLE|COORDINATOR_NOT_AVAILABLE",job="shop"}',
        ),
        CountedRequests(
            metric="traces_spanmetrics_calls_total",
            label="status_code",
            values=("STATUS_CODE_UNSET", "STATUS_CODE_ERROR"),
            total='{service="shop",span_kind="SPAN_KIND_SERVER"}',
            bad='{service="shop",span_kind="SPAN_KIND_SERVER",status_code=~"STATUS_CODE_ERROR|Error"}',
            labels={"service": "shop", "span_kind": "SPAN_KIND_SERVER"},
        ),
        CountedRequests(
            metric="controller_runtime_reconcile_total",
            label="result",
            values=("success", "error"),
            total='{job="shop"}',
            bad='{job="shop",result="error"}',
        ),
    ],
    ids=lambda case: f"{case.metric}-{case.label}",
)
def test_errors_are_those_of_the_label_that_says_so(case: CountedRequests) -> None:
    good, bad = case.values
    found = suggestions(counters(case.metric, case.label, good, bad, **{"job": "shop", **case.labels}))

    (availability,) = [sli for slo, sli in slis(found).items() if slo.endswith("-availability")]
    assert availability == {"total": f"{case.metric}{case.total}", "bad": f"{case.metric}{case.bad}"}
    (proposal,) = [one for one in proposals(found).values() if one.candidate.name == "availability"]
    assert proposal.objective.objective == 0.999


@pytest.mark.parametrize(
    "case",
    [
        MeasuredRequests(
            name="http_server_request_duration_seconds",
            shares=FAST,
            label="http_response_status_code",
            values=("200", "500"),
            threshold="250ms",
        ),
        MeasuredRequests(
            name="http_server_duration_milliseconds",
            shares=FAST_MS,
            label="http_status_code",
            values=("200", "500"),
            threshold="250",
        ),
        MeasuredRequests(
            name="http_server_duration",
            shares=FAST_MS,
            label="http_status_code",
            values=("200", "500"),
            threshold="250",
        ),
        MeasuredRequests(
            name="http_server_requests_seconds", shares=FAST, label="status", values=("200", "500"), threshold="250ms"
        ),
        MeasuredRequests(
            name="rpc_server_duration_milliseconds",
            shares=FAST_MS,
            label="rpc_grpc_status_code",
            values=("0", "13"),
            threshold="250",
            failed='=~"2|4|12|13|14|15"',
        ),
        MeasuredRequests(
            name="istio_request_duration_milliseconds",
            shares=FAST_MS,
            label="response_code",
            values=("200", "503"),
            threshold="250",
        ),
        MeasuredRequests(
            name="caddy_http_request_duration_seconds",
            shares=FAST,
            label="code",
            values=("200", "500"),
            threshold="250ms",
        ),
        MeasuredRequests(
            name="loki_request_duration_seconds",
            shares=FAST,
            label="status_code",
            values=("200", "500"),
            threshold="250ms",
        ),
    ],
    ids=lambda case: case.name,
)
def test_a_histogram_gives_errors_and_the_latency_of_successful_and_of_failed_requests(case: MeasuredRequests) -> None:
    found = slis(suggestions(histograms(case.name, case.shares, case.label, *case.values, job="shop")))

    assert found["shop-availability"]["bad"] == render(f"{case.name}_count", case.label, case.failed)
    assert found["shop-latency"] == {
        "histogram": case.name,
        "selector": render("", case.label, case.failed.replace("=~", "!~")),
        "threshold": case.threshold,
    }
    assert found["shop-latency-of-failures"]["selector"] == render("", case.label, case.failed)
    assert found["shop-traffic"]["expression"] == f'sum(rate({case.name}_count{{job="shop"}}[5m]))'


def render(metric: str, label: str, matcher: str) -> str:
    return metric + "{" + ",".join(sorted([f"{label}{matcher}", 'job="shop"'])) + "}"


def test_names_in_utf_8_are_recognised() -> None:
    label = "http.response.status_code"
    found = slis(suggestions(histograms("http.server.request.duration", FAST, label, "200", "500", job="shop")))

    bad = '{__name__="http.server.request.duration_count","http.response.status_code"=~"5..",job="shop"}'
    assert found["shop-availability"]["bad"] == bad
    assert found["shop-latency"]["histogram"] == "http.server.request.duration"
    # The name does not say the unit.
    assert found["shop-latency"]["threshold"] == "0.25"


def test_of_istio_only_the_report_of_the_server_counts() -> None:
    both = [
        one
        for reporter in ("source", "destination")
        for one in counters(
            "istio_requests_total",
            "response_code",
            "200",
            "503",
            reporter=reporter,
            destination_service_name="shop",
            job="istio-proxies",
        )
    ]
    found = suggestions(both)

    assert (
        slis(found)["shop-availability"]["total"]
        == 'istio_requests_total{destination_service_name="shop",reporter="destination"}'
    )
    assert proposals(found)["shop-availability"].counts.events == pytest.approx(3 * 100_050, rel=0.01)


def test_series_that_add_up_others_are_left_out() -> None:
    """The VTS module of NGINX has a series `total` beside the classes."""
    series = [
        *counters("nginx_vts_server_requests_total", "code", "2xx", "5xx", job="nginx"),
        counter("nginx_vts_server_requests_total", 100_050, code="total", job="nginx"),
    ]
    found = suggestions(series)

    assert slis(found)["nginx-availability"] == {
        "total": 'nginx_vts_server_requests_total{code!="total",job="nginx"}',
        "bad": 'nginx_vts_server_requests_total{code="5xx",job="nginx"}',
    }


def test_gauges_and_pairs_of_counters_are_recognised() -> None:
    series = [
        gauge("probe_success", lambda number: number % 500 != 0, job="blackbox", instance="https://example.com"),
        gauge("probe_duration_seconds", 0.12, job="blackbox", instance="https://example.com"),
        gauge("kube_deployment_spec_replicas", 3, job="ksm", namespace="shop", deployment="a"),
        gauge("kube_deployment_status_replicas_unavailable", 0, job="ksm", namespace="shop", deployment="a"),
        gauge("kube_pod_container_status_ready", 1, job="ksm", namespace="shop", pod="a-1", container="a"),
        gauge("kafka_consumergroup_lag", 120, job="kafka", consumergroup="orders", topic="t", partition="0"),
        gauge("process_open_fds", 300, job="worker"),
        gauge("process_max_fds", 1024, job="worker"),
        counter("celery_task_succeeded_total", 5_000, job="worker"),
        counter("celery_task_failed_total", 20, job="worker"),
        counter("container_cpu_cfs_periods_total", 864_000, job="cadvisor", namespace="shop"),
        counter("container_cpu_cfs_throttled_periods_total", 2_000, job="cadvisor", namespace="shop"),
    ]
    assert slis(suggestions(series)) == {
        "blackbox-probes": {"gauge": 'probe_success{job="blackbox"}'},
        "blackbox-probe-latency": {
            "expression": 'max(probe_duration_seconds{job="blackbox"})',
            "good_when": "< 0.2",
            "every": "1m",
        },
        "shop-deployment-replicas": {
            "gauge": {
                "total": 'kube_deployment_spec_replicas{namespace="shop"}',
                "bad": 'kube_deployment_status_replicas_unavailable{namespace="shop"}',
            }
        },
        "shop-container-readiness": {"gauge": 'kube_pod_container_status_ready{namespace="shop"}'},
        "shop-cpu-throttling": {
            "total": 'container_cpu_cfs_periods_total{namespace="shop"}',
            "bad": 'container_cpu_cfs_throttled_periods_total{namespace="shop"}',
        },
        "orders-consumer-lag": {
            "expression": 'sum(kafka_consumergroup_lag{consumergroup="orders"})',
            "good_when": "< 300",
            "every": "1m",
        },
        "worker-availability": {
            "total": 'celery_task_succeeded_total{job="worker"} + celery_task_failed_total{job="worker"}',
            "bad": 'celery_task_failed_total{job="worker"}',
        },
        "worker-open-files": {
            "expression": 'max(process_open_fds{job="worker"} / process_max_fds{job="worker"})',
            "good_when": "< 0.5",
            "every": "1m",
        },
    }


def test_entries_of_the_catalogue_are_whole() -> None:
    """Each has a name of its own, a source, and something to be recognised by; patterns are regular expressions."""
    assert len({entry.name for entry in CATALOGUE}) == len(CATALOGUE) > 40
    for entry in CATALOGUE:
        assert entry.source.startswith("https://")
        assert entry.counters or entry.histograms or entry.pairs or entry.gauges or entry.shares or entry.levels
        for pattern in (*entry.counters, *entry.histograms, *entry.excluded):
            re.compile(pattern)
        assert set(entry.unless) <= {other.name for other in CATALOGUE}


def test_services_of_one_name_in_two_namespaces_are_two() -> None:
    series = [
        one
        for namespace in ("a", "b")
        for one in counters(
            "nginx_ingress_controller_requests",
            "status",
            "200",
            "502",
            ingress="web",
            exported_namespace=namespace,
            job="ingress",
        )
    ]
    found = slis(suggestions(series))

    assert (
        found["b-web-availability"]["total"]
        == 'nginx_ingress_controller_requests{exported_namespace="b",ingress="web"}'
    )
    assert "a-web-availability" in found
