"""HTTP servers that measure themselves."""

from app.suggestions.instrumentations.model import Instrumentation, StatusLabel, labels
from app.suggestions.statuses import ERROR_TYPES

_PREFIX = r"(?:(?P<stem>\w+?)_)?"

OTEL_HTTP = Instrumentation(
    name="OpenTelemetry HTTP server",
    key="http",
    source="https://opentelemetry.io/docs/specs/semconv/http/http-metrics/",
    histograms=(
        r"http_server_request_duration(_seconds)?|http\.server\.request\.duration",
        r"http_server_duration(_milliseconds|_ms|_seconds)?|http\.server\.duration",
    ),
    statuses=(
        *labels("http_response_status_code", "http.response.status_code", "http_status_code", "http.status_code"),
        *labels("status_code", "code", "status"),
        StatusLabel("error_type", ERROR_TYPES),
        StatusLabel("error.type", ERROR_TYPES),
    ),
    routes=("http_route", "http.route", "route", "path", "handler"),
    services=("service_name", "service.name", "job"),
)
MICROMETER = Instrumentation(
    name="Micrometer HTTP server (Spring Boot, Quarkus, Micronaut)",
    key="http",
    source="https://docs.spring.io/spring-boot/reference/actuator/metrics.html#actuator.metrics.supported.spring-mvc",
    histograms=("http_server_requests_seconds",),
    statuses=labels("status", "outcome"),
    routes=("uri",),
    services=("application", "job"),
)
GIN_AND_OTHERS = Instrumentation(
    name="HTTP server of a web framework",
    key="http",
    source="https://prometheus.io/docs/instrumenting/clientlibs/",
    counters=(
        "flask_http_request_total",
        "django_http_responses_total_by_status_total",
        "http_requests_received_total",
        "starlette_requests_total",
        "gin_requests_total",
        "puma_requests_total",
        "rack_requests_total",
    ),
    histograms=(
        "flask_http_request_duration_seconds",
        "django_http_requests_latency_seconds_by_view_method",
        "starlette_requests_processing_time_seconds",
        "gin_request_duration_seconds",
    ),
    statuses=labels("status", "code", "status_code"),
    routes=("path", "view", "endpoint", "handler", "url", "path_template"),
)
PROMETHEUS_HTTP = Instrumentation(
    name="HTTP server by the conventions of Prometheus clients",
    key="http",
    source="https://prometheus.io/docs/practices/naming/",
    # After the name itself, names with a prefix, as libraries and companies give them.
    counters=(
        "http_requests_total",
        "http_server_requests_total",
        rf"{_PREFIX}http_(server_)?requests?(_count)?_total",
        rf"{_PREFIX}http_responses_total",
        rf"{_PREFIX}requests?_(count_)?total",
        rf"{_PREFIX}responses_total",
    ),
    histograms=(
        "http_request_duration_seconds",
        "http_server_request_duration_seconds",
        rf"{_PREFIX}http_(server_)?requests?_(duration|latency)(_seconds|_milliseconds|_ms)?",
        rf"{_PREFIX}http_(server_)?response_time(_seconds|_milliseconds|_ms)?",
        rf"{_PREFIX}requests?_(duration|latency)(_seconds|_milliseconds|_ms)?",
        rf"{_PREFIX}response_(time|duration|latency)(_seconds|_milliseconds|_ms)?",
    ),
    excluded=(
        # Scrapes, and requests that the service sends.
        r"promhttp_\w*",
        r"\w*client\w*",
        r"(net_conntrack|prober|probe|kubelet|workqueue|alertmanager_notification|prometheus_(notifications|remote))_\w*",
    ),
    statuses=labels(
        "code", "status", "status_code", "http_status", "http_code", "statuscode", "response_code", "outcome"
    ),
    routes=("handler", "route", "path", "endpoint", "method", "uri", "url"),
)
