from datetime import UTC, datetime, timedelta

from app.metrics import BuildInfo, Instruments
from app.metrics.instruments import LabelValues

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KNOWN = LabelValues(
    failure_reasons=("query", "store"),
    request_outcomes=("success", "timeout"),
    receivers=("alertmanager",),
    notification_failure_reasons=("unreachable", "rejected"),
)


def some_instruments(known: LabelValues | None = None) -> Instruments:
    return Instruments(build=BuildInfo(version="1.2.3", python="3.11.0"), known=known)


def value(instruments: Instruments, name: str, **labels: str) -> float | None:
    return instruments.registry.get_sample_value(name, labels)


def test_known_label_values_are_there_at_zero() -> None:
    instruments = some_instruments(KNOWN)

    assert value(instruments, "sloburn_evaluation_failures_total", reason="store") == 0
    assert value(instruments, "sloburn_prometheus_requests_total", outcome="timeout") == 0
    assert value(instruments, "sloburn_notifications_total", receiver="alertmanager") == 0
    failed = "sloburn_notifications_failed_total"
    assert value(instruments, failed, receiver="alertmanager", reason="rejected") == 0


def test_a_tick_is_counted_timed_and_dated() -> None:
    instruments = some_instruments()

    instruments.evaluated(0.3, AT)
    instruments.missed(2)
    instruments.evaluation_failed("query")

    assert value(instruments, "sloburn_evaluations_total") == 1
    assert value(instruments, "sloburn_evaluation_duration_seconds_bucket", le="0.5") == 1
    assert value(instruments, "sloburn_evaluation_duration_seconds_bucket", le="0.25") == 0
    assert value(instruments, "sloburn_last_evaluation_timestamp_seconds") == AT.timestamp()
    assert value(instruments, "sloburn_evaluations_missed_total") == 2
    assert value(instruments, "sloburn_evaluation_failures_total", reason="query") == 1


def test_a_source_has_series_until_it_is_removed() -> None:
    instruments = some_instruments()
    instruments.asked("eu", answered_at=AT - timedelta(minutes=2), at=AT, seconds=0.5, failing=3)
    instruments.asked("us", answered_at=None, at=AT, seconds=8.0, failing=4)

    assert value(instruments, "sloburn_source_lag_seconds", source="eu") == 120
    assert value(instruments, "sloburn_source_answered_timestamp_seconds", source="us") is None
    assert value(instruments, "sloburn_source_lag_seconds", source="us") == 0
    instruments.asked("us", answered_at=None, at=AT + timedelta(minutes=6), seconds=8.0, failing=4)
    assert value(instruments, "sloburn_source_lag_seconds", source="us") == 360
    assert value(instruments, "sloburn_source_failing_slis", source="us") == 4
    instruments.asked_only(["us"])
    assert value(instruments, "sloburn_source_answered_timestamp_seconds", source="eu") is None
    assert value(instruments, "sloburn_source_query_seconds", source="us") == 8


def test_deliveries_and_requests_are_counted() -> None:
    instruments = some_instruments()

    instruments.notified("alertmanager")
    instruments.failed("alertmanager", "unreachable")
    instruments.fallback_notified("alertmanager")
    instruments.outbox_oldest_age(12.5)
    instruments.requested("success")
    instruments.clock_skew("prometheus", -3.0)

    assert value(instruments, "sloburn_notifications_total", receiver="alertmanager") == 1
    failed = "sloburn_notifications_failed_total"
    assert value(instruments, failed, receiver="alertmanager", reason="unreachable") == 1
    assert value(instruments, "sloburn_fallback_notified_total", receiver="alertmanager") == 1
    assert value(instruments, "sloburn_outbox_oldest_age_seconds") == 12.5
    assert value(instruments, "sloburn_prometheus_requests_total", outcome="success") == 1
    assert value(instruments, "sloburn_clock_skew_seconds", peer="prometheus") == -3


def test_a_failed_reload_keeps_the_time_of_the_last_good_one() -> None:
    instruments = some_instruments()

    instruments.reloaded(ok=True, at=AT)
    instruments.reloaded(ok=False, at=AT.replace(hour=13))

    assert value(instruments, "sloburn_config_last_reload_successful") == 0
    assert value(instruments, "sloburn_config_last_reload_success_timestamp_seconds") == AT.timestamp()


def test_the_build_and_the_process_are_told() -> None:
    instruments = some_instruments()

    assert value(instruments, "sloburn_build_info", version="1.2.3", python="3.11.0") == 1
    assert (value(instruments, "process_resident_memory_bytes") or 0) > 0
    assert value(instruments, "sloburn_backfill_progress_ratio") == 1
