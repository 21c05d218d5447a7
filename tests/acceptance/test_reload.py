"""Receivers and routes that are changed while an alert is on its way."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from testbed.service import write_documents
from testbed.stack import AUTHORISED, Stack, document, stack
from testbed.timeline import Sight
from tests.remote_write.receiver import WriteReceiver
from tests.support.scripted_server import Reply, Scripted


def _write(file: Path, receivers: Mapping[str, Scripted], beats: Scripted, **more: Any) -> None:
    """The configuration that tells every one of *receivers* of everything."""
    named = [{"name": name, "webhook": {"url": hook.url}} for name, hook in receivers.items()]
    beat = {"url": beats.url, "every": "1s"}
    file.write_text(json.dumps({"receivers": named, "default": list(receivers), "heartbeat": beat, **more}, indent=1))


def _statuses(hook: Scripted) -> list[str]:
    return [body["status"] for body in hook.bodies]


def test_receivers_change_while_an_alert_is_on_its_way(tmp_path: Path) -> None:
    """What the old receiver never took the new one is told; a file with a mistake changes nothing at all."""
    file = tmp_path / "sloburn.yaml"
    with ExitStack() as servers:
        dead, new, before, after = (
            servers.enter_context(server)
            for server in (Scripted(otherwise=Reply(status=503)), Scripted(), Scripted(), Scripted())
        )
        _write(file, {"dead": dead}, before)
        running = servers.enter_context(stack(tmp_path, services=("checkout",), env={"SLOBURN_CONFIG": str(file)}))
        running.shop.breaks("checkout")
        running.wait_until(Sight("the page fails", lambda: bool(dead.requests)))

        figures = servers.enter_context(WriteReceiver())
        _write(file, {"new": new}, after, remote_write=[{"url": f"{figures.url}/write"}])
        running.service.hang_up()
        running.wait_until(Sight("the new one is told", lambda: _statuses(new) == ["firing"]))
        running.wait_until(Sight("the heart beats at the new place", lambda: bool(after.requests)))
        running.wait_until(Sight("figures are sent", lambda: bool(figures.of("slo_alert_firing"))))
        # The new one is told by the routes, at once; what waited for the old one is seen to once that has stopped.
        running.wait_until(
            Sight("a dead letter", lambda: bool(running.get("/api/v1/notifications/dead").json()["items"]))
        )
        (letter,) = running.get("/api/v1/notifications/dead").json()["items"]
        assert letter["receiver"] == "dead"
        assert letter["error"] == "this receiver is no longer configured; notified instead: alertmanager, new"
        said = "waited for a receiver that is no longer configured"
        running.wait_until(Sight("the log says it", lambda: said in running.service.log))
        taken = 'sloburn_notifications_total{receiver="new"}'
        running.wait_until(Sight("the new one has taken it", lambda: running.metric(taken) == 1.0))

        _refused_as_a_whole(running, file, new, after)
        # As on a full disk: nobody has asked for no receivers.
        good = file.read_text()
        file.write_text("")
        assert "is empty" in str(_reload(running).json()["errors"])
        file.write_text(good)
        file.unlink()
        assert "cannot be read" in str(_reload(running).json()["errors"])

        running.shop.mends("checkout")
        running.wait_until(Sight("the new one is told of the end", lambda: _statuses(new) == ["firing", "resolved"]))
        beats, later = len(before.requests), len(after.requests)
        running.wait_until(Sight("the heart beats on", lambda: len(after.requests) > later))
        assert len(before.requests) == beats


def test_an_alertmanager_that_a_reload_drops_is_told_that_alerts_end_there(tmp_path: Path) -> None:
    """The alert fires on, for the receiver that the routes name now; at the old one it is over at once."""
    file = tmp_path / "sloburn.yaml"
    with Scripted() as new, Scripted() as beats, ExitStack() as servers:
        _write(file, {"new": new}, beats, default=["alertmanager"])
        running = servers.enter_context(stack(tmp_path, services=("checkout",), env={"SLOBURN_CONFIG": str(file)}))
        running.shop.breaks("checkout")
        running.wait_until(Sight("the pager rings", lambda: _paged(running, "firing")))

        # Named for something else: where nothing names it, it gets every alert.
        elsewhere = {"match": {"service": ["other"]}, "receivers": ["alertmanager"]}
        _write(file, {"new": new}, beats, routes=[elsewhere])
        assert _reload(running).status_code == httpx.codes.OK
        # An alert that is not repeated expires after four minutes: this is sooner.
        running.wait_until(Sight("it is over at the old one", lambda: _paged(running, "resolved")))
        assert running.alert()["state"] == "firing"


def _paged(running: Stack, status: str) -> bool:
    return bool(running.sink.alerts_with(status, slo="checkout-availability", severity="page"))


def _refused_as_a_whole(running: Stack, file: Path, new: Scripted, beats: Scripted) -> None:
    """Good documents beside a bad file of receivers change nothing, nor do good receivers beside bad documents."""
    good = file.read_text()
    write_documents([document("search")], running.specs)
    _write(file, {"new": new}, beats, recievers=[])
    answer = _reload(running)
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert any("sloburn.yaml:" in error and "recievers" in error for error in answer.json()["errors"])
    assert running.metric("sloburn_config_last_reload_successful") == 0.0
    assert "the old ones stay active" in running.service.log
    assert not running.slo("search-availability")
    file.write_text(good)
    (running.specs / "search.yaml").write_text("service: search\nslos: [{name: x, objektive: 99}]\n")
    assert _reload(running).status_code == httpx.codes.UNPROCESSABLE_ENTITY
    write_documents([document("search")], running.specs)
    assert _reload(running).json() == {"slos": 2}
    assert running.metric("sloburn_config_last_reload_successful") == 1.0


def _reload(running: Stack) -> httpx.Response:
    return httpx.post(running.service.url + "/-/reload", headers=AUTHORISED, timeout=60.0, trust_env=False)
