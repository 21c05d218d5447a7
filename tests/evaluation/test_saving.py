"""What a commit that fails, a restart and a clock that was ahead must not lose or repeat, on one small incident."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.ingest.counting.slot_queries import settle_up_to
from app.prometheus import UnreachableError
from app.slo import AlertState, Severity
from app.status import Board
from app.store import Database, StoreLockedError, open_database
from app.store.alerts import recent_transitions
from app.store.budgets import load_budgets
from app.store.daily_totals import load_daily_totals
from app.store.outbox import waiting
from tests.evaluation.crashes import breakable
from tests.evaluation.memory import MemorySource
from tests.evaluation.plain import availability, counter, requests, slos
from tests.evaluation.running import INTERVAL_S, Running

HOUR, DAY = 3600, 86_400
# 2027-01-15 00:00 UTC: with it ends a chunk of every width.
MIDNIGHT = 1_800_000_000 - 8 * HOUR
# All before midnight is final in this slot, 330 s later.
SETTLES_MIDNIGHT = MIDNIGHT + 330
SLO = "shop-availability"


@dataclass(slots=True)
class Locked:
    """What a breakable database calls: it is locked at one place while it is *failing*."""

    at: str = "commit"
    failing: bool = False

    def __call__(self, place: str) -> None:
        if self.failing and place == self.at:
            raise StoreLockedError("locked")


def _shop(path: Path, *, breaks: float, open_: Callable[[str], Database] = open_database) -> Running:
    """A shop that half fails from *breaks* on; its history has been counted up to midnight."""
    span = (MIDNIGHT - 7 * HOUR, MIDNIGHT + 2 * HOUR)
    errors = counter(requests("shop", "500"), span, per_second=0.0, bursts=[((breaks, span[1]), 5.0)])
    source = MemorySource([counter(requests("shop"), span, per_second=10.0), errors])

    def move(at: float) -> None:
        source.now = at - 1

    one = Running(slos([availability("shop")], path / "slos"), source, path / "db", move=move, open_=open_)
    one.tick(MIDNIGHT - 300)
    one.backfill(MIDNIGHT - 300)
    one.tick(MIDNIGHT)
    return one


def _page(one: Running) -> AlertState:
    return next(alert.state for alert in one.snapshot(SLO).alerts if alert.severity is Severity.PAGE)


def _told(one: Running) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
    """The transitions of the page, and the notifications that wait for its receiver."""
    with one.database.read() as tx:
        changes, entries = recent_transitions(tx), waiting(tx, "pager")
    return (
        [(change.kind.value, change.at.timestamp()) for change in changes if change.severity is Severity.PAGE],
        [(entry.notification.status.value, entry.notification.at.timestamp()) for entry in entries],
    )


@pytest.mark.parametrize(
    ("after_s", "settle_s", "final_s"),
    [(329, 0, -300), (330, 0, 0), (330, 330, 0), (330, 331, -300), (629, 600, 0), (599, 600, -300), (3600, 3600, 0)],
)
def test_counts_are_final_after_the_late_sample_grace_and_no_sooner_than_a_gap_is_known(
    after_s: float, settle_s: float, final_s: float
) -> None:
    """Sooner, a restart and history would judge the last scrapes before a gap in two ways."""
    assert settle_up_to(MIDNIGHT + after_s, settle_s) == MIDNIGHT + final_s


def test_a_slot_is_stepped_once_although_prometheus_answers_after_a_restart(tmp_path: Path) -> None:
    """Else an alert would fire in a slot that the process before has not seen burn."""
    with _shop(tmp_path, breaks=MIDNIGHT) as one:
        assert isinstance(one.source, MemorySource)

        def refused(_expr: str) -> None:
            raise UnreachableError("refused")

        at = MIDNIGHT + 300
        one.source.fault = refused
        one.tick(at)
        one.source.fault = lambda _expr: None
        one.restart()
        assert one.evaluator.stepped == datetime.fromtimestamp(at, UTC)
        one.tick(at)
        assert (_page(one), _told(one)) == (AlertState.FROZEN, ([], []))
        one.tick(at + INTERVAL_S)
        fired = [("fired", at + INTERVAL_S)]
        assert _told(one) == (fired, [("firing", at + INTERVAL_S)])


@pytest.mark.parametrize("fails_at", ["commit", "committed"])
def test_what_a_failed_commit_has_not_written_is_in_the_next_once(tmp_path: Path, fails_at: str) -> None:
    """It fails in the slot in which the page fires and the cells of a day become final; or seems to, and is written."""
    database = Locked(at=fails_at)
    with _shop(tmp_path, breaks=MIDNIGHT, open_=breakable(database)) as one:
        database.failing = True
        one.tick(SETTLES_MIDNIGHT)
        assert one.evaluator.store_problem == "locked"
        assert _page(one) is AlertState.FIRING
        database.failing = False
        one.tick(SETTLES_MIDNIGHT + INTERVAL_S)
        assert _told(one) == ([("fired", SETTLES_MIDNIGHT)], [("firing", SETTLES_MIDNIGHT)])
        with one.database.read() as tx:
            ended = load_daily_totals(tx, one.slos[0].sli.key, (), start_s=0, end_s=MIDNIGHT + DAY)
            budgets = load_budgets(tx, one.slos[0].id, start_s=SETTLES_MIDNIGHT, end_s=SETTLES_MIDNIGHT)
        assert [day.start_s for day in ended] == [MIDNIGHT - DAY]
        assert [at for at, _ in budgets] == [SETTLES_MIDNIGHT]
        shown = one.figures
        one.board = Board()
        one.restart()
        one.evaluator.show_stored(datetime.fromtimestamp(SETTLES_MIDNIGHT + INTERVAL_S, UTC))
        assert one.figures == shown


def test_rows_whose_first_commit_failed_are_written_by_the_next(tmp_path: Path) -> None:
    """Else all that is counted of them later would be of rows that are not there, and gone with a restart."""
    database = Locked(failing=True)
    source = MemorySource([counter(requests("shop"), (MIDNIGHT - 2 * HOUR, MIDNIGHT + HOUR))])
    loaded = slos([availability("shop")], tmp_path / "slos")
    with Running(loaded, source, tmp_path / "db", open_=breakable(database)) as one:
        one.tick(MIDNIGHT - 300)
        database.failing = False
        one.tick(MIDNIGHT, SETTLES_MIDNIGHT)
        shown = one.figures
        one.board = Board()
        one.restart()
        one.evaluator.show_stored(datetime.fromtimestamp(SETTLES_MIDNIGHT, UTC))
        assert one.figures == shown


def test_a_page_that_may_be_over_is_held_although_the_first_commit_after_a_pause_fails(tmp_path: Path) -> None:
    """Until fresh data confirms it, no page is sent for what was true before the pause."""
    database = Locked()

    def refused(_expr: str) -> None:
        raise UnreachableError("refused")

    with _shop(tmp_path, breaks=MIDNIGHT, open_=breakable(database)) as one:
        assert isinstance(one.source, MemorySource)
        one.tick(SETTLES_MIDNIGHT)
        one.source.fault = refused
        database.failing = True
        one.tick(SETTLES_MIDNIGHT + 600)
        database.failing = False
        one.tick(SETTLES_MIDNIGHT + 600 + INTERVAL_S)
        with one.database.read() as tx:
            held = [entry.held for entry in waiting(tx, "pager") if entry.notification.severity is Severity.PAGE]
    assert held == [True]


def test_a_clock_that_was_ahead_is_still_corrected_after_a_restart(tmp_path: Path) -> None:
    """Else no alert would be stepped until the time that the clock had shown."""
    with _shop(tmp_path, breaks=MIDNIGHT) as one:
        one.tick(MIDNIGHT + HOUR)
        one.evaluator.go_back(datetime.fromtimestamp(MIDNIGHT + 300, UTC))
        one.restart()
        assert one.evaluator.stepped == datetime.fromtimestamp(MIDNIGHT + 300 - INTERVAL_S, UTC)
