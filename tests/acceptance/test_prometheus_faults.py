"""While a page is active, Prometheus fails in one way after another: it freezes each time, and nothing is lost."""

from functools import partial
from pathlib import Path

import pytest

from testbed.fault_proxy import HTML, Fault, FaultProxy, Hang, Reply, Truncate
from testbed.stack import stack
from testbed.timeline import all_clear, page
from tests.support.soak import SOAK

CHECKOUT = "checkout-availability"
WRONG_FOR_S = 12 if SOAK > 1 else 2


FAULTS: dict[str, Fault] = {
    "500": Reply(status=500),
    "html": HTML,
    "truncated": Truncate(after=150),
    "429": Reply(status=429, headers={"Retry-After": "2"}),
    "silent": Hang(),
}
CHOSEN = list(FAULTS) if SOAK > 1 else ["500", "html"]


@pytest.mark.soak
def test_a_page_freezes_and_goes_on_whatever_prometheus_answers(tmp_path: Path) -> None:
    with FaultProxy() as proxy, stack(tmp_path, proxy=proxy) as running:
        line = running.timeline
        line.at(0, lambda: running.shop.breaks("checkout"))
        last = fired = line.want(1, page(CHECKOUT))
        for name in CHOSEN:
            line.at(0, partial(_set, proxy, FAULTS[name]), after=last)
            frozen = line.want(2, running.sees("alert.state", "frozen"), after=last)
            stale = line.want(0, running.sees("data", "stale"), after=frozen)
            line.want(0, running.is_unhealthy("Prometheus does not answer"), after=frozen)
            line.at(WRONG_FOR_S, partial(_set, proxy, None), after=stale)
            last = line.want(WRONG_FOR_S, running.sees("alert.state", "firing"), after=stale)
            last = line.want(0, running.is_healthy(), after=last)
        line.at(0, lambda: running.shop.mends("checkout"), after=last)
        ended = line.want(1, all_clear(CHECKOUT), after=last)
        line.run()

        assert ended.alert["startsAt"] == fired.alert["startsAt"]
        assert running.deeds() == ["fired", "resolved"]
        running.assert_counts_are_the_truth("checkout")


def _set(proxy: FaultProxy, fault: Fault | None) -> None:
    proxy.fault = fault
