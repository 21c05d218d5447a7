"""What the name of a metric says about it.

Source: https://prometheus.io/docs/practices/naming/
"""

from app.slo import MatchOp, Selector

NAME = "__name__"
"""The label that holds a metric's name."""
BUCKET = "le"
"""The label that holds the upper bound of a histogram's bucket."""
PROCESS_START = "process_start_time_seconds"
"""Every client library of Prometheus exports it.

Source: https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
"""
COUNTER_SUFFIXES = ("_total", "_count", "_bucket", "_sum")
GAUGES_OF_PROMETHEUS = frozenset(
    {
        "up",
        "scrape_duration_seconds",
        "scrape_samples_scraped",
        "scrape_samples_post_metric_relabeling",
        "scrape_series_added",
        "scrape_timeout_seconds",
        "scrape_sample_limit",
        "scrape_body_size_bytes",
        "ALERTS",
        "ALERTS_FOR_STATE",
    }
)
"""Prometheus makes these itself, so that no target says their type.

Source: https://prometheus.io/docs/concepts/jobs_instances/#automatically-generated-labels-and-time-series
"""


def name_of(selector: Selector) -> str | None:
    """The metric that a selector names; None where it may select several."""
    names = (matcher.value for matcher in selector.matchers if matcher.label == NAME and matcher.op is MatchOp.EQUAL)
    return next(names, None)


def looks_like_counter(name: str) -> bool:
    """Whether a name ends as those of counters do."""
    return name.endswith(COUNTER_SUFFIXES)


def families(name: str) -> tuple[str, ...]:
    """The families that a metric may be a part of: metadata has ``x`` for the counter ``x_total`` of OpenMetrics.

    >>> families("http_seconds_bucket")
    ('http_seconds',)
    """
    return tuple(name.removesuffix(suffix) for suffix in COUNTER_SUFFIXES if name.endswith(suffix))


def created_name(counter: str) -> str:
    """The name under which client libraries export when the series of a counter or histogram were created.

    Source: https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md

    >>> created_name("http_requests_total"), created_name("http_request_duration_seconds_bucket")
    ('http_requests_created', 'http_request_duration_seconds_created')
    """
    base = next((counter.removesuffix(suffix) for suffix in COUNTER_SUFFIXES if counter.endswith(suffix)), counter)
    return f"{base}_created"
