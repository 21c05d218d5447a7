"""SLOs counted by services that answer counts for intervals: every event once, however late it came."""

import random
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.count_sources import CountAccess, open_count_client
from app.documents import load_documents
from app.ingest import NamedSource
from app.prometheus import HttpConfig, Limits
from app.slo import AlertState, Cause, Slo, SourceKind
from testbed.service import write_documents
from tests.evaluation.memory import MemorySource
from tests.evaluation.running import Running
from tests.evaluation.test_several_sources import PAGE, alert_of, hour_of
from tests.support.fake_count_services import ACCOUNT, HEADERS, Events, FakeDatadog, FakeNewRelic

START = 1_700_000_100 // 900 * 900
HOUR = 3_600
SETTLE_S = 900
QUERIES: dict[SourceKind, dict[str, Any]] = {
    SourceKind.DATADOG: {
        "datadog": {
            "total": "sum:requests{service:shop}.as_count()",
            "bad": "sum:requests{service:shop,status:error}.as_count()",
        }
    },
    SourceKind.NEWRELIC: {
        "newrelic": {
            "total": "SELECT count(*) FROM requests WHERE service = 'shop'",
            "bad": "SELECT count(*) FROM requests WHERE service = 'shop' AND status = 'error'",
        }
    },
}
BOTH = pytest.mark.parametrize("kind", list(QUERIES))


@dataclass
class Counted:
    """A fake service, and an evaluator that counts from it in virtual time, two minutes after each interval."""

    fake: FakeDatadog | FakeNewRelic
    running: Running

    def truth(self, since: float, until: float) -> tuple[float, float]:
        """All events and the bad ones in a range of whole intervals."""
        there = [one for one in self.fake.held.events if since <= one.at < until]
        return sum(one.many for one in there), sum(one.many for one in there if one.tags["status"] == "error")

    @property
    def hour(self) -> tuple[float, float]:
        """All events of the last hour and the bad ones, as they are shown."""
        view = hour_of(self.running.snapshot("shop-availability"))
        return view.total, view.bad

    @property
    def truth_of_hour(self) -> tuple[float, float]:
        """What the last hour should show, as of the slot that it is shown of."""
        as_of = self.running.snapshot("shop-availability").as_of
        assert as_of is not None
        # Events of an interval are in the slot that it ends in.
        until = as_of.timestamp() // 60 * 60
        since = (as_of.timestamp() - HOUR) // 60 * 60
        return self.truth(since, until)


class Counting(ExitStack):
    """Builds what tests count from."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def start(self, kind: SourceKind, *, slos: tuple[Slo, ...] | None = None, **keys: Any) -> Counted:
        """A fake with an evaluator."""
        fake: FakeDatadog | FakeNewRelic = FakeDatadog() if kind is SourceKind.DATADOG else FakeNewRelic()
        self.enter_context(fake)
        loop_of = Running(
            slos or slos_of(self.folder, kind, **keys),
            MemorySource(()),
            self.folder / "db",
            sources=[NamedSource(name="service", live=MemorySource(()), background=MemorySource(()))],
            move=lambda at: setattr(fake.held, "now", at),
        )
        # Clients belong to the event loop of the evaluator.
        running = self.enter_context(loop_of)
        stack = AsyncExitStack()
        live, background = running.do(_open(stack, kind, fake.url))
        self.callback(lambda: running.do(stack.aclose()))
        running.use(
            [
                NamedSource(
                    name="service",
                    live=live,
                    background=background,
                    later_by=timedelta(minutes=2),
                    settle=timedelta(seconds=SETTLE_S),
                    metered=True,
                )
            ]
        )
        return Counted(fake, running)


async def _open(stack: AsyncExitStack, kind: SourceKind, url: str) -> tuple[Any, Any]:
    http = HttpConfig(url=url, headers=HEADERS[kind])
    access = CountAccess(kind=kind, http=http, limits=Limits(timeout=timedelta(seconds=5)), account=ACCOUNT)
    live = await stack.enter_async_context(open_count_client(access, background=False))
    return live, await stack.enter_async_context(open_count_client(access, beside=live))


def slos_of(folder: Path, kind: SourceKind, **keys: Any) -> tuple[Slo, ...]:
    """One SLO of the source `service`."""
    slo = {"name": "availability", "objective": 99.9, "window": "1d", "sli": QUERIES[kind], "alerting": PAGE, **keys}
    loaded = load_documents(write_documents([{"service": "shop", "source": "service", "slos": [slo]}], folder))
    assert not loaded.errors, loaded.errors
    return loaded.slos


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[Counting]:
    """What is open is closed at the end."""
    with Counting(tmp_path) as stack:
        yield stack


def events(
    since: float, until: float, *, every: float = 7.0, bad: float = 0.001, late_s: float = 0.0, seed: int = 1
) -> list[Events]:
    """Events at random times, of which some are bad; each comes up to *late_s* late."""
    rng = random.Random(seed)
    return [
        Events(
            name="requests",
            tags={"service": "shop", "status": "error" if rng.random() < bad else "ok", "route": rng.choice("ab")},
            at=since + (number + rng.random()) * every,
            many=rng.randint(1, 9),
            late_s=rng.random() * late_s,
        )
        for number in range(int((until - since) / every))
    ]


@BOTH
def test_late_events_are_counted_when_they_come(counting: Counting, kind: SourceKind) -> None:
    """Until the grace is over numbers are replaced, so that in the end each event is counted once."""
    counted = counting.start(kind)
    counted.fake.held.events = events(START - 2 * HOUR, START + 900, bad=0.01, late_s=SETTLE_S - 60)
    counted.running.run(START, START + 300)
    counted.running.run(START + 300, START + 900, every=60)
    assert counted.hour[0] < counted.truth_of_hour[0]
    # Nothing new comes, and what was late has come.
    counted.running.run(START + 900, START + 900 + SETTLE_S + 600, every=60)
    assert counted.hour == counted.truth_of_hour
    shown = counted.running.snapshot("shop-availability")
    assert shown.total == counted.truth(START - 2 * HOUR, START + 900)[0]


@BOTH
def test_a_page_goes_out_and_history_agrees(counting: Counting, kind: SourceKind) -> None:
    """A burst of errors pages; an evaluator that starts afterwards reads the same events from history."""
    counted = counting.start(kind)
    burst = events(START + 900, START + 1_800, every=2.0, bad=0.5, seed=2)
    counted.fake.held.events = events(START - 6 * HOUR, START + HOUR, every=20.0) + burst
    counted.running.run(START, START + 1_800, every=60)
    page = alert_of(counted.running.snapshot("shop-availability"), Cause.BURN)
    assert page.state is AlertState.FIRING
    counted.running.backfill(START + 1_800)
    counted.running.tick(START + 1_860)
    assert counted.hour == counted.truth_of_hour
    shown = counted.running.snapshot("shop-availability")
    assert (shown.total, shown.bad) == counted.truth(START - 6 * HOUR, START + 1_740)
    assert (shown.data, shown.problems) == ("fresh", ())
    counted.running.restart()
    counted.running.run(START + 1_860, START + 2_100, every=60)
    assert counted.hour == counted.truth_of_hour


@BOTH
def test_what_was_missed_without_keys_is_caught_up(counting: Counting, kind: SourceKind) -> None:
    """While keys are refused the SLO has no data, and the reason is shown; what was missed is counted afterwards."""
    counted = counting.start(kind)
    counted.fake.held.events = events(START - HOUR, START + 2 * HOUR, every=20.0)
    counted.running.run(START, START + 600, every=60)
    counted.fake.held.failing = 403
    counted.running.tick(*range(START + 660, START + 1_800, 300))
    shown = counted.running.snapshot("shop-availability")
    assert "403" in " ".join(problem.detail for problem in shown.problems)
    assert alert_of(shown, Cause.NO_DATA).state is AlertState.FIRING
    counted.fake.held.failing = None
    counted.running.run(START + 1_800, START + 2_400, every=60)
    assert counted.hour == counted.truth_of_hour
    assert counted.running.snapshot("shop-availability").problems == ()


def test_members_of_a_group_are_counted_each_by_itself(counting: Counting) -> None:
    """A member without events in an interval is missing there, or counted as none where the document says so."""
    sli = {
        "total": "sum:requests{service:shop} by {route}.as_count()",
        "good": "sum:requests{service:shop,status:ok} by {route}.as_count()",
        "empty_intervals": "no_events",
    }
    counted = counting.start(SourceKind.DATADOG, sli={"datadog": sli}, by=["route"])
    counted.fake.held.events = events(START - HOUR, START + 1_200, every=30.0, bad=0.1)
    counted.running.run(START, START + 1_200, every=60)
    counted.running.backfill(START + 1_200)
    counted.running.tick(START + 1_260)
    for route in "ab":
        shown = hour_of(counted.running.snapshot(f"shop-availability:route={route}"))
        mine = [one for one in counted.fake.held.events if one.tags["route"] == route]
        within = [one for one in mine if START + 1_140 - HOUR <= one.at < START + 1_140]
        assert shown.total == sum(one.many for one in within)
        assert shown.bad == sum(one.many for one in within if one.tags["status"] == "error")
        assert shown.coverage == pytest.approx(1.0)


def test_history_leaves_the_limit_to_evaluations(counting: Counting) -> None:
    """History waits while little of the limit is left; evaluations ask until nothing is, and not before it begins."""
    counted = counting.start(SourceKind.DATADOG)
    held = counted.fake.held
    held.events = events(START - 2 * HOUR, START + HOUR, every=60.0)
    held.limit, held.left, held.reset_s = 100, 9, 3_600.0
    counted.running.run(START, START + 480, every=60)
    assert held.statuses == [200] * 8
    assert counted.running.snapshot("shop-availability").coverage < 0.5
    held.limit = held.left = 0
    counted.running.tick(START + 540)
    assert "429" in counted.running.snapshot("shop-availability").problems[0].detail
    asked = len(held.statuses)
    counted.running.tick(START + 600)
    assert len(held.statuses) == asked


def test_composites_have_slices_of_counts(counting: Counting) -> None:
    """Each minute of such an SLO is good or bad by its events, live and from history."""
    folder = counting.folder
    slo = {"name": "availability", "source": "service", "objective": 99, "window": "1d"}
    slos = [
        {**slo, "sli": QUERIES[SourceKind.DATADOG]},
        {"name": "slices", "objective": 99, "window": "1d", "sli": {"worst_of": ["shop-availability"], "target": 99}},
    ]
    loaded = load_documents(write_documents([{"service": "shop", "slos": slos}], folder))
    assert not loaded.errors
    counted = counting.start(SourceKind.DATADOG, slos=loaded.slos)
    bad = {"service": "shop", "status": "error"}
    counted.fake.held.events = [
        *events(START - 2 * HOUR, START + 1_200, every=10.0, bad=0.0),
        *(Events(name="requests", tags=bad, at=START + at, many=9) for at in (-1_000, 130, 190)),
    ]
    counted.running.run(START, START + 1_200, every=60)
    counted.running.backfill(START + 1_200)
    counted.running.tick(START + 1_260)
    hour = hour_of(counted.running.snapshot("shop-slices"))
    assert (hour.total, hour.bad) == (60.0, 3.0)
