"""What operators do to a running service: stop it, and give it other documents."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from testbed.service import write_documents
from testbed.stack import AUTHORISED, Stack, document, stack
from testbed.timeline import Sight, all_clear, page

CHECKOUT, SEARCH = "checkout-availability", "search-availability"


@pytest.mark.parametrize("prometheus_hangs", [False, True])
def test_sigterm_under_load_ends_the_service_in_order(tmp_path: Path, *, prometheus_hangs: bool) -> None:
    with stack(tmp_path, documents=[document("checkout")]) as running:
        if prometheus_hangs:
            running.prometheus.pause()
        with _load(running.service.url) as answered:
            # More than a slot, so that one is under way.
            time.sleep(6)
            running.wait_until(Sight("there is load", lambda: answered[0] > 100))
            # A service that does not end by itself is killed, and has another exit code.
            code = running.service.stop(30)
        running.prometheus.resume()
        assert code == 0, running.service.log[-2000:]
        assert "stopped" in running.service.log
        assert "Traceback" not in running.service.log
        running.service.start()


def test_a_good_set_of_documents_is_taken_over_when_its_files_change(tmp_path: Path) -> None:
    """A new SLO appears, one that stays keeps its counts, one that goes away takes its series and its page along."""
    with stack(tmp_path, services=("checkout", "search"), env={"SLOBURN_WATCH_INTERVAL": "1s"}) as running:
        line = running.timeline
        line.at(0, lambda: running.shop.breaks("checkout"))
        fired = line.want(1, page(CHECKOUT))
        before: list[float] = []
        line.at(1, lambda: before.append(running.slo(SEARCH)["events"]["total"]), after=fired)
        line.at(1, lambda: _other_documents(running), after=fired)
        line.want(1, Sight("checkout is gone", lambda: not running.slo(CHECKOUT)), after=fired)
        line.want(1, running.sees("data", "fresh", slo_id="search-errors"), after=fired)
        ended = line.want(1, all_clear(CHECKOUT), after=fired)
        line.run()
        assert "This alert is closed because the SLO was removed." in ended.alert["annotations"]["description"]
        assert ended.alert["startsAt"] == fired.alert["startsAt"]
        metrics = running.get("/metrics").text
        assert 'slo="checkout-availability"' not in metrics
        assert 'slo="search-errors"' in metrics
        assert running.slo(SEARCH)["events"]["total"] >= before[0]
        assert running.metric("sloburn_config_last_reload_successful") == 1.0
        assert running.transitions(CHECKOUT)[-1]["reason"] == "the SLO was removed"
        assert "documents and receivers reloaded" in running.service.log


def test_a_bad_set_of_documents_is_refused_as_a_whole_and_many_signals_are_one_reload(tmp_path: Path) -> None:
    """By SIGHUP and over HTTP with the token: a metric and a log line say so, and the old set goes on."""
    with stack(tmp_path, documents=[document("checkout")]) as running:
        url = running.service.url + "/-/reload"
        assert httpx.post(url, trust_env=False).status_code == httpx.codes.UNAUTHORIZED
        assert httpx.get(url, trust_env=False).status_code == httpx.codes.METHOD_NOT_ALLOWED
        digest = running.get("/api/v1/status/config").json()["spec_digest"]
        write_documents([document("search")], running.specs)
        (running.specs / "typo.yaml").write_text("service: typo\nslos: [{name: x, objektive: 99}]\n")
        running.service.hang_up()
        refused = Sight("refused", lambda: running.metric("sloburn_config_last_reload_successful") == 0.0)
        running.wait_until(refused)
        assert "the old ones stay active" in running.service.log
        parts = ("error in documents or receivers", "field=slos[0].objektive", "typo.yaml", "line=2", "remedy=")
        assert any(all(part in line for part in parts) for line in running.service.log.splitlines())
        assert "the old ones stay active" in running.get("/").text

        answer = _reload(running)
        assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
        assert answer.headers["content-type"] == "application/problem+json"
        assert any("objektive" in error for error in answer.json()["errors"])
        assert running.slo()
        assert not running.slo(SEARCH)
        ticks = _ticks(running)
        running.wait_until(Sight("ticks go on", lambda: _ticks(running) > ticks))
        assert running.get("/api/v1/status/config").json()["spec_digest"] == digest
        assert "documents and receivers were not reloaded; the old ones stay active: " in running.reasons()
        assert "typo.yaml:2:" in running.reasons()

        (running.specs / "typo.yaml").unlink()
        taken = _reload(running)
        assert (taken.status_code, taken.json()) == (httpx.codes.OK, {"slos": 2})
        assert running.metric("sloburn_config_last_reload_successful") == 1.0
        assert running.get("/api/v1/status/config").json()["spec_digest"] != digest
        assert "not reloaded" not in running.reasons()
        _two_hundred_signals_are_one_reload(running)


def _two_hundred_signals_are_one_reload(running: Stack) -> None:
    before = running.service.log.count("documents and receivers reloaded")
    write_documents([document("cart")], running.specs)
    for _ in range(200):
        running.service.hang_up()
    running.wait_until(Sight("reloaded", lambda: bool(running.slo("cart-availability"))))
    ticks = _ticks(running)
    running.wait_until(Sight("ticks go on", lambda: _ticks(running) > ticks))
    assert running.service.log.count("documents and receivers reloaded") == before + 1


def _ticks(running: Stack) -> float:
    return running.metric("sloburn_evaluations_total") or 0.0


def _other_documents(running: Stack) -> None:
    (running.specs / "checkout.yaml").unlink()
    write_documents([document("search", names=("availability", "errors"))], running.specs)


def _reload(running: Stack) -> httpx.Response:
    return httpx.post(running.service.url + "/-/reload", headers=AUTHORISED, timeout=60.0, trust_env=False)


@contextmanager
def _load(url: str, threads: int = 4) -> Iterator[list[int]]:
    """Ask for everything, over and over; how many answers came."""
    answered, ended = [0], threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=url, timeout=60.0, trust_env=False) as client, suppress(httpx.TransportError):
            while not ended.is_set():
                for path in ("/api/v1/slos", "/metrics", f"/api/v1/slos/{CHECKOUT}/history", "/api/v1/alerts"):
                    client.get(path)
                    answered[0] += 1
                    time.sleep(0.02)

    asking = [threading.Thread(target=ask) for _ in range(threads)]
    for thread in asking:
        thread.start()
    try:
        yield answered
    finally:
        ended.set()
        for thread in asking:
            thread.join()
