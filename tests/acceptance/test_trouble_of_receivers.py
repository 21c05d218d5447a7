"""Those who are told are in trouble: killed, hanging, slow, or refusing."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from testbed.servers import alertmanager
from testbed.sink import Sink
from testbed.stack import Stack, stack
from testbed.timeline import News, Sight, all_clear, page

CHECKOUT = "checkout-availability"
_FOR_EVER_S = 600.0


def test_an_incident_that_ends_while_alertmanager_is_dead_ends_there_once_it_is_back(tmp_path: Path) -> None:
    """It has forgotten whom it told: it tells again that the alert fires, and then that it is over."""
    with stack(tmp_path) as running:
        line = running.timeline
        line.at(0, lambda: running.shop.breaks("checkout"))
        fired = line.want(1, page(CHECKOUT))
        line.at(1, running.alertmanager.kill, after=fired)
        line.at(2, lambda: running.shop.mends("checkout"), after=fired)
        over = line.want(2, running.sees("alert.state", "inactive"), after=fired)
        line.at(1, running.alertmanager.start, after=over)
        again = line.want(1, page(CHECKOUT), after=over)
        # A receiver behind a group_wait of 30 s must have heard of it before it ends.
        ended = line.want(1, all_clear(CHECKOUT), after=again)
        line.run()

        assert running.deeds() == ["fired", "resolved"]
        assert fired.alert["startsAt"] == again.alert["startsAt"] == ended.alert["startsAt"]
        assert _active(running) == []


def test_an_alertmanager_that_was_restarted_in_an_incident_hears_of_its_end(tmp_path: Path) -> None:
    with stack(tmp_path) as running:
        line = running.timeline
        line.at(0, lambda: running.shop.breaks("checkout"))
        fired = line.want(1, page(CHECKOUT))
        line.at(1, running.alertmanager.kill, after=fired)
        line.at(4, running.alertmanager.start, after=fired)
        line.at(8, lambda: running.shop.mends("checkout"), after=fired)
        # Either repeated once it was seen to be back, or asserted anew before the end.
        again = line.want(4, page(CHECKOUT), after=fired)
        ended = line.want(8, all_clear(CHECKOUT), after=fired)
        line.run()

        assert again.came_at is not None
        assert ended.came_at is not None
        assert again.came_at < ended.came_at
        assert running.deeds() == ["fired", "resolved"]
        assert _active(running) == []


def test_one_of_three_alertmanagers_that_hangs_delays_no_page_and_learns_of_all(tmp_path: Path) -> None:
    with ExitStack() as more:
        sinks = [more.enter_context(Sink()) for _ in range(2)]
        hanging, other = (more.enter_context(alertmanager(sink.url)) for sink in sinks)
        running = more.enter_context(stack(tmp_path, other_alertmanagers=(hanging, other)))
        line = running.timeline
        line.at(0, hanging.pause)
        line.at(0, lambda: running.shop.breaks("checkout"))
        firing = line.want(1, running.sees("alert.state", "firing"))
        fired = line.want(1, page(CHECKOUT))
        line.want(0, _hears(sinks[1], "firing"), after=firing)
        line.at(12, hanging.resume, after=fired)
        # What fires is repeated every minute.
        learnt = line.want(12, _hears(sinks[0], "firing"), after=fired)
        line.at(0, lambda: running.shop.mends("checkout"), after=learnt)
        ended = line.want(1, all_clear(CHECKOUT), after=learnt)
        for sink in sinks:
            line.want(0, _hears(sink, "firing", "resolved"), after=ended)
        line.run()
        for sink in sinks:
            assert {alert["startsAt"] for alert in sink.alerts} == {fired.alert["startsAt"]}


def test_receivers_in_trouble_delay_no_other_and_hear_all_in_order_once_it_is_over(tmp_path: Path) -> None:
    """Slow, hanging, 429, 500; and one that refuses what we say, whose fallback hears it instead."""
    with _webhooks("slow", "hanging", "limited", "broken", "refusing", "spare") as sinks:
        sinks["slow"].delay_s, sinks["hanging"].delay_s = 3.0, _FOR_EVER_S
        sinks["limited"].status, sinks["broken"].status, sinks["refusing"].status = 429, 500, 400
        config = _config(tmp_path, sinks, fallbacks={"refusing": "spare"})
        with stack(tmp_path, env={"SLOBURN_CONFIG": str(config)}) as running:
            line = running.timeline
            line.at(0, lambda: running.shop.breaks("checkout"))
            firing = line.want(1, running.sees("alert.state", "firing"))
            fired = line.want(1, page(CHECKOUT))
            line.want(0, _hears(sinks["spare"], "firing"), after=firing)
            line.want(0, _hears(sinks["slow"], "firing"), after=firing)
            # What the refusing receiver was never told is an alert of its own, checked once a minute.
            line.want(0, News("firing", {"alertname": "SloburnNotificationsGivenUp"}), after=fired)
            # Nobody waits for the one that hangs: it has not been given up yet when the others have heard.
            hung_on: list[float] = []
            line.at(0, lambda: hung_on.append(running.metric(_failures("hanging", "timeout")) or 0), after=fired)
            line.at(15, lambda: _recover(sinks), after=fired)
            for name in ("hanging", "limited", "broken"):
                line.want(15, _hears(sinks[name], "firing"), after=fired)
            line.at(25, lambda: running.shop.mends("checkout"), after=fired)
            ended = line.want(25, all_clear(CHECKOUT), after=fired)
            for name in set(sinks) - {"refusing"}:
                line.want(0, _hears(sinks[name], "firing", "resolved"), after=ended)
            line.run()

            assert hung_on == [0]
            for name in ("limited", "broken"):
                tried = [one.headers["Idempotency-Key"] for one in sinks[name].refused]
                assert tried
                assert set(tried) == {sinks[name].received[0].headers["Idempotency-Key"]}
            assert _statuses(sinks["refusing"].refused) == ["firing", "resolved"]
            letters = running.get("/api/v1/notifications/dead").json()["items"]
            assert [(one["receiver"], one["status"]) for one in letters] == [
                ("refusing", "resolved"),
                ("refusing", "firing"),
            ]
            for receiver, reason in (("hanging", "timeout"), ("limited", "rate_limited"), ("broken", "server_error")):
                assert (running.metric(_failures(receiver, reason)) or 0) >= 1


@contextmanager
def _webhooks(*names: str) -> Iterator[dict[str, Sink]]:
    with ExitStack() as running:
        yield {name: running.enter_context(Sink()) for name in names}


def _config(folder: Path, sinks: Mapping[str, Sink], *, fallbacks: Mapping[str, str]) -> Path:
    """The configuration of webhooks; everybody is told of everything but those who are a fallback."""
    receivers: list[dict[str, Any]] = [
        {"name": name, "webhook": {"url": sink.url}, "timeout": "10s"} for name, sink in sinks.items()
    ]
    for receiver in receivers:
        if receiver["name"] in fallbacks:
            receiver["fallback"] = fallbacks[receiver["name"]]
    told = [name for name in sinks if name not in fallbacks.values()]
    path = folder / "sloburn.yaml"
    path.write_text(json.dumps({"receivers": receivers, "default": [*told, "alertmanager"]}))
    return path


def _failures(receiver: str, reason: str) -> str:
    return f'sloburn_notifications_failed_total{{reason="{reason}",receiver="{receiver}"}}'


def _recover(sinks: Mapping[str, Sink]) -> None:
    for name in ("slow", "hanging", "limited", "broken"):
        sinks[name].delay_s, sinks[name].status = 0.0, 200


def _hears(sink: Sink, *statuses: str) -> Sight:
    return Sight(f"{sink.url} hears {statuses}", lambda: _told(sink)[: len(statuses)] == list(statuses))


def _told(sink: Sink) -> list[str]:
    return [alert["status"] for alert in sink.alerts]


def _statuses(refused: list[Any]) -> list[str]:
    return [alert["status"] for one in refused for alert in one.body["alerts"]]


def _active(running: Stack) -> list[Any]:
    answer = httpx.get(f"{running.alertmanager.url}/api/v2/alerts?active=true", timeout=60.0, trust_env=False)
    return list(answer.raise_for_status().json())
