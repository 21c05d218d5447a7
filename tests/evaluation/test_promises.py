"""Numbers that the documentation promises, each at its edge."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.alerting import Transition, TransitionKind
from app.ingest.series.tracked_slis import tracked_slis_of
from app.slo import Severity, SloId
from app.status import HealthState
from app.store.alerts import append_transitions, recent_transitions
from app.store.budgets import RecordedBudget, load_budgets, save_budgets
from app.store.outbox import enqueue, mark_done, waiting
from tests.evaluation.memory import MemorySource
from tests.evaluation.plain import availability, counter, requests, slos
from tests.evaluation.running import INTERVAL_S, Running
from tests.support.notifications import firing

END = 1_800_000_000
HOUR, DAY = 3600, 86_400
ID = "shop-availability"


def _shop(*, errors_per_second: float = 0.0, until: float = END) -> MemorySource:
    """Ten requests a second for half a day."""
    span = (END - 12 * HOUR, until)
    return MemorySource(
        [
            counter(requests("shop"), span, per_second=10.0 - errors_per_second),
            counter(requests("shop", "500"), span, per_second=errors_per_second),
        ]
    )


def _running(source: MemorySource, folder: Path) -> Running:
    def move(at: float) -> None:
        source.now = at - 1

    return Running(slos([availability("shop", objective=99)], folder / "slos"), source, folder / "live.db", move=move)


@pytest.mark.parametrize(
    ("consumed", "health"),
    [(0.85, HealthState.MEETING), (0.95, HealthState.AT_RISK), (1.05, HealthState.EXHAUSTED)],
)
def test_an_slo_is_at_risk_when_a_tenth_of_its_budget_is_left(
    tmp_path: Path, consumed: float, health: HealthState
) -> None:
    with _running(_shop(errors_per_second=10 * consumed * 0.01), tmp_path) as run:
        run.tick(END - INTERVAL_S)
        run.backfill(END - INTERVAL_S)
        run.tick(END)
        shown = run.snapshot(ID)
    assert shown.budget.remaining_ratio == pytest.approx(1 - consumed, abs=0.01)
    assert shown.health is health


def test_two_scrapes_may_fail_before_a_slot_is_a_hole(tmp_path: Path) -> None:
    """The last one is 53 s old at the newest slot that counts as measured, and 83 s at the next."""
    last = END - 600
    with _running(_shop(until=last), tmp_path) as run:
        run.tick(last - HOUR)
        run.backfill(last - HOUR)
        run.run(last - HOUR, last + 180)
        assert run.snapshot(ID).as_of == datetime.fromtimestamp(last + 30, UTC)


def test_an_sli_remembers_an_hour_more_than_its_longest_window(tmp_path: Path) -> None:
    """So that the hour which the start of that window cuts is there as a whole."""
    (tracked,) = tracked_slis_of(slos([availability("shop", window="30d")], tmp_path))
    assert tracked.horizon_s == 30 * DAY + HOUR


def test_entries_of_the_outbox_are_kept_for_thirty_days(tmp_path: Path) -> None:
    """ADR-0013; what still waits is kept for as long as it waits."""
    at = datetime.fromtimestamp(END, UTC)
    ages = {"old": timedelta(days=31), "younger": timedelta(days=29)}
    with _running(_shop(), tmp_path) as run:
        with run.database.begin() as tx:
            enqueue(tx, [firing(name) for name in (*ages, "waiting")], receivers=["pager"], at=at - ages["old"])
        with run.database.begin() as tx:
            entries = {str(entry.notification.slo): entry.id for entry in waiting(tx, "pager")}
            for name, age in ages.items():
                mark_done(tx, [entries[name]], at=at - age)
        run.tick(END)
        with run.database.read() as tx:
            kept = {name for name, entry in entries.items() if tx.exec_driver_sql(_COUNT, (entry,)).scalar_one()}
    assert kept == {"younger", "waiting"}


@pytest.mark.parametrize(("table", "days"), [("transition", 90), ("budget_record", 180)])
def test_what_alerts_did_and_what_budgets_showed_is_kept_for_months(tmp_path: Path, table: str, days: int) -> None:
    """ADR-0013 and ADR-0034."""
    ages = [timedelta(days=days, hours=hours) for hours in (-1, 1)]
    times = [datetime.fromtimestamp(END, UTC) - age for age in ages]
    changes = [
        Transition(slo=SloId(ID), severity=Severity.PAGE, kind=TransitionKind.FIRED, at=at, incident="i", tier="1h/5m")
        for at in times
    ]
    with _running(_shop(), tmp_path) as run:
        with run.database.begin() as tx:
            append_transitions(tx, changes)
            save_budgets(tx, [RecordedBudget(SloId("gone"), int(at.timestamp()), 0.5) for at in times])
        run.tick(END)
        with run.database.read() as tx:
            kept = {
                "transition": {change.at for change in recent_transitions(tx, limit=10)},
                "budget_record": {
                    datetime.fromtimestamp(at_s, UTC)
                    for at_s, _ in load_budgets(tx, SloId("gone"), start_s=0, end_s=END)
                },
            }
    assert kept[table] & set(times) == {times[0]}


_COUNT = "SELECT count(*) FROM outbox WHERE id = ?"
