"""Pages while counters stand at a lower level: they go by what happens meanwhile, and never by hindsight."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest

from app.slo import Severity
from app.slo.arrays import Floats
from app.status import Snapshot
from tests.evaluation.memory import MemorySource, Series
from tests.evaluation.plain import availability, requests, slos
from tests.evaluation.running import INTERVAL_S, Running

END = 1_800_000_000
MINUTE = 60
TIMES = np.arange(END - 180 * MINUTE + 5.0, END, 30) - END
"""Of scrapes, before END."""
FIRST, FELL, LAST = -75 * MINUTE, -60 * MINUTE, -25 * MINUTE
"""The first slot that is evaluated live, when counters fall, and the last slot; before END."""


def grown(*paces: tuple[float, float]) -> Floats:
    """Events so far at TIMES: each pace (events per second) holds up to so many minutes before END."""
    events, since = np.zeros(len(TIMES)), TIMES[0]
    for pace, minutes in paces:
        events += pace * np.clip(TIMES - since, 0, minutes * MINUTE - since)
        since = minutes * MINUTE
    return np.floor(events)


def lower(by: float, *, until: float = 0, every: float = np.inf) -> Floats:
    """How much less a counter shows from FELL on; *every* so many seconds it does until so many seconds later."""
    fallen = TIMES - FELL
    return np.where((fallen > 0) & ((fallen % every < until) if until else True), by, 0)


@dataclass(frozen=True)
class Case:
    """What the counters of a service show, and the states of its page that are to be seen in this order."""

    good: Floats
    bad: Floats
    states: list[str] = field(default_factory=lambda: ["firing"])

    def series(self, job: str) -> list[Series]:
        both = (("200", 9_000_000 + self.good), ("500", 5_000_000 + self.bad))
        return [Series(labels=requests(job, code), times=TIMES + END, values=values) for code, values in both]


FIRED_THEN_FROZEN = ["firing", "frozen"]
OUTAGE = (0.0, -84.0)
"""All requests fail from then on."""
CASES: Mapping[str, Case] = {
    # A tenth of all requests fails, and goes on to.
    "errors corrected": Case(grown((9, 0)), grown((1, 0)) - lower(300_000)),
    "errors corrected by most": Case(grown((9, 0)), grown((1, 0)) - lower(4_000_000)),
    "both corrected": Case(grown((9, 0)) - lower(1_000_000), grown((1, 0)) - lower(1_000_000)),
    # All requests fail; both counters fall, two minutes later no more requests come.
    "stops after a correction": Case(
        grown((10, -84), (0, 0)) - lower(1_000_000),
        grown(OUTAGE, (10, -58), (0, 0)) - lower(1_000_000),
        ["firing", "frozen"],
    ),
    "stops at once": Case(
        grown((10, -84), (0, 0)) - lower(1_000_000),
        grown(OUTAGE, (10, -60), (0, 0)) - lower(1_000_000),
        ["firing", "frozen"],
    ),
    # Some of the last requests are served: nothing shows a recovery.
    "few served before it stops": Case(
        grown((10, -84), (0, -60), (0.2, -59), (0, 0)) - lower(1_000_000),
        grown(OUTAGE, (10, -59), (0, 0)),
        ["firing", "frozen"],
    ),
    "few served for longer": Case(
        grown((10, -84), (0, -60), (0.2, -57), (0, 0)) - lower(1_000_000),
        grown(OUTAGE, (10, -57), (0, 0)),
        ["firing", "frozen"],
    ),
    # The good counter stands still and shows less now and then.
    **{
        f"outage with dips of {depth} for {until} s": Case(
            grown((10, -84), (0, 0)) - lower(depth, until=until, every=600), grown(OUTAGE, (10, 0))
        )
        for depth in (1, 3000, 2_000_000)
        for until in (30, 90, 240)
    },
    # An incident is over; what fails is as little as ever, and the counter of good events is corrected.
    "no page for a correction": Case(
        grown((10, -96), (5, -84), (10, 0)) - lower(1_000_000), grown((0.02, -96), (5, -84), (0.02, 0)), ["inactive"]
    ),
}


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[float, str]]]:
    """Of each case, every state of its page: since how many seconds before END, and the state with its reason."""
    folder = tmp_path_factory.mktemp("dips")
    jobs = {f"job-{number}": name for number, name in enumerate(CASES)}
    source = MemorySource([one for job, name in jobs.items() for one in CASES[name].series(job)])

    def move(at: float) -> None:
        source.now = at - 1

    found: dict[str, list[tuple[float, str]]] = {name: [] for name in CASES}
    with Running(
        slos([availability(job, window="30d") for job in jobs], folder / "slos"), source, folder / "it.db", move=move
    ) as live:
        live.tick(END + FIRST)
        live.backfill(END + FIRST)
        for at in range(END + FIRST + INTERVAL_S, END + LAST, INTERVAL_S):
            live.tick(at)
            for snapshot in live.board.snapshots:
                seen, state = found[jobs[snapshot.slo.service]], page_of(snapshot)
                if not seen or seen[-1][1] != state:
                    seen.append((at - END, state))
    return found


def page_of(snapshot: Snapshot) -> str:
    page = next(alert for alert in snapshot.alerts if alert.severity is Severity.PAGE)
    return page.state.value


@pytest.mark.parametrize("name", CASES)
def test_a_page_goes_by_what_happens_while_counters_stand_lower(
    states: dict[str, list[tuple[float, str]]], name: str
) -> None:
    """No all-clear that nobody saw, and no page for a counter that changed its level."""
    first = max(at for at, _ in states[name] if at <= FELL)
    assert [state for at, state in states[name] if at >= first] == CASES[name].states
