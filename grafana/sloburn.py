"""The *Sloburn itself* dashboard: whether the watcher watches."""

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import stat, timeseries

from grafana import boards, colours, panels
from grafana.queries import multi_value_variable, newest, over_time

_HERE = '{instance=~"$instance"}'
_DURATION = "sloburn_evaluation_duration_seconds"


def dashboard() -> builders.Dashboard:
    """The chosen instances of Sloburn."""
    return (
        boards.board(
            boards.OWN,
            "Sloburn / Sloburn itself",
            "Whether Sloburn evaluates on time, gets answers from Prometheus and gets its notifications through.",
            since="now-3h",
        )
        .with_variable(_instance_variable())
        .with_panel(_running())
        .with_panel(_lag())
        .with_panel(_failed())
        .with_panel(_missed())
        .with_panel(_outbox())
        .with_panel(_configuration())
        .with_row(builders.Row("Evaluation"))
        .with_panel(_ticks())
        .with_panel(_duration())
        .with_panel(_failures())
        .with_panel(_lag_over_time())
        .with_row(builders.Row("Prometheus and notifications"))
        .with_panel(_requests())
        .with_panel(_notifications())
        .with_panel(_failed_notifications())
        .with_panel(_outbox_over_time())
        .with_row(builders.Row("Remote write"))
        .with_panel(_written())
        .with_panel(_to_write())
        .with_row(builders.Row("Backfill, clocks and resources"))
        .with_panel(_backfill())
        .with_panel(_clock_skew())
        .with_panel(_memory())
        .with_panel(_cpu())
    )


def _instance_variable() -> builders.QueryVariable:
    return multi_value_variable("instance", "Instance", "label_values(sloburn_build_info, instance)")


def _rate(counter: str, *, by: str) -> str:
    """How much a counter of the service grows each second, added up by labels."""
    return f"sum by ({by}) (rate({counter}{_HERE}[$__rate_interval]))"


def _running() -> stat.Panel:
    return panels.figure(
        "Version",
        "What runs, and on how many instances.",
        newest(f"sum by (version) (sloburn_build_info{_HERE})", "{{version}}"),
    ).text_mode(panels.NAME_AND_VALUE)


def _lag() -> stat.Panel:
    return panels.figure(
        "Since the last evaluation",
        "How long ago the newest slot was evaluated; more than two intervals means that evaluations are late.",
        newest(f"max(time() - sloburn_last_evaluation_timestamp_seconds{_HERE})"),
        unit=panels.SECONDS,
    ).thresholds(colours.steps(colours.GOOD, (75, colours.DOUBTFUL), (150, colours.BAD)))


def _failed() -> stat.Panel:
    return (
        panels.figure(
            "Failed evaluations",
            "Evaluations of an SLO that failed within the range.",
            newest(f"sum(increase(sloburn_evaluation_failures_total{_HERE}[$__range]))"),
        )
        .decimals(0)
        .thresholds(colours.trouble_steps())
    )


def _missed() -> stat.Panel:
    return (
        panels.figure(
            "Missed slots",
            "Slots that were not evaluated in time within the range. Their events are counted later; alerts do not "
            "step through them.",
            newest(f"sum(increase(sloburn_evaluations_missed_total{_HERE}[$__range]))"),
        )
        .decimals(0)
        .thresholds(colours.trouble_steps(colours.DOUBTFUL))
    )


def _outbox() -> stat.Panel:
    return panels.figure(
        "Oldest notification",
        "How long the oldest notification has been waiting to be delivered; zero when none waits.",
        newest(f"max(sloburn_outbox_oldest_age_seconds{_HERE})"),
        unit=panels.SECONDS,
    ).thresholds(colours.steps(colours.GOOD, (60, colours.DOUBTFUL), (300, colours.BAD)))


def _configuration() -> stat.Panel:
    return (
        panels.figure(
            "Documents",
            "Whether the newest SLO documents are in use. When they are refused, the old ones stay in use.",
            newest(f"min(sloburn_config_last_reload_successful{_HERE})"),
        )
        .thresholds(colours.steps(colours.BAD, (1, colours.GOOD)))
        .mappings(list(colours.words((0, "refused", colours.BAD), (1, "in use", colours.GOOD))))
    )


def _ticks() -> timeseries.Panel:
    return panels.lines(
        "Evaluations per minute",
        "How many slots were evaluated, and how many were missed.",
        over_time(f"60 * {_rate('sloburn_evaluations_total', by='instance')}", "{{instance}}"),
        over_time(f"60 * {_rate('sloburn_evaluations_missed_total', by='instance')}", "{{instance}} missed"),
    ).min(0)


def _duration() -> timeseries.Panel:
    buckets = f"sum by (le) (rate({_DURATION}_bucket{_HERE}[$__rate_interval]))"
    spent = f"sum(rate({_DURATION}_sum{_HERE}[$__rate_interval]))"
    evaluations = f"sum(rate({_DURATION}_count{_HERE}[$__rate_interval]))"
    return panels.lines(
        "Duration of an evaluation",
        "How long one evaluation of all SLOs takes; it must stay well below the evaluation interval.",
        over_time(f"histogram_quantile(0.99, {buckets})", "99th percentile"),
        over_time(f"{spent} / {evaluations}", "mean"),
        unit=panels.SECONDS,
    ).min(0)


def _failures() -> timeseries.Panel:
    return panels.lines(
        "Failed evaluations per minute, by reason",
        "Why evaluations failed.",
        over_time(f"60 * {_rate('sloburn_evaluation_failures_total', by='reason')}", "{{reason}}"),
    ).min(0)


def _lag_over_time() -> timeseries.Panel:
    return panels.lines(
        "Time since the last evaluation",
        "A saw-tooth as high as the evaluation interval when all is well.",
        over_time(f"time() - sloburn_last_evaluation_timestamp_seconds{_HERE}", "{{instance}}"),
        unit=panels.SECONDS,
    ).min(0)


def _requests() -> timeseries.Panel:
    return panels.lines(
        "Requests to Prometheus, by outcome",
        "Requests per second that Sloburn sends to Prometheus, and how they ended.",
        over_time(_rate("sloburn_prometheus_requests_total", by="outcome"), "{{outcome}}"),
        unit=panels.PER_SECOND,
    ).min(0)


def _notifications() -> timeseries.Panel:
    return panels.lines(
        "Notifications per minute, by receiver",
        "Notifications that were sent, also those that failed; a firing alert is sent again and again.",
        over_time(f"60 * {_rate('sloburn_notifications_total', by='receiver')}", "{{receiver}}"),
    ).min(0)


def _failed_notifications() -> timeseries.Panel:
    return panels.lines(
        "Failed notifications per minute",
        "Attempts to notify that failed, by receiver and reason; they are tried again.",
        over_time(
            f"60 * {_rate('sloburn_notifications_failed_total', by='receiver, reason')}",
            "{{receiver}}: {{reason}}",
        ),
    ).min(0)


def _outbox_over_time() -> timeseries.Panel:
    return panels.lines(
        "Age of the oldest notification",
        "How long the oldest notification has been waiting; it grows while a receiver is away.",
        over_time(f"sloburn_outbox_oldest_age_seconds{_HERE}", "{{instance}}"),
        unit=panels.SECONDS,
    ).min(0)


def _written() -> timeseries.Panel:
    samples = _rate("sloburn_remote_write_samples_total", by="receiver")
    dropped = _rate("sloburn_remote_write_samples_dropped_total", by="receiver")
    failures = _rate("sloburn_remote_write_failures_total", by="receiver")
    return panels.lines(
        "Samples sent per second, by receiver",
        "Samples that receivers of remote write stored and refused, and requests that failed and are sent again.",
        over_time(samples, "{{receiver}}"),
        over_time(dropped, "{{receiver}} refused"),
        over_time(failures, "{{receiver}} failed requests"),
        unit=panels.PER_SECOND,
    ).min(0)


def _to_write() -> timeseries.Panel:
    return panels.lines(
        "Histories and gaps still to be sent",
        "Of how many SLOs the past, or what was missed while a receiver was away, is still to be sent.",
        over_time(f"max by (receiver) (sloburn_remote_write_pending_parts{_HERE})", "{{receiver}}"),
    ).min(0)


def _backfill() -> timeseries.Panel:
    return (
        panels.lines(
            "Backfill",
            "How much of the history that the SLOs need has been counted; budgets are those of the counted part.",
            over_time(f"sloburn_backfill_progress_ratio{_HERE}", "{{instance}}"),
            unit=panels.RATIO,
        )
        .min(0)
        .max(1)
    )


def _clock_skew() -> timeseries.Panel:
    return panels.lines(
        "Clock skew",
        "How far the clocks of others are ahead of ours.",
        over_time(f"max by (instance, peer) (sloburn_clock_skew_seconds{_HERE})", "{{peer}}"),
        unit=panels.SECONDS,
    )


def _memory() -> timeseries.Panel:
    return panels.lines(
        "Memory",
        "Memory in use by the process.",
        over_time(f"process_resident_memory_bytes{_HERE} and on (instance) sloburn_build_info", "{{instance}}"),
        unit=panels.BYTES,
    ).min(0)


def _cpu() -> timeseries.Panel:
    return panels.lines(
        "CPU",
        "Processors in use by the process.",
        over_time(
            f"rate(process_cpu_seconds_total{_HERE}[$__rate_interval]) and on (instance) sloburn_build_info",
            "{{instance}}",
        ),
        unit=panels.RATIO,
    ).min(0)
