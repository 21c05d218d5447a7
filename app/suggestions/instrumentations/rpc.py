"""Servers of gRPC and other remote calls."""

from app.suggestions.instrumentations.model import Instrumentation, Preferred, StatusLabel, labels
from app.suggestions.statuses import GRPC_NUMBERS

OTEL_RPC = Instrumentation(
    name="OpenTelemetry RPC server",
    key="grpc",
    source="https://opentelemetry.io/docs/specs/semconv/rpc/rpc-metrics/",
    histograms=(
        r"rpc_server_call_duration(_seconds)?|rpc\.server\.call\.duration",
        r"rpc_server_duration(_milliseconds|_ms|_seconds)?|rpc\.server\.duration",
    ),
    statuses=(
        StatusLabel("rpc_grpc_status_code", GRPC_NUMBERS),
        StatusLabel("rpc.grpc.status_code", GRPC_NUMBERS),
        *labels("rpc_response_status_code", "rpc.response.status_code", "rpc_grpc_status_code"),
    ),
    routes=("rpc_method", "rpc.method", "rpc_service", "rpc.service"),
    services=("service_name", "service.name", "job"),
)
SPAN_METRICS = Instrumentation(
    name="metrics of spans (OpenTelemetry Collector, Tempo)",
    key="spans",
    source="https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/connector/spanmetricsconnector",
    counters=("traces_span_metrics_calls_total", "traces_spanmetrics_calls_total", "calls_total"),
    histograms=(
        "traces_span_metrics_duration_(milliseconds|seconds)",
        "traces_spanmetrics_latency",
        "duration_(milliseconds|seconds)",
    ),
    statuses=labels("status_code", "status.code"),
    routes=("span_name", "span.name"),
    services=("service_name", "service.name", "service", "job"),
    preferred=(
        Preferred(
            "span_kind", ("SPAN_KIND_SERVER",), "spans of clients and of internal calls are of the same requests"
        ),
    ),
)
GRPC_PROMETHEUS = Instrumentation(
    name="gRPC server (go-grpc-middleware, java-grpc-prometheus)",
    key="grpc",
    source="https://github.com/grpc-ecosystem/go-grpc-middleware/tree/main/providers/prometheus",
    counters=("grpc_server_handled_total", "grpc_server_handled"),
    histograms=("grpc_server_handling_seconds", "grpc_server_handled_latency_seconds"),
    statuses=labels("grpc_code", "code"),
    routes=("grpc_method", "grpc_service"),
)
GRPC_OTEL = Instrumentation(
    name="gRPC server (metrics of gRPC itself)",
    key="grpc",
    source="https://grpc.io/docs/guides/opentelemetry-metrics/",
    histograms=(r"grpc_server_call_duration(_seconds)?|grpc\.server\.call\.duration",),
    statuses=labels("grpc_status", "grpc.status"),
    routes=("grpc_method", "grpc.method"),
    services=("service_name", "service.name", "job"),
)
MICROMETER_GRPC = Instrumentation(
    name="gRPC server (Micrometer)",
    key="grpc",
    source="https://docs.micrometer.io/micrometer/reference/reference/grpc.html",
    histograms=("grpc_server_processing_duration_seconds",),
    statuses=labels("statusCode", "status_code"),
    routes=("method", "service"),
    services=("application", "job"),
)
