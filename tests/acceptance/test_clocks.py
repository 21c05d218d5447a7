"""The clock is set, the machine sleeps, clocks differ: slots stay in order, counts stay true, and it is said."""

import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from testbed.process import Server
from testbed.servers import alertmanager, prometheus
from testbed.service import sloburn, write_documents
from testbed.shop import serving_shop
from testbed.sink import Sink
from testbed.stack import QUICK, Stack, document, stack, wait_for_reason
from testbed.timeline import Sight
from testbed.waiting import wait_until
from tests.support.faked_clock import FakedClock
from tests.support.soak import SOAK

ASLEEP_S = 600 if SOAK > 1 else 40
SLOT_S = 5


def test_a_clock_that_is_set_and_put_right_repeats_and_loses_nothing(tmp_path: Path) -> None:
    """Meanwhile no slot is ticked, which is said; afterwards ticks go on at once, and counts are the truth."""
    clock = FakedClock(tmp_path)
    with stack(tmp_path, env=clock.env) as running:
        for step in ("-2h", "+2h", *(("-15d", "+15d") if SOAK > 1 else ())):
            _ticks_on(running)
            clock.set(step)
            running.wait_until(running.is_unhealthy("the clock"))
            said = "the clock was set back" if step.startswith("-") else "the clock has leapt ahead"
            running.wait_until(_logs(running.service, said))
            before = _as_of(running)
            time.sleep(2 * SLOT_S)
            assert _as_of(running) == before
            if step.startswith("-"):
                running.service.kill()
                running.service.launch()
                wait_for_reason(running.service, said)
            clock.set("+0")
            running.wait_until(_agrees_with_prometheus(running))
            _ticks_on(running)
            assert before < _as_of(running) <= datetime.now(tz=UTC)
        running.assert_counts_are_the_truth("checkout")
        assert "Traceback" not in running.service.log


def test_a_machine_that_slept_pages_for_nothing_of_the_past(tmp_path: Path) -> None:
    """An incident that began and ended while we were asleep is counted, and nobody is woken for it."""
    with stack(tmp_path) as running:
        _ticks_on(running)
        running.service.pause()
        running.shop.breaks("checkout")
        time.sleep(5)
        running.shop.mends("checkout")
        # Past the longest window of the alerts, so that none burns when we wake.
        time.sleep(max(ASLEEP_S, 75) - 5)
        running.service.resume()
        running.wait_until(running.is_healthy())
        _ticks_on(running)
        assert running.metric("sloburn_evaluations_missed_total") >= 70 / SLOT_S - 2  # type: ignore[operator]
        assert running.deeds() == []
        assert running.slo()["events"]["bad"] > 100
        running.assert_counts_are_the_truth("checkout")
        assert not running.sink.received


@pytest.mark.parametrize("ours", ["-10m", "+10m"])
def test_clocks_that_differ_are_an_alarm(tmp_path: Path, ours: str) -> None:
    """Unhealthy, a metric, and a line in the log; alerts that have no data to judge by do not fire.

    A clock that was slow and is put right is believed at once: it is where Prometheus is.
    """
    clock = FakedClock(tmp_path)
    clock.set(ours)
    ahead = 600 if ours.startswith("-") else -600
    with (
        Sink() as sink,
        serving_shop(["checkout"]) as shop,
        alertmanager(sink.url) as pager,
        prometheus(tmp_path / "prometheus", scrape=[("shop", shop.url)]) as source,
        sloburn(
            source.url,
            write_documents([document("checkout")], tmp_path / "slos"),
            tmp_path / "service",
            alertmanager_url=pager.url,
            env={**QUICK, **clock.env},
            wait=False,
        ) as service,
    ):
        wait_for_reason(service, "the clock of Prometheus is")
        wait_for_reason(service, "the clock of alertmanager/")
        # A busy machine answers late, and that is taken for a part of the difference.
        assert _skew(service) == pytest.approx(ahead, abs=60)
        wait_until(lambda: "clock skew with Prometheus exceeds" in service.log, lambda: service.log[-2000:])
        # That no data is seen may be a ticket by now, where the machine is slow.
        assert not sink.alerts_with("firing", severity="page")
        if ours.startswith("-"):
            clock.set("+0")
            wait_until(lambda: "slots without an evaluation of their own" in service.log, lambda: service.log[-2000:])


def _agrees_with_prometheus(running: Stack) -> Sight:
    """Alertmanager is asked once a minute only; until then its clock is taken for the wrong one."""
    return Sight("clocks agree", lambda: not re.search("Prometheus|set back", running.reasons()))


def _ticks_on(running: Stack) -> None:
    start = _as_of(running)
    running.wait_until(Sight("two slots later", lambda: _as_of(running) >= start + timedelta(seconds=2 * SLOT_S)))


def _as_of(running: Stack) -> datetime:
    return datetime.fromisoformat(running.slo()["as_of"])


def _logs(service: Server, text: str) -> Sight:
    return Sight(f"the log says {text}", lambda: text in service.log)


def _skew(service: Server) -> float | None:
    page = httpx.get(service.url + "/metrics", timeout=60.0, trust_env=False).text
    lines = (line for line in page.splitlines() if line.startswith('sloburn_clock_skew_seconds{peer="prometheus"}'))
    return next((float(line.rpartition(" ")[2]) for line in lines), None)
