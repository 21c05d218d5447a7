"""Kubernetes: its API server and DNS, workloads as kube-state-metrics shows them, and containers."""

from app.suggestions.instrumentations.model import (
    ErrorPair,
    GaugeShare,
    GoodGauge,
    Instrumentation,
    Level,
    Signal,
    StatusLabel,
    labels,
)
from app.suggestions.statuses import DNS_CODES

APISERVER = Instrumentation(
    name="Kubernetes API server",
    key="apiserver",
    source="https://kubernetes.io/docs/reference/instrumentation/metrics/",
    counters=("apiserver_request_total",),
    histograms=(
        "apiserver_request_sli_duration_seconds",
        "apiserver_request_slo_duration_seconds",
        "apiserver_request_duration_seconds",
    ),
    statuses=labels("code"),
    routes=("verb", "resource"),
)
COREDNS = Instrumentation(
    name="CoreDNS",
    key="dns",
    source="https://coredns.io/plugins/metrics/",
    counters=("coredns_dns_responses_total", "coredns_dns_response_rcode_count_total"),
    histograms=("coredns_dns_request_duration_seconds",),
    statuses=(StatusLabel("rcode", DNS_CODES),),
    routes=("server", "zone"),
)
WORKLOADS = Instrumentation(
    name="kube-state-metrics",
    key="pods",
    source="https://github.com/kubernetes/kube-state-metrics/tree/main/docs",
    services=("exported_namespace", "namespace", "job"),
    shares=(
        GaugeShare(
            name="deployment-replicas",
            description="Replicas of deployments are available.",
            total="kube_deployment_spec_replicas",
            bad="kube_deployment_status_replicas_unavailable",
            by=("deployment",),
        ),
        GaugeShare(
            name="statefulset-replicas",
            description="Replicas of stateful sets are ready.",
            total="kube_statefulset_replicas",
            good="kube_statefulset_status_replicas_ready",
            by=("statefulset",),
        ),
        GaugeShare(
            name="daemonset-pods",
            description="Pods of daemon sets are available.",
            total="kube_daemonset_status_desired_number_scheduled",
            bad="kube_daemonset_status_number_unavailable",
            by=("daemonset",),
        ),
    ),
    gauges=(
        GoodGauge(
            metric="kube_pod_container_status_ready",
            name="container-readiness",
            description="Containers are ready.",
            by=("pod", "container"),
            signal=Signal.SATURATION,
        ),
    ),
)
NODES = Instrumentation(
    name="kube-state-metrics, nodes",
    key="nodes",
    source="https://github.com/kubernetes/kube-state-metrics/blob/main/docs/metrics/cluster/node-metrics.md",
    gauges=(
        GoodGauge(
            metric="kube_node_status_condition",
            name="node-readiness",
            description="Nodes are ready.",
            by=("node",),
            signal=Signal.SATURATION,
            matchers={"condition": "Ready", "status": "true"},
        ),
    ),
)
CONTAINERS = Instrumentation(
    name="containers (cAdvisor)",
    key="containers",
    source="https://github.com/google/cadvisor/blob/master/docs/storage/prometheus.md",
    services=("namespace", "job"),
    pairs=(
        ErrorPair(
            name="cpu-throttling",
            signal=Signal.SATURATION,
            description="Containers are not throttled.",
            total="container_cpu_cfs_periods_total",
            bad=("container_cpu_cfs_throttled_periods_total",),
        ),
    ),
)
VOLUMES = Instrumentation(
    name="volumes (kubelet)",
    key="volumes",
    source="https://kubernetes.io/docs/reference/instrumentation/metrics/",
    services=("namespace", "job"),
    levels=(
        Level(
            name="volume-usage",
            description="Volumes have space left.",
            expression="max({used} / {capacity})",
            metrics={"used": "kubelet_volume_stats_used_bytes", "capacity": "kubelet_volume_stats_capacity_bytes"},
            bounds=(0.7, 0.8, 0.9, 0.95),
        ),
    ),
)
