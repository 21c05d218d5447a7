"""Probes, databases, processes and hosts."""

from app.slo import Matcher, MatchOp
from app.suggestions.instrumentations.model import ErrorPair, GoodGauge, Instrumentation, Level, Signal, labels

_SHARES = (0.5, 0.7, 0.8, 0.9, 0.95)
"""Shares of a resource that may be in use, as people write them."""

BLACKBOX = Instrumentation(
    name="blackbox exporter",
    key="probe",
    source="https://github.com/prometheus/blackbox_exporter",
    gauges=(GoodGauge(metric="probe_success", name="probes", description="Probes succeed.", by=("instance",)),),
    levels=(
        Level(
            name="probe-latency",
            signal=Signal.LATENCY,
            description="Probes are answered in time.",
            expression="max({duration})",
            metrics={"duration": "probe_duration_seconds"},
            bounds=(0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5, 10),
        ),
    ),
)
DATABASES = Instrumentation(
    name="exporters of databases",
    key="database",
    source="https://prometheus.io/docs/instrumenting/exporters/#databases",
    gauges=tuple(
        GoodGauge(metric=metric, name=metric.replace("_", "-"), description="The server answers.", by=("instance",))
        for metric in (
            "pg_up",
            "mysql_up",
            "redis_up",
            "mongodb_up",
            "memcached_up",
            "rabbitmq_up",
            "elasticsearch_cluster_health_up",
        )
    ),
    levels=(
        Level(
            name="redis-memory",
            description="Redis has memory left.",
            # Without `maxmemory` Redis has no limit, which it exposes as 0.
            expression="max({used} / ({limit} > 0))",
            metrics={"used": "redis_memory_used_bytes", "limit": "redis_memory_max_bytes"},
            bounds=_SHARES,
        ),
        Level(
            name="mysql-connections",
            description="MySQL has connections left.",
            expression="max({used} / {limit})",
            metrics={
                "used": "mysql_global_status_threads_connected",
                "limit": "mysql_global_variables_max_connections",
            },
            bounds=_SHARES,
        ),
    ),
)
PROCESS = Instrumentation(
    name="processes by the conventions of Prometheus clients",
    key="process",
    source="https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics",
    levels=(
        Level(
            name="open-files",
            description="The processes have file descriptors left.",
            expression="max({used} / {limit})",
            metrics={"used": "process_open_fds", "limit": "process_max_fds"},
            bounds=_SHARES,
        ),
    ),
)
JVM = Instrumentation(
    name="JVM (Micrometer, Java client)",
    key="jvm",
    source="https://docs.micrometer.io/micrometer/reference/reference/jvm.html",
    services=("application", "job"),
    levels=(
        Level(
            name="connection-pool",
            description="The pool has connections left.",
            expression="max({used} / {limit})",
            metrics={"used": "hikaricp_connections_active", "limit": "hikaricp_connections_max"},
            bounds=_SHARES,
        ),
        Level(
            name="threads",
            description="The server has threads left.",
            expression="max({used} / {limit})",
            metrics={"used": "tomcat_threads_busy_threads", "limit": "tomcat_threads_config_max_threads"},
            bounds=_SHARES,
        ),
    ),
)
GO_POOLS = Instrumentation(
    name="connection pools of Go",
    key="pool",
    source="https://pkg.go.dev/github.com/prometheus/client_golang/prometheus/collectors#NewDBStatsCollector",
    levels=(
        Level(
            name="database-connections",
            description="The pool has connections left.",
            # 0 is a pool without a limit, the default of `database/sql`.
            expression="max({used} / ({limit} > 0))",
            metrics={"used": "go_sql_in_use_connections", "limit": "go_sql_max_open_connections"},
            bounds=_SHARES,
        ),
    ),
)
HOSTS = Instrumentation(
    name="node exporter",
    key="node",
    source="https://github.com/prometheus/node_exporter",
    levels=(
        Level(
            name="disk-usage",
            description="File systems have space left.",
            expression="max(1 - {free} / {size})",
            metrics={"free": "node_filesystem_avail_bytes", "size": "node_filesystem_size_bytes"},
            # Read-only images are always full, and overlays have the space of the disk below them.
            matchers=(Matcher("fstype", MatchOp.NOT_REGEX, "tmpfs|ramfs|overlay|squashfs|iso9660"),),
            bounds=(0.7, 0.8, 0.9, 0.95),
        ),
        Level(
            name="memory-usage",
            description="Hosts have memory left.",
            expression="max(1 - {free} / {size})",
            metrics={"free": "node_memory_MemAvailable_bytes", "size": "node_memory_MemTotal_bytes"},
            bounds=(0.7, 0.8, 0.9, 0.95),
        ),
    ),
)
PAIRS = Instrumentation(
    name="counters of errors beside counters of requests",
    key="requests",
    source="https://prometheus.io/docs/practices/instrumentation/#failures",
    pairs=(
        ErrorPair(
            total=r"(?P<stem>\w+?)_(?P<what>requests|operations|jobs|tasks|messages|events|calls|queries)(_processed)?_total",
            bad=(
                r"\g<stem>_\g<what>_errors_total",
                r"\g<stem>_\g<what>_failed_total",
                r"\g<stem>_\g<what>_failures_total",
                r"\g<stem>_failed_\g<what>_total",
                r"\g<stem>_errors_total",
                r"\g<stem>_failures_total",
            ),
            is_certain=False,
        ),
    ),
    statuses=labels(),
)
UP = Instrumentation(
    name="scrapes",
    key="up",
    source="https://prometheus.io/docs/concepts/jobs_instances/#automatically-generated-labels-and-time-series",
    gauges=(GoodGauge(metric="up", name="up", description="Instances can be scraped.", by=("instance",)),),
)
