"""The catalogue: by which metrics instrumentations are known, and what SLIs are made of them.

To add one, write an `Instrumentation` in the module of its kind and list it here. A metric belongs to the first entry
that knows its name, so entries that go by conventions are last.
"""

from app.suggestions.instrumentations import http, infrastructure, kubernetes, messaging, proxies, rpc
from app.suggestions.instrumentations.model import (
    ErrorPair,
    GaugeShare,
    GoodGauge,
    Instrumentation,
    Level,
    Preferred,
    Signal,
    StatusLabel,
    labels,
)

__all__ = [
    "CATALOGUE",
    "ErrorPair",
    "GaugeShare",
    "GoodGauge",
    "Instrumentation",
    "Level",
    "Preferred",
    "Signal",
    "StatusLabel",
    "labels",
]

CATALOGUE: tuple[Instrumentation, ...] = (
    http.OTEL_HTTP,
    http.MICROMETER,
    http.GIN_AND_OTHERS,
    rpc.OTEL_RPC,
    rpc.SPAN_METRICS,
    rpc.GRPC_PROMETHEUS,
    rpc.GRPC_OTEL,
    rpc.MICROMETER_GRPC,
    proxies.ISTIO,
    proxies.LINKERD,
    proxies.ENVOY_UPSTREAM,
    proxies.ENVOY_DOWNSTREAM,
    proxies.NGINX_INGRESS,
    proxies.NGINX_PLUS,
    proxies.NGINX_VTS,
    proxies.TRAEFIK,
    proxies.TRAEFIK_ROUTERS,
    proxies.HAPROXY,
    proxies.HAPROXY_FRONTENDS,
    proxies.CADDY,
    proxies.KONG,
    messaging.KAFKA_CONSUMERS,
    messaging.KAFKA_BROKERS,
    messaging.KAFKA_CLIENTS,
    messaging.CELERY,
    messaging.SIDEKIQ,
    messaging.RABBITMQ,
    messaging.RECONCILERS,
    kubernetes.APISERVER,
    kubernetes.COREDNS,
    kubernetes.WORKLOADS,
    kubernetes.NODES,
    kubernetes.CONTAINERS,
    kubernetes.VOLUMES,
    infrastructure.BLACKBOX,
    infrastructure.DATABASES,
    infrastructure.PROCESS,
    infrastructure.JVM,
    infrastructure.GO_POOLS,
    infrastructure.HOSTS,
    http.PROMETHEUS_HTTP,
    infrastructure.PAIRS,
    infrastructure.UP,
)
