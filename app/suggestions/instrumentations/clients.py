"""Requests that a service sends: what it depends on, as it sees that itself."""

from app.suggestions.instrumentations.model import Instrumentation, StatusLabel, labels
from app.suggestions.statuses import ERROR_TYPES, GRPC_NUMBERS

# The service that answers the requests has the SLO; a page here would wake a team that cannot mend it.
_DOUBT = "it counts requests that the service sends: they are those of what it depends on"

OTEL_HTTP = Instrumentation(
    name="OpenTelemetry HTTP client",
    key="http-client",
    source="https://opentelemetry.io/docs/specs/semconv/http/http-metrics/",
    histograms=(
        r"http_client_request_duration(_seconds)?|http\.client\.request\.duration",
        r"http_client_duration(_milliseconds|_ms|_seconds)?|http\.client\.duration",
    ),
    statuses=(
        *labels("http_response_status_code", "http.response.status_code", "http_status_code", "http.status_code"),
        StatusLabel("error_type", ERROR_TYPES),
        StatusLabel("error.type", ERROR_TYPES),
    ),
    routes=("server_address", "server.address", "net_peer_name", "url_template", "url.template"),
    services=("service_name", "service.name", "job"),
    doubt=_DOUBT,
)
MICROMETER_HTTP = Instrumentation(
    name="Micrometer HTTP client (RestTemplate, WebClient, Feign)",
    key="http-client",
    source="https://docs.spring.io/spring-boot/reference/actuator/metrics.html#actuator.metrics.supported.http-clients",
    histograms=("http_client_requests_seconds",),
    statuses=labels("status", "outcome"),
    routes=("client_name", "clientName", "uri"),
    services=("application", "job"),
    doubt=_DOUBT,
)
OTEL_RPC = Instrumentation(
    name="OpenTelemetry RPC client",
    key="grpc-client",
    source="https://opentelemetry.io/docs/specs/semconv/rpc/rpc-metrics/",
    histograms=(
        r"rpc_client_call_duration(_seconds)?|rpc\.client\.call\.duration",
        r"rpc_client_duration(_milliseconds|_ms|_seconds)?|rpc\.client\.duration",
    ),
    statuses=(
        StatusLabel("rpc_grpc_status_code", GRPC_NUMBERS),
        StatusLabel("rpc.grpc.status_code", GRPC_NUMBERS),
        *labels("rpc_response_status_code", "rpc.response.status_code", "rpc_grpc_status_code"),
    ),
    routes=("server_address", "server.address", "rpc_service", "rpc.service", "rpc_method", "rpc.method"),
    services=("service_name", "service.name", "job"),
    doubt=_DOUBT,
)
GRPC_PROMETHEUS = Instrumentation(
    name="gRPC client (go-grpc-middleware, java-grpc-prometheus)",
    key="grpc-client",
    source="https://github.com/grpc-ecosystem/go-grpc-middleware/tree/main/providers/prometheus",
    counters=("grpc_client_handled_total", "grpc_client_handled"),
    histograms=("grpc_client_handling_seconds", "grpc_client_handled_latency_seconds"),
    statuses=labels("grpc_code", "code"),
    routes=("grpc_service", "grpc_method"),
    doubt=_DOUBT,
)
