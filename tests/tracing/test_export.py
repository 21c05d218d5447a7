"""The environment that asks for traces, and collectors that do not take them."""

import os
import threading
from collections.abc import Mapping, Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from structlog.testing import capture_logs
from typing_extensions import override

from app.metrics import BuildInfo, Instruments
from app.service.otel import NO_TELEMETRY, open_tracing, recorded_by, tracer_provider
from app.tracing import current_trace, trace_span
from app.tracing.propagators import leave_out_unknown_propagators
from testbed.waiting import wait_until
from tests.support.otlp import received
from tests.support.scripted_server import Reply, Scripted


class Stuck(SpanExporter):
    """Takes nothing until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()

    @override
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.go.wait(60)
        return SpanExportResult.SUCCESS


@pytest.fixture
def instruments() -> Instruments:
    return Instruments(build=BuildInfo.current())


def dropped(instruments: Instruments, reason: str) -> float:
    return instruments.registry.get_sample_value("sloburn_trace_spans_dropped_total", {"reason": reason}) or 0.0


def exported(instruments: Instruments) -> float:
    return instruments.registry.get_sample_value("sloburn_trace_spans_exported_total") or 0.0


def test_a_collector_that_hangs_delays_nothing_and_what_it_misses_is_counted(
    instruments: Instruments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10")
    exporter = Stuck()
    with recorded_by(tracer_provider(exporter, instruments, 50)):
        for _ in range(200):
            with trace_span("sloburn.evaluate"):
                pass
        # Ten are being sent, forty to sixty wait.
        assert 130 <= dropped(instruments, "queue_full") <= 150
        exporter.go.set()
    assert exported(instruments) + dropped(instruments, "queue_full") == 200
    assert current_trace() is None


def test_what_a_collector_refuses_is_counted(instruments: Instruments, monkeypatch: pytest.MonkeyPatch) -> None:
    with Scripted(otherwise=Reply(status=400)) as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        with open_tracing(os.environ, instruments), trace_span("sloburn.evaluate"):
            pass
    assert (dropped(instruments, "export_failed"), exported(instruments)) == (1, 0)


def test_the_resource_is_what_the_environment_says(instruments: Instruments, monkeypatch: pytest.MonkeyPatch) -> None:
    with Scripted() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=prod,service.version=7")
        with open_tracing(os.environ, instruments), trace_span("sloburn.evaluate"):
            pass
        spans, resource = received(collector.requests)
    assert [span.name for span in spans] == ["sloburn.evaluate"]
    assert resource["service.name"] == "sloburn"
    assert resource["service.instance.id"]
    assert (resource["deployment.environment.name"], resource["service.version"]) == ("prod", "7")
    assert exported(instruments) == 1


ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_SERVICE_NAME": "slo"},
        {**ENDPOINT, "OTEL_SDK_DISABLED": "true"},
        {**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_traces_are_off_unless_the_environment_asks_for_them(
    environment: Mapping[str, str], instruments: Instruments
) -> None:
    with capture_logs() as logs, open_tracing(environment, instruments) as telemetry, trace_span("a"):
        assert current_trace() is None
    assert telemetry == NO_TELEMETRY
    assert logs == []


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL"),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER"),
        ({**ENDPOINT, "OTEL_BSP_MAX_QUEUE_SIZE": "many"}, "OTEL_BSP_MAX_QUEUE_SIZE"),
        ({**ENDPOINT, "OTEL_BSP_MAX_QUEUE_SIZE": "7"}, "max_queue_size"),
    ],
)
def test_what_cannot_be_done_is_a_warning_and_the_service_starts(
    environment: Mapping[str, str], named: str, instruments: Instruments
) -> None:
    with capture_logs() as logs, open_tracing(environment, instruments), trace_span("a"):
        assert current_trace() is None
    assert [(line["log_level"], named in line["reason"]) for line in logs] == [("warning", True)]


def test_a_library_that_is_not_installed_is_a_warning(
    instruments: Instruments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with capture_logs() as logs, open_tracing(ENDPOINT, instruments):
        pass
    assert ["sloburn[otel]" in line["reason"] for line in logs] == [True]


def test_a_stop_does_not_wait_for_a_collector_that_hangs(instruments: Instruments) -> None:
    exporter = Stuck()
    with recorded_by(tracer_provider(exporter, instruments, 1000)), trace_span("sloburn.evaluate"):
        pass
    assert not exporter.go.is_set()
    exporter.go.set()
    wait_until(lambda: exported(instruments) == 1)


@pytest.mark.parametrize(
    ("given", "left"),
    [("b3", "none"), ("tracecontext, b3,baggage", "tracecontext,baggage"), ("none", "none"), ("", "")],
)
def test_formats_of_context_that_nobody_has_installed_are_left_out(given: str, left: str) -> None:
    environment = {"OTEL_PROPAGATORS": given}
    leave_out_unknown_propagators(environment)
    assert environment == {"OTEL_PROPAGATORS": left}
