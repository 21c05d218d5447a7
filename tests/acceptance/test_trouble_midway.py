"""Trouble in the middle of an incident: the service is killed, or Prometheus is away."""

from pathlib import Path

import httpx
import pytest

from testbed.stack import Stack, stack
from testbed.timeline import Sight, all_clear, page
from tests.support.postgres import Postgres
from tests.support.soak import SOAK

AWAY_S = 20.0 * SOAK
CHECKOUT, SEARCH, CART = (f"{name}-availability" for name in ("checkout", "search", "cart"))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_restart_neither_loses_nor_repeats_an_incident(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    """`kill -9` while two pages are active: one incident goes on, one ends and a third begins while nobody looks."""
    env = {}
    if kind == "postgresql":
        server: Postgres = request.getfixturevalue("postgres_server")
        env["SLOBURN_DATABASE_URL"] = server.new_database()
    with stack(tmp_path, services=("checkout", "search", "cart"), env=env) as running:
        line = running.timeline
        line.at(0, lambda: running.shop.breaks("checkout"))
        line.at(0, lambda: running.shop.breaks("search"))
        line.want(1, page(SEARCH))
        fired = line.want(1, page(CHECKOUT))
        line.at(2, running.service.kill, after=fired)
        line.at(3, lambda: running.shop.mends("search"), after=fired)
        line.at(3, lambda: running.shop.breaks("cart"), after=fired)
        line.at(16, running.service.start, after=fired)
        line.want(16, page(CART), after=fired)
        line.want(16, all_clear(SEARCH), after=fired)
        again = line.want(16, running.sees("alert.state", "firing"), after=fired)
        line.at(6, lambda: running.shop.mends("checkout"), after=again)
        ended = line.want(6, all_clear(CHECKOUT), after=again)
        line.run()

        assert ended.alert["startsAt"] == fired.alert["startsAt"]
        assert (running.deeds(CHECKOUT), running.deeds(SEARCH)) == (["fired", "resolved"], ["fired", "resolved"])
        assert running.deeds(CART) == ["fired"]
        running.assert_counts_are_the_truth("checkout", "search", "cart")


def test_no_all_clear_while_prometheus_is_away(tmp_path: Path) -> None:
    """Hung and later killed: the page freezes each time; then what was missed is counted, and it resolves."""
    with stack(tmp_path) as running:
        line = running.timeline
        line.at(0, lambda: running.shop.breaks("checkout"))
        fired = line.want(1, page(CHECKOUT))
        line.at(1, running.prometheus.pause, after=fired)
        hung = line.want(2, running.sees("alert.state", "frozen"), after=fired)
        line.want(2, running.sees("data", "stale"), after=fired)
        line.want(2, running.is_unhealthy("Prometheus does not answer"), after=fired)
        line.want(0, Sight("it fires on as a metric", lambda: _page_metric(running) == 1.0), after=hung)
        line.at(1, running.prometheus.resume, after=hung)
        again = line.want(1, running.sees("alert.state", "firing"), after=hung)
        line.want(1, running.is_healthy(), after=hung)
        line.at(1, running.prometheus.kill, after=again)
        killed = line.want(2, running.sees("alert.state", "frozen"), after=again)
        line.at(0, lambda: running.shop.mends("checkout"), after=killed)
        line.at(1, running.prometheus.start, after=killed)
        line.want(1, running.is_healthy(), after=killed)
        ended = line.want(1, all_clear(CHECKOUT), after=killed)
        line.run()

        assert ended.alert["startsAt"] == fired.alert["startsAt"]
        kinds = [one["kind"] for one in running.transitions()]
        assert running.deeds() == ["fired", "resolved"]
        assert kinds[-2:] == ["unfrozen", "resolved"]
        assert kinds.count("frozen") >= 2
        running.assert_counts_are_the_truth("checkout")


@pytest.mark.soak
def test_no_all_clear_however_long_prometheus_is_away(tmp_path: Path) -> None:
    """For longer than an alert lives in Alertmanager that is not repeated (4 min), in `make soak`.

    The incident ends meanwhile, and nobody can know; everything that happened is told once Prometheus is back.
    """
    with stack(tmp_path) as running:
        line = running.timeline
        line.at(0, lambda: running.shop.breaks("checkout"))
        fired = line.want(1, page(CHECKOUT))
        line.at(1, running.prometheus.kill, after=fired)
        line.at(AWAY_S / 2, lambda: running.shop.mends("checkout"), after=fired)
        line.want(AWAY_S, Sight("Alertmanager has it", lambda: _asserted(running)), after=fired)
        line.at(AWAY_S, running.prometheus.start, after=fired)
        ended = line.want(AWAY_S, all_clear(CHECKOUT), after=fired)
        line.run()

        assert ended.alert["startsAt"] == fired.alert["startsAt"]
        kinds = [one["kind"] for one in running.transitions()]
        assert running.deeds() == ["fired", "resolved"]
        assert kinds[-2:] == ["unfrozen", "resolved"]
        running.assert_counts_are_the_truth("checkout")


def _asserted(running: Stack) -> bool:
    answer = httpx.get(f"{running.alertmanager.url}/api/v2/alerts?active=true", timeout=60.0, trust_env=False)
    return [alert["labels"]["slo"] for alert in answer.raise_for_status().json()] == [CHECKOUT]


def _page_metric(running: Stack) -> float | None:
    return running.metric(
        'slo_alert_firing{slo="checkout-availability",slo_service="checkout",slo_name="availability",severity="page"}'
    )
