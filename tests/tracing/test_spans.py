"""What is traced, by an exporter in memory; and what tracing that is off costs."""

import ast
import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import structlog
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from app.delivery import DeliveryLoop, StoredOutbox
from app.delivery.outcome import Failed, FailureReason
from app.http.secrets import FixedSecret
from app.integrations.heartbeat import Heartbeat
from app.integrations.webhook.notifier import Webhook, WebhookOptions
from app.metrics import BuildInfo, Exposition, Instruments
from app.remote_write import RemoteWriteOptions
from app.service.logs import configure_logging
from app.settings import LogFormat, LogLevel
from app.status import Board
from app.store import Database, open_database
from app.store.outbox import enqueue, waiting
from app.tracing import spans, trace_child, trace_span
from testbed.process import closed_port
from testbed.waiting import reaches
from tests.evaluation.memory import MemorySource
from tests.evaluation.plain import availability, counter, requests, slos
from tests.evaluation.running import Running
from tests.remote_write.receiver import WriteReceiver
from tests.remote_write.writing import Writing
from tests.support.api import Served, listening
from tests.support.fake_receivers import FakeReceiver, RecordingInstruments, SkewedClock
from tests.support.notifications import firing
from tests.support.otlp import recording
from tests.support.receiver_harness import WRITER, deliver, outgoing
from tests.support.scripted_server import Scripted

NOW = 1_800_000_000
APP = Path(__file__).parents[2] / "app"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path}/sloburn.db")
    yield opened
    opened.close()


def a_source() -> MemorySource:
    return MemorySource([counter(requests("shop"), (NOW - 3600, NOW + 3600))])


def test_an_evaluation_is_one_tree(tmp_path: Path) -> None:
    with (
        Running(slos([availability("shop")], tmp_path / "slos"), a_source(), tmp_path / "db") as one,
        recording() as seen,
    ):
        one.tick(NOW)
    roots = [span for span in seen.spans if not span.parent]
    assert [root.name for root in roots] == ["sloburn.evaluate"]
    tree = seen.tree(roots[0])
    assert list(tree) == ["sloburn.ask", "sloburn.count", "sloburn.judge", "sloburn.write"]
    assert {span.name for span in seen.spans if span.name.endswith("ledger_row")} == {
        "SELECT ledger_row",
        "INSERT ledger_row",
    }
    assert {span.trace for span in seen.spans} == {roots[0].trace}
    assert roots[0].attributes["sloburn.slot"] == datetime.fromtimestamp(NOW, UTC).isoformat()


def test_remote_write_is_a_trace_for_each_request(tmp_path: Path) -> None:
    with (
        Running(slos([availability("shop")], tmp_path / "slos"), a_source(), tmp_path / "db") as one,
        WriteReceiver() as to,
    ):
        wanted = RemoteWriteOptions(url=f"{to.url}/api/v1/write", history=timedelta(0))
        with closing(Writing(one, wanted)) as writing, recording() as seen:
            writing.evaluate(NOW)
            to.answer = lambda _samples: (500, "")
            writing.evaluate(NOW + 30)
    sent = [span for span in seen.spans if span.name == "sloburn.remote_write"]
    assert [(span.parent, span.failed) for span in sent] == [("", False), ("", True)]
    assert int(sent[0].attributes["sloburn.samples"]) > 0
    assert list(seen.tree(sent[0])) == ["POST"]
    assert to.url not in str(seen.spans)


def test_a_heartbeat_is_a_trace_that_names_no_path() -> None:
    async def beat(server: Scripted) -> None:
        for url in (f"{server.url}/ping/secret-4711", f"http://127.0.0.1:{closed_port()}/secret-4711"):
            heartbeat = Heartbeat(FixedSecret(url), every=timedelta(minutes=1), outgoing=outgoing(), is_healthy=bool)
            await heartbeat.beat()
            await heartbeat.aclose()

    with Scripted() as server, recording() as seen:
        asyncio.run(beat(server))
    beats = [span for span in seen.spans if span.name == "sloburn.heartbeat"]
    assert [(span.parent, span.failed) for span in beats] == [("", False), ("", True)]
    assert list(seen.tree(beats[0])) == ["POST"]
    assert "4711" not in str(seen.spans)


def test_a_source_that_fails_does_not_end_the_trace(tmp_path: Path) -> None:
    def fault(_expr: str) -> None:
        raise ValueError("secret-4711")

    source = MemorySource([], fault=fault)
    with (
        Running(slos([availability("shop")], tmp_path / "slos"), source, tmp_path / "db") as one,
        recording() as seen,
        pytest.raises(ValueError, match="4711"),
    ):
        one.tick(NOW)
    ask, root = (next(span for span in seen.spans if span.name == f"sloburn.{name}") for name in ("ask", "evaluate"))
    assert (ask.failed, root.failed) == (True, True)
    assert ask.attributes["error.type"] == "ValueError"
    assert "4711" not in repr(seen.spans)


def test_a_delivery_leads_to_the_evaluation_that_decided_it(database: Database) -> None:
    receiver, outbox = FakeReceiver("chat"), StoredOutbox(database=database)
    receiver.script = [Failed(reason=FailureReason.UNREACHABLE, detail="secret-4711")]
    loop = DeliveryLoop(outbox=outbox, receivers=[receiver], clock=SkewedClock(), instruments=RecordingInstruments())

    async def play() -> None:
        with trace_span("sloburn.evaluate"), database.begin() as tx:
            enqueue(tx, [firing()], receivers=["chat"], at=datetime.now(tz=UTC))
        running = asyncio.create_task(loop.run())
        await reaches(lambda: len(seen.spans) and receiver.delivered)
        loop.stop()
        await running

    with recording() as seen:
        asyncio.run(play())
    evaluation = next(span for span in seen.spans if span.name == "sloburn.evaluate")
    first, second = [span for span in seen.spans if span.name == "sloburn.deliver"]
    assert first.links == second.links == [evaluation.trace]
    assert (first.trace == evaluation.trace, first.parent) == (False, "")
    assert (first.failed, first.attributes["error.type"]) == (True, "unreachable")
    assert (second.failed, second.attributes["sloburn.receiver"]) == (False, "chat")
    assert "UPDATE outbox" in seen.tree(second)
    # Looking into the outbox again and again is no trace.
    assert {span.name for span in seen.spans if not span.parent} == {"sloburn.evaluate", "sloburn.deliver"}
    assert "4711" not in repr(seen.spans)


@pytest.mark.parametrize("wanted", [False, True])
def test_only_a_webhook_that_asks_for_it_gets_the_ids_of_the_trace(wanted: bool) -> None:
    with Scripted() as server, recording() as seen:
        options = WebhookOptions(url=FixedSecret(f"{server.url}/secret-4711?key=4711"), trace_context=wanted)
        webhook = Webhook("team", options, outgoing=outgoing(), writer=WRITER, clock=SkewedClock())
        with trace_span("sloburn.deliver"):
            deliver(lambda: webhook, [firing()])
        headers = server.requests[0].headers
    request = next(span for span in seen.spans if span.name == "POST")
    root = next(span for span in seen.spans if span.name == "sloburn.deliver")
    assert headers.get("traceparent") == (f"00-{root.trace}-{root.id}-01" if wanted else None)
    assert request.attributes["server.address"] == "127.0.0.1"
    assert request.attributes["http.response.status_code"] == "200"
    assert "4711" not in repr(seen.spans)


def test_a_request_is_a_trace_and_its_query_is_no_part_of_it() -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with (
        recording() as seen,
        listening(Served(telemetry=seen.telemetry).app()) as url,
        httpx.Client(base_url=url, trust_env=False, headers={"traceparent": parent}) as client,
    ):
        assert client.get("/api/v1/slos", params={"q": "secret-4711"}).status_code == 200
        assert client.get("/metrics").status_code == client.get("/-/healthy").status_code == 200
    (request,) = seen.spans
    assert request.name == "GET /api/v1/slos"
    assert request.trace == parent.split("-")[1]
    assert request.attributes["http.response.status_code"] == "200"
    assert "4711" not in repr(seen.spans)


def test_a_log_line_and_an_exemplar_lead_to_the_trace(capsys: pytest.CaptureFixture[str]) -> None:
    instruments = Instruments(build=BuildInfo.current())
    with recording() as seen:
        configure_logging(LogFormat.JSON, LogLevel.INFO)
        try:
            with trace_span("sloburn.evaluate"):
                structlog.get_logger("x").info("notified")
                instruments.evaluated(0.2, datetime.fromtimestamp(NOW, UTC))
            structlog.get_logger("y").info("stopped")
        finally:
            structlog.reset_defaults()
    (span,) = seen.spans
    inside, outside = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (inside["trace_id"], inside["span_id"]) == (span.trace, span.id)
    assert "trace_id" not in outside
    exposition = Exposition(Board(), instruments)
    page = exposition.render(accept="application/openmetrics-text; version=1.0.0").body.decode()
    exemplars = [
        sample.exemplar.labels
        for family in parse_openmetrics(page)  # type: ignore[no-untyped-call]
        for sample in family.samples
        if sample.exemplar
    ]
    assert exemplars == [{"trace_id": span.trace, "span_id": span.id}]
    assert span.trace not in exposition.render().body.decode()


def test_without_traces_nothing_is_recorded_and_stored(database: Database) -> None:
    assert trace_span("a") is trace_child("b") is spans._NO_SPAN
    with trace_span("sloburn.evaluate"), database.begin() as tx:
        enqueue(tx, [firing()], receivers=["chat"], at=datetime.now(tz=UTC))
        assert [entry.traceparent for entry in waiting(tx, "chat")] == [None]


def test_an_evaluation_has_as_many_spans_for_a_hundred_slos_as_for_one(tmp_path: Path) -> None:
    """So that what each costs, a function call while nothing is traced, does not grow with them."""
    counts = []
    for count in (1, 100):
        wanted = slos([availability(f"shop{number}") for number in range(count)], tmp_path / f"slos{count}")
        with Running(wanted, MemorySource([]), tmp_path / f"db{count}") as one, recording() as seen:
            one.tick(NOW)
        counts.append(sum(span.name.startswith("sloburn.") for span in seen.spans))
    assert counts == [5, 5]


def test_opentelemetry_is_imported_where_traces_are_recorded_only() -> None:
    """The SDK and the exporter take 0.3 s and 20 MB: a service without traces never imports them."""
    texts = {str(file.relative_to(APP)): file.read_text() for file in APP.rglob("*.py")}
    modules = {file: ast.parse(text).body for file, text in texts.items() if re.search("opentelemetry|otel", text)}
    imported = {
        file
        for file, body in modules.items()
        for node in body
        if isinstance(node, ast.Import | ast.ImportFrom)
        if (getattr(node, "module", None) or node.names[0].name).startswith("opentelemetry")
    }
    assert imported == {"service/otel/export.py", "service/otel/recorder.py"}
    importers = {
        file
        for file, body in modules.items()
        for node in body
        if isinstance(node, ast.ImportFrom) and node.module in {"app.service.otel.export", "app.service.otel.recorder"}
    }
    assert importers == set()
