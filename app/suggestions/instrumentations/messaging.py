"""Queues and the workers behind them."""

from app.suggestions.instrumentations.model import ErrorPair, Instrumentation, Level, StatusLabel, labels
from app.suggestions.statuses import KAFKA_ERRORS

KAFKA_CONSUMERS = Instrumentation(
    name="Kafka consumer groups (kafka_exporter, Kafka Lag Exporter)",
    key="kafka",
    source="https://github.com/danielqsj/kafka_exporter#consumer-groups",
    services=("consumergroup", "group", "client_id", "job"),
    levels=(
        Level(
            name="consumer-lag-seconds",
            description="Messages are consumed in time.",
            expression="max({lag})",
            metrics={"lag": "kafka_consumergroup_group_max_lag_seconds|kafka_consumergroup_lag_seconds"},
            bounds=(1, 5, 10, 30, 60, 300, 900, 3600),
        ),
        Level(
            name="consumer-lag",
            description="Consumers keep up with their topics.",
            expression="sum({lag})",
            metrics={
                "lag": "kafka_consumergroup_lag|kafka_consumergroup_group_lag|kafka_burrow_partition_lag"
                "|kafka_consumer_fetch_manager_records_lag|kafka_consumer_records_lag"
            },
        ),
    ),
)
KAFKA_BROKERS = Instrumentation(
    name="Kafka brokers (JMX exporter)",
    key="kafka",
    source="https://kafka.apache.org/documentation/#monitoring",
    counters=("kafka_network_requestmetrics_errors_total", "kafka_network_requestmetrics_errorspersec_total"),
    statuses=(StatusLabel("error", KAFKA_ERRORS),),
    routes=("request",),
    pairs=(
        ErrorPair(
            name="produce-availability",
            description="Messages are accepted.",
            total="kafka_server_brokertopicmetrics_totalproducerequests(?P<rest>_total|persec_count)",
            bad=(r"kafka_server_brokertopicmetrics_failedproducerequests\g<rest>",),
        ),
        ErrorPair(
            name="fetch-availability",
            description="Messages are delivered.",
            total="kafka_server_brokertopicmetrics_totalfetchrequests(?P<rest>_total|persec_count)",
            bad=(r"kafka_server_brokertopicmetrics_failedfetchrequests\g<rest>",),
        ),
    ),
    levels=(
        Level(
            name="under-replicated-partitions",
            description="All partitions are replicated.",
            expression="sum({partitions})",
            metrics={
                "partitions": "kafka_server_replicamanager_underreplicatedpartitions|kafka_server_replicamanager_under"
                "replicatedpartitions_value|kafka_topic_partition_under_replicated_partition"
            },
            bounds=(1,),
        ),
    ),
)
KAFKA_CLIENTS = Instrumentation(
    name="Kafka clients (Micrometer)",
    key="kafka",
    source="https://docs.micrometer.io/micrometer/reference/reference/kafka.html",
    services=("application", "job"),
    pairs=(
        ErrorPair(
            name="producer-availability",
            description="Records are sent.",
            total="kafka_producer_record_send_total",
            bad=("kafka_producer_record_error_total",),
        ),
    ),
)
CELERY = Instrumentation(
    name="Celery",
    key="tasks",
    source="https://github.com/danihodovic/celery-exporter",
    pairs=(
        ErrorPair(good="celery_task_succeeded_total", bad=("celery_task_failed_total",), description="Tasks succeed."),
    ),
    histograms=("celery_task_runtime",),
    routes=("name", "queue_name"),
)
SIDEKIQ = Instrumentation(
    name="Sidekiq",
    key="jobs",
    source="https://github.com/yabeda-rb/yabeda-sidekiq",
    pairs=(
        ErrorPair(total="sidekiq_jobs_executed_total", bad=("sidekiq_jobs_failed_total",), description="Jobs succeed."),
    ),
    histograms=("sidekiq_job_runtime(_seconds)?",),
    routes=("worker", "queue"),
)
RABBITMQ = Instrumentation(
    name="RabbitMQ",
    key="rabbitmq",
    source="https://www.rabbitmq.com/docs/prometheus",
    services=("queue", "job"),
    levels=(
        Level(
            name="queue-length",
            description="Consumers keep up with their queues.",
            expression="sum({ready})",
            metrics={"ready": "rabbitmq_queue_messages_ready|rabbitmq_detailed_queue_messages_ready"},
        ),
    ),
)
RECONCILERS = Instrumentation(
    name="Kubernetes controllers (controller-runtime)",
    key="reconcile",
    source="https://book.kubebuilder.io/reference/metrics-reference",
    counters=("controller_runtime_reconcile_total",),
    histograms=("controller_runtime_reconcile_time_seconds",),
    statuses=labels("result"),
    routes=("controller",),
)
