"""Trouble in the middle of an incident: the service is killed, or Prometheus is away."""

from contextlib import suppress
from pathlib import Path

import pytest

from tests.acceptance.stack import Stack, stack
from tests.acceptance.timeline import Sight, all_clear, between, page

SLO = "checkout-availability"


def test_a_restart_amid_an_incident_neither_loses_nor_repeats_it(tmp_path: Path) -> None:
    """`kill -9` while the page is in force: the same alert goes on and ends once."""
    with stack(tmp_path) as running:
        line = running.timeline
        line.at(0, lambda: running.shop.breaks("checkout"))
        fired = line.want(between(1, 45), page(SLO))
        line.at(2, running.service.kill, after=fired)
        line.at(4, running.service.start, after=fired)
        again = line.want(between(5, 30), running.sees("alert.state", "firing"), after=fired)
        line.at(0, lambda: running.shop.mends("checkout"), after=again)
        ended = line.want(between(6, 60), all_clear(SLO), after=again)
        line.run()
        assert ended.alert["startsAt"] == fired.alert["startsAt"]
        assert running.deeds() == ["fired", "resolved"]
        _counts_equal_the_truth(running)


def test_an_incident_that_ends_while_the_service_is_down_resolves_once(tmp_path: Path) -> None:
    with stack(tmp_path) as running:
        line = running.timeline
        line.at(0, lambda: running.shop.breaks("checkout"))
        fired = line.want(between(1, 45), page(SLO))
        line.at(2, running.service.kill, after=fired)
        line.at(3, lambda: running.shop.mends("checkout"), after=fired)
        line.at(18, running.service.start, after=fired)
        ended = line.want(between(18, 60), all_clear(SLO), after=fired)
        line.run()
        assert ended.alert["startsAt"] == fired.alert["startsAt"]
        _counts_equal_the_truth(running)


def test_an_incident_that_begins_while_the_service_is_down_pages_after_it(tmp_path: Path) -> None:
    with stack(tmp_path) as running:
        line = running.timeline
        line.at(0, running.service.kill)
        line.at(1, lambda: running.shop.breaks("checkout"))
        line.at(12, running.service.start)
        line.want(between(12, 45), page(SLO))
        line.run()
        _counts_equal_the_truth(running)


@pytest.mark.parametrize(("takes_away", "brings_back"), [("kill", "start"), ("pause", "resume")])
def test_no_all_clear_while_prometheus_is_away(tmp_path: Path, takes_away: str, brings_back: str) -> None:
    """Killed or hung, an outage of the source freezes the page; then what was missed is counted, and it resolves."""
    with stack(tmp_path) as running:
        line = running.timeline
        line.at(0, lambda: running.shop.breaks("checkout"))
        fired = line.want(between(1, 45), page(SLO))
        line.at(1, getattr(running.prometheus, takes_away), after=fired)
        frozen = line.want(between(2, 40), running.sees("alert.state", "frozen"), after=fired)
        line.want(between(2, 40), running.sees("data", "stale"), after=fired)
        line.want(between(2, 40), running.is_unready("Prometheus does not answer"), after=fired)
        line.want(between(0, 5), Sight("still firing as a metric", lambda: _page_metric(running) == 1.0), after=frozen)
        line.at(0, lambda: running.shop.mends("checkout"), after=frozen)
        line.at(2, getattr(running.prometheus, brings_back), after=frozen)
        line.want(between(2, 40), running.is_ready(), after=frozen)
        ended = line.want(between(2, 60), all_clear(SLO), after=frozen)
        line.run()
        assert ended.alert["startsAt"] == fired.alert["startsAt"]
        assert [one["kind"] for one in running.transitions()][-4:] == ["fired", "frozen", "thawed", "resolved"]
        _counts_equal_the_truth(running)


def _page_metric(running: Stack) -> float | None:
    return running.metric(
        'slo_alert_firing{slo="checkout-availability",service="checkout",name="availability",severity="page"}'
    )


def _counts_equal_the_truth(running: Stack) -> None:
    """When the shop has closed, every request that was ever made is in the ledger, each once."""
    running.shop.closes()
    truth = running.shop.truth("checkout")
    wanted = {"good": truth.good, "bad": truth.bad, "total": truth.total}
    with suppress(TimeoutError):
        running.wait_until(running.sees("events", wanted), 20)
    assert running.slo()["events"] == wanted
