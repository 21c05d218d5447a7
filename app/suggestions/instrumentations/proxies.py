"""Meshes, proxies and ingress controllers: they measure what is behind them."""

from app.suggestions.instrumentations.model import Instrumentation, Preferred, StatusLabel, labels
from app.suggestions.statuses import HTTP_CLASS_DIGITS

ISTIO = Instrumentation(
    name="Istio",
    key="istio",
    source="https://istio.io/latest/docs/reference/config/metrics/",
    counters=("istio_requests_total",),
    histograms=("istio_request_duration_milliseconds", "istio_request_duration_seconds"),
    statuses=labels("response_code", "grpc_response_status"),
    routes=("request_operation", "destination_version"),
    services=("destination_service_name", "destination_canonical_service", "destination_workload", "job"),
    within=("destination_service_namespace", "destination_workload_namespace"),
    preferred=(
        Preferred(
            "reporter",
            ("destination", "waypoint", "source"),
            "client and server report each request: only the server's report counts",
        ),
    ),
)
LINKERD = Instrumentation(
    name="Linkerd",
    key="linkerd",
    source="https://linkerd.io/2/reference/proxy-metrics/",
    counters=("response_total",),
    histograms=("response_latency_ms",),
    statuses=labels("classification", "status_code"),
    routes=("rt_route", "route_name"),
    services=("deployment", "statefulset", "daemonset", "workload_name", "job"),
    within=("namespace",),
    preferred=(Preferred("direction", ("inbound", "outbound"), "both proxies of a request report it"),),
)
ENVOY_UPSTREAM = Instrumentation(
    name="Envoy, upstream clusters",
    key="envoy",
    source="https://www.envoyproxy.io/docs/envoy/latest/configuration/upstream/cluster_manager/cluster_stats",
    # Envoy's counters have no `_total`.
    counters=("envoy_cluster_upstream_rq", "envoy_cluster_upstream_rq_xx"),
    histograms=("envoy_cluster_upstream_rq_time",),
    statuses=(
        *labels("envoy_response_code", "response_code"),
        StatusLabel("envoy_response_code_class", HTTP_CLASS_DIGITS),
        StatusLabel("response_code_class", HTTP_CLASS_DIGITS),
        *labels("envoy_response_code_class", "response_code_class"),
    ),
    services=("envoy_cluster_name", "cluster_name", "job"),
)
ENVOY_DOWNSTREAM = Instrumentation(
    name="Envoy, listeners",
    key="listener",
    source="https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/stats",
    counters=("envoy_http_downstream_rq_xx",),
    histograms=("envoy_http_downstream_rq_time",),
    statuses=(
        StatusLabel("envoy_response_code_class", HTTP_CLASS_DIGITS),
        StatusLabel("response_code_class", HTTP_CLASS_DIGITS),
        *labels("envoy_response_code_class", "response_code_class"),
    ),
    services=("envoy_http_conn_manager_prefix", "job"),
)
NGINX_INGRESS = Instrumentation(
    name="Ingress NGINX",
    key="ingress",
    source="https://kubernetes.github.io/ingress-nginx/user-guide/monitoring/",
    counters=("nginx_ingress_controller_requests",),
    histograms=(
        "nginx_ingress_controller_request_duration_seconds",
        "nginx_ingress_controller_response_duration_seconds",
    ),
    statuses=labels("status"),
    routes=("path", "host"),
    services=("ingress", "exported_service", "job"),
    within=("exported_namespace", "namespace"),
)
NGINX_PLUS = Instrumentation(
    name="NGINX Plus",
    key="nginx",
    source="https://github.com/nginx/nginx-prometheus-exporter#exported-metrics",
    counters=("nginxplus_server_zone_responses", "nginxplus_location_zone_responses"),
    statuses=labels("code"),
    services=("server_zone", "location_zone", "job"),
)
NGINX_VTS = Instrumentation(
    name="NGINX with the VTS module",
    key="nginx",
    source="https://github.com/vozlt/nginx-module-vts",
    counters=("nginx_vts_server_requests_total",),
    histograms=("nginx_vts_server_request_duration_seconds",),
    statuses=labels("code"),
    routes=("host",),
)
TRAEFIK = Instrumentation(
    name="Traefik, services",
    key="traefik",
    source="https://doc.traefik.io/traefik/observability/metrics/overview/",
    counters=("traefik_service_requests_total", "traefik_backend_requests_total"),
    histograms=("traefik_service_request_duration_seconds", "traefik_backend_request_duration_seconds"),
    statuses=labels("code"),
    routes=("method",),
    services=("exported_service", "service", "backend", "job"),
)
TRAEFIK_ROUTERS = Instrumentation(
    name="Traefik, entry points",
    key="traefik",
    source="https://doc.traefik.io/traefik/observability/metrics/overview/",
    counters=("traefik_router_requests_total", "traefik_entrypoint_requests_total"),
    histograms=("traefik_router_request_duration_seconds", "traefik_entrypoint_request_duration_seconds"),
    statuses=labels("code"),
    routes=("method",),
    services=("router", "entrypoint", "job"),
    unless=("Traefik, services",),
)
HAPROXY = Instrumentation(
    name="HAProxy, backends",
    key="haproxy",
    source="https://www.haproxy.com/documentation/haproxy-configuration-tutorials/alerts-and-monitoring/prometheus/",
    counters=("haproxy_backend_http_responses_total",),
    statuses=labels("code"),
    services=("proxy", "backend", "job"),
)
HAPROXY_FRONTENDS = Instrumentation(
    name="HAProxy, frontends",
    key="haproxy",
    source="https://www.haproxy.com/documentation/haproxy-configuration-tutorials/alerts-and-monitoring/prometheus/",
    counters=("haproxy_frontend_http_responses_total",),
    statuses=labels("code"),
    services=("proxy", "frontend", "job"),
    unless=("HAProxy, backends",),
)
CADDY = Instrumentation(
    name="Caddy",
    key="caddy",
    source="https://caddyserver.com/docs/metrics",
    histograms=("caddy_http_request_duration_seconds",),
    statuses=labels("code"),
    routes=("handler", "server", "host"),
)
KONG = Instrumentation(
    name="Kong",
    key="kong",
    source="https://developer.konghq.com/plugins/prometheus/",
    counters=("kong_http_requests_total", "kong_http_status"),
    histograms=("kong_request_latency_ms", "kong_latency"),
    statuses=labels("code"),
    routes=("route",),
    services=("service", "exported_service", "job"),
    preferred=(Preferred("type", ("request",), "latencies of Kong and of what is behind it are in the same metric"),),
)
