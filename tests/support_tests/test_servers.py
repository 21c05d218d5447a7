"""The servers that tests stand on start, answer, can be hurt, and end."""

from pathlib import Path

import httpx
import pytest

from testbed.servers import NotReadyError, Server, Sink, alertmanager, free_port, prometheus


def test_a_prometheus_answers_keeps_its_port_over_a_restart_and_ends(tmp_path: Path) -> None:
    with prometheus(tmp_path / "data") as server:
        url, pid = server.url, server.pid
        server.restart()
        assert (server.url, server.pid != pid) == (url, True)
        assert httpx.get(f"{url}/api/v1/query", params={"query": "1"}).json()["status"] == "success"
        assert server.cpu_seconds() >= 0
        assert server.resident_bytes() > 0
    assert not server.running
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{url}/-/ready")


def test_a_paused_server_hangs_until_it_is_resumed(tmp_path: Path) -> None:
    with prometheus(tmp_path / "data") as server:
        server.pause()
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{server.url}/-/ready", timeout=0.3)
        server.resume()
        server.wait_ready()


def test_an_alert_reaches_the_sink_through_a_real_alertmanager() -> None:
    with Sink() as sink, alertmanager(sink.url) as server:
        alert = {"labels": {"alertname": "ErrorBudgetBurn", "slo": "checkout"}}
        httpx.post(f"{server.url}/api/v2/alerts", json=[alert]).raise_for_status()
        sink.wait_for(lambda it: bool(it.alerts_with("firing", slo="checkout")))


def test_a_sink_that_refuses_keeps_what_it_refused_apart() -> None:
    with Sink() as sink:
        sink.status = 500
        assert httpx.post(sink.url, json={"a": 1}).status_code == 500
        assert (sink.received, [request.body for request in sink.refused]) == ([], [{"a": 1}])


def test_a_server_that_ends_at_once_is_reported_with_its_log(tmp_path: Path) -> None:
    broken = Server(
        name="broken", command=["sh", "-c", "echo why; exit 3"], port=free_port(), log_path=tmp_path / "log"
    )
    with pytest.raises(NotReadyError, match=r"broken ended with 3:\s+why"):
        broken.start()
