"""`sloburn suggest` on a real Prometheus: over months that were imported, and over an exporter that has just begun."""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx2
import pytest
from typer.testing import CliRunner, Result

from app.cli import live
from app.cli import suggest as command
from app.clock import SystemClock
from app.prometheus import HttpConfig, Limits, open_client
from app.suggestions import Suggestions, suggest_slos
from testbed.http_thread import HttpThread, Quiet
from testbed.native_histograms import FLAGS, Histogram, remote_write
from testbed.openmetrics import create_blocks
from testbed.process import closed_port
from testbed.servers import prometheus
from testbed.waiting import PATIENCE_S, wait_until
from tests.suggestions.memory import MemoryExplorer, Series, Span, counter, gauge, histogram
from tests.suggestions.suggesting import WINDOW, Counted, alternatives, proposals, slis, suggestions
from tests.support.cli import app

NOW = datetime.fromtimestamp(time.time() // 300 * 300, UTC)
AHEAD = timedelta(hours=1)
"""Samples end so much later, so that a test may take a while."""
PATIENT = timedelta(seconds=PATIENCE_S)
FAST = {"0.1": 0.5, "0.25": 0.995, "1.0": 0.9999}
EXPOSITION = """
# TYPE http_server_request_duration_seconds histogram
http_server_request_duration_seconds_bucket{{http_response_status_code="200",http_route="/",le="0.1"}} {now}
http_server_request_duration_seconds_bucket{{http_response_status_code="200",http_route="/",le="+Inf"}} {now}
http_server_request_duration_seconds_count{{http_response_status_code="200",http_route="/"}} {now}
http_server_request_duration_seconds_sum{{http_response_status_code="200",http_route="/"}} {now}
# TYPE grpc_server_handled_total counter
grpc_server_handled_total{{grpc_code="OK",grpc_method="Get"}} {now}
grpc_server_handled_total{{grpc_code="Internal",grpc_method="Get"}} 3
# TYPE istio_requests_total counter
istio_requests_total{{reporter="destination",destination_service_name="carts",response_code="200"}} {now}
istio_requests_total{{reporter="source",destination_service_name="carts",response_code="200"}} {now}
# TYPE traefik_service_requests_total gauge
traefik_service_requests_total{{code="200",service="web"}} {depth}
# TYPE process_open_fds gauge
process_open_fds 40
# TYPE process_max_fds gauge
process_max_fds 1024
"""


def _series() -> list[Series]:
    span = Span(days=3.0, at=NOW + AHEAD)
    return [
        counter("http_requests_total", 1e5, span, job="shop", code="200", handler="/cart"),
        counter("http_requests_total", (20.0, 200.0, 40.0), span, job="shop", code="503", handler="/cart"),
        *histogram("http_request_duration_seconds", 1e5, FAST, span, job="shop", code="200"),
        *histogram("http_request_duration_seconds", 500, FAST, span, job="shop", code="503"),
        gauge("process_open_fds", lambda number: 30 + number % 7, span, job="shop"),
        gauge("process_max_fds", 1024, span, job="shop"),
        gauge("probe_success", lambda number: number % 300 != 0, span, job="probes", instance="a"),
        gauge("kube_deployment_spec_replicas", 3, span, job="ksm", namespace="web", deployment="a"),
        gauge("kube_deployment_status_replicas_unavailable", 0, span, job="ksm", namespace="web", deployment="a"),
    ]


@pytest.fixture
def imported(_imported: str, patient: None) -> str:  # noqa: ARG001  it waits while this is asked
    return _imported


@pytest.fixture
def scraping(_scraping: str, patient: None) -> str:  # noqa: ARG001  it waits while this is asked
    return _scraping


@pytest.fixture(scope="module")
def _imported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus with three days of samples, of types that it does not know."""
    data_dir = tmp_path_factory.mktemp("imported")
    create_blocks([one.samples for one in _series()], data_dir)
    with prometheus(data_dir) as server:
        yield server.url


class _Exporter(Quiet, BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        text = EXPOSITION.format(now=int(time.time() * 1e6), depth=5)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(text.encode())


@pytest.fixture(scope="module")
def _scraping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that scrapes an exporter of several instrumentations, and has a native histogram of half an hour."""
    with HttpThread(_Exporter) as exporter:
        scrape = [("exporter", f"{exporter.url}/metrics")]
        with prometheus(tmp_path_factory.mktemp("scraping"), scrape=scrape, flags=FLAGS) as server:
            minutes = range(int(time.time()) // 60 - 30, int(time.time()) // 60 + 1)
            samples = [
                # Bucket 0 ends at 1, bucket -2 at 0.25.
                Histogram(time_ms=minute * 60_000, buckets={-2: 995 * number, 0: 5 * number}, schema=0)
                for number, minute in enumerate(minutes, 1)
            ]
            labels = {"__name__": "http_request_duration_seconds", "job": "native", "code": "200"}
            remote_write(server, [(labels, samples)])
            with httpx2.Client(base_url=server.url, timeout=60) as http:
                wait_until(lambda: http.get("/api/v1/metadata", params={"metric": "process_open_fds"}).json()["data"])
                newest = {"query": "count_over_time(process_open_fds[1m]) >= 2"}
                wait_until(lambda: http.get("/api/v1/query", params=newest).json()["data"]["result"])
            yield server.url


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands wait for a server that is there, however busy the machine is."""
    monkeypatch.setattr(command, "_FIRST_ANSWER_S", PATIENCE_S)
    monkeypatch.setattr(live, "_FIRST_ANSWER_S", PATIENCE_S)
    monkeypatch.setattr(live, "_DEADLINE_S", PATIENCE_S)


def run(*args: str | Path, columns: int = 80) -> Result:
    return CliRunner().invoke(app, list(map(str, args)), env={"COLUMNS": str(columns)})


def asked(url: str, at: datetime, days: int) -> Suggestions:
    """What is suggested for a real Prometheus."""

    async def ask() -> Suggestions:
        async with open_client(HttpConfig(url=url), clock=SystemClock(), limits=Limits(timeout=PATIENT)) as client:
            return await suggest_slos(client, at=at, days=days, window=WINDOW, most_services=10, progress=Counted())

    return asyncio.run(ask())


def test_a_real_prometheus_and_the_one_in_memory_lead_to_the_same_suggestions(imported: str) -> None:
    real, memory = asked(imported, NOW, 3), suggestions(MemoryExplorer(_series()), days=3, at=NOW)

    assert slis(real) == slis(memory)
    assert set(alternatives(real)) == set(alternatives(memory))
    for slo, expected in proposals(memory).items():
        found = proposals(real)[slo]
        assert found.objective.objective == expected.objective.objective
        assert found.counts.total == pytest.approx(expected.counts.total, rel=0.02)
        assert found.counts.bad == pytest.approx(expected.counts.bad, rel=0.05, abs=3)


def test_the_document_passes_check_and_check_live_without_a_wrong_hint(imported: str, tmp_path: Path) -> None:
    file = tmp_path / "suggested.yaml"
    result = run("suggest", "--prometheus-url", imported, "-o", file, "--days", "2")
    lines = result.stderr.splitlines()
    assert re.fullmatch(r"\d+ SLOs (and \d+ alternatives? )?for \d+ services, from 2 days of history:", lines[0])
    assert lines[-1] == f"next: sloburn check --live {file}"

    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    assert [line for line in result.stderr.splitlines() if len(line) > 80 and line.count("  ") > 2] == []
    document = json.loads(run("check", "--live", "--prometheus-url", imported, "--format", "json", file).stdout)
    assert document["errors"] == []
    assert [hint["code"] for hint in document["hints"]] == ["no_receiver"]
    # A runbook is to be written by those who know the service.
    assert {warning["code"] for warning in document["warnings"]} == {"no_runbook"}
    assert "shop-availability" in document["slos"]


def test_an_exporter_that_has_just_begun_gives_conventional_objectives(scraping: str, tmp_path: Path) -> None:
    """Several instrumentations of one job, of which a gauge has the name of a counter; and a native histogram."""
    result = run("suggest", "--prometheus-url", scraping, "--format", "json")

    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    slos = {slo["id"]: slo for service in found["services"] for slo in service["slos"]}
    assert {
        "exporter-http-availability",
        "exporter-grpc-availability",
        "carts-availability",
        "exporter-open-files",
        "native-availability",
        "native-latency",
    } <= set(slos)
    assert {slo["basis"] for slo in slos.values()} <= {"short_history", "no_history"}
    assert any("traefik_service_requests_total is a gauge" in text for text in found["unreadable"])
    assert slos["native-latency"]["bound"] == 0.25
    file = tmp_path / "suggested.yaml"
    file.write_text(found["document"])
    assert "histogram_count(sum(rate(http_request_duration_seconds" in found["document"]
    checked = json.loads(run("check", "--live", "--prometheus-url", scraping, "--format", "json", file).stdout)
    assert checked["errors"] == []
    assert {warning["code"] for warning in checked["warnings"]} == {"no_runbook"}
    # What has not failed yet is said, which is right, and so is a retention that is short.
    assert {hint["code"] for hint in checked["hints"]} <= {"bad_never_matched", "short_retention", "no_receiver"}


def test_a_job_or_a_selector_chooses_and_the_table_can_be_had_alone(imported: str) -> None:
    result = run("suggest", '{namespace="web"}', "--prometheus-url", imported, "--format", "table", "--days", "1")

    assert result.exit_code == 0, result.stderr
    assert "deployment-replicas" in result.stdout
    assert "availability" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_a_prometheus_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_FIRST_ANSWER_S", 0.1)
    result = run("suggest", "--prometheus-url", f"http://127.0.0.1:{closed_port()}")

    assert result.exit_code == 1
    assert "--prometheus-url or SLOBURN_PROMETHEUS_URL" in result.stderr


def test_what_it_ends_with(imported: str, tmp_path: Path) -> None:
    """1 where nothing is recognised, 2 for mistakes in flags and for a file that exists."""
    exists = tmp_path / "exists.yaml"
    exists.write_text("kept")

    assert run("suggest", "--job", "nobody", "--prometheus-url", imported).exit_code == 1
    assert run("suggest", "up{", "--prometheus-url", imported).exit_code == 2
    assert run("suggest", "--days", "0").exit_code == 2
    assert run("suggest", "--format", "xml").exit_code == 2
    assert run("suggest", "--prometheus-url", imported, "-o", exists).exit_code == 2
    assert exists.read_text() == "kept"
    assert run("suggest", "--prometheus-url", imported, "--days", "1", "-o", exists, "--force").exit_code == 0
    assert exists.read_text() != "kept"
