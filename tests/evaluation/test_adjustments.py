"""Adjustments: every figure sees them, before or after the fact, and nothing in the ledger does."""

import asyncio
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from sqlalchemy import text
from typing_extensions import override

from app.adjustments import (
    AdjustedMember,
    Adjustment,
    AdjustmentEffect,
    AdjustmentSelector,
    EventShare,
    overlays_of,
)
from app.evaluation import Past, days, points, range_series
from app.evaluation.figures.adjusted_sums import AdjustedSums
from app.evaluation.saving.budget_record import recorded_budgets
from app.ledger import AdjustedTime, Ledger, WindowSums
from app.reports import DayRange, DaySums, IncidentFacts, ObjectivesReport, ReportQuestion, Segment, SloDefinition
from app.service.adapters.adjusted_days import AdjustedDays
from app.service.engine import Engine
from app.service.kept_adjustments import AdjustedDaysKeeper
from app.slo import AlertState, Severity, SloId
from app.slo.arrays import Floats, Ints
from app.status import StoredReports
from app.store.daily_totals import sum_days
from app.store.definitions import save_definitions
from app.store.outbox import waiting
from tests.adjustments.test_recurrence import adjusting
from tests.evaluation.memory import MemorySource
from tests.evaluation.plain import availability, counter, requests, slos
from tests.evaluation.running import INTERVAL_S, Running
from tests.support.set_clock import SetClock

# 2027-01-15 08:00 UTC.
NOW = 1_800_000_000
MINUTE, HOUR, DAY = 60, 3600, 86_400
# Ten minutes of 50% errors, six hours ago: 3,000 of 864,000 a day, 0.35% of what 99% allows 34.7%.
INCIDENT = (NOW - 6 * HOUR, NOW - 6 * HOUR + 10 * MINUTE)
# A slot more: what fails in the last seconds is counted by the next scrape.
MAINTENANCE = (INCIDENT[0], INCIDENT[1] + INTERVAL_S)
SLO = "shop-availability"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Running]:
    """Ten requests a second; half of them fail in the incident, and again for ten minutes from now on."""
    bursts = [INCIDENT, (NOW, NOW + 10 * MINUTE)]
    source = MemorySource(
        [
            counter(
                requests("shop"), (NOW - 3 * DAY, NOW + DAY), per_second=10.0, bursts=[(one, -5.0) for one in bursts]
            ),
            counter(
                requests("shop", "500"),
                (NOW - 3 * DAY, NOW + DAY),
                per_second=0.0,
                bursts=[(one, 5.0) for one in bursts],
            ),
        ]
    )

    def move(at: float) -> None:
        source.now = at

    with Running(
        slos([availability("shop", objective=99)], tmp_path / "slos"), source, tmp_path / "db", move=move
    ) as one:
        one.tick(NOW)
        one.backfill(NOW)
        one.tick(NOW + INTERVAL_S)
        yield one


def _local(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).replace(tzinfo=None).isoformat()


def _adjust(one: Running, since: float, until: float, **more: object) -> None:
    selector = AdjustmentSelector(services=frozenset({"shop"}))
    one.adjustments.replace([adjusting(_local(since), timedelta(seconds=until - since), selector=selector, **more)])
    one.tick(one.at + INTERVAL_S)


def _past(one: Running) -> Past:
    past = one.evaluator.past(one.slos[0].id)
    assert past is not None
    return past


def _ledger(one: Running) -> list[tuple[object, ...]]:
    with one.database.read() as transaction:
        return [tuple(row) for row in transaction.execute(text("SELECT * FROM ledger_chunk ORDER BY 1, 2, 3"))]


def test_maintenance_that_is_excluded_afterwards_changes_the_budget_and_nothing_in_the_ledger(shop: Running) -> None:
    before, stored = shop.snapshot(SLO), _ledger(shop)
    assert before.bad == pytest.approx(3_000, abs=200)
    _adjust(shop, *MAINTENANCE)
    after = shop.snapshot(SLO)
    # What is left are the errors of the newest slots.
    assert after.bad == pytest.approx(before.bad - 3_000 + 5 * INTERVAL_S, abs=20)
    assert after.total == pytest.approx(before.total - 6_300, abs=20)
    assert after.budget.remaining_ratio > before.budget.remaining_ratio
    assert after.counted is not None
    assert after.counted.total == pytest.approx(before.total, abs=1)
    assert (after.good_ever, after.bad_ever) == (after.counted.good_ever, after.counted.bad_ever)
    assert after.coverage == after.counted.coverage
    assert _ledger(shop) == stored
    shop.adjustments.replace([])
    shop.tick(shop.at + INTERVAL_S)
    again = shop.snapshot(SLO)
    assert again.counted is None
    assert again.total == pytest.approx(before.total, abs=1)


def test_budgets_are_recorded_as_counted_so_that_nothing_stays_of_what_is_withdrawn(shop: Running) -> None:
    _adjust(shop, *MAINTENANCE)
    shop.tick(shop.at + INTERVAL_S)
    counted = shop.snapshot(SLO).counted
    assert counted is not None
    assert shop.snapshot(SLO).budget.remaining_ratio > counted.budget.remaining_ratio + 0.1
    with shop.database.read() as transaction:
        recorded = recorded_budgets(transaction, SloId(SLO), start_s=NOW, end_s=shop.at)
    assert recorded[-1][1] == pytest.approx(counted.budget.remaining_ratio, abs=0.002)


def test_events_that_count_as_good_stay_events(shop: Running) -> None:
    before = shop.snapshot(SLO)
    _adjust(shop, *MAINTENANCE, effect=AdjustmentEffect.COUNT_AS_GOOD)
    after = shop.snapshot(SLO)
    assert after.total == pytest.approx(before.total, abs=1)
    assert before.bad - after.bad == pytest.approx(3_000 - 5 * INTERVAL_S, abs=20)


def test_an_edge_within_a_slot_counts_by_its_share(shop: Running) -> None:
    """Five minutes and ten seconds of the incident: ten and a third slots of 300 events."""
    before = shop.snapshot(SLO)
    _adjust(shop, INCIDENT[0] + 2 * MINUTE, INCIDENT[0] + 7 * MINUTE + 10)
    after = shop.snapshot(SLO)
    assert before.total - after.total == pytest.approx(3_100, abs=1)
    assert before.bad + 5 * INTERVAL_S - after.bad == pytest.approx(1_550, abs=20)


def test_history_and_days_are_adjusted_too_and_as_counted_if_asked(shop: Running) -> None:
    counted = _past(shop)
    _adjust(shop, *MAINTENANCE)
    past = _past(shop)
    start, end = (datetime.fromtimestamp(at, UTC) for at in (NOW - 8 * HOUR, NOW))
    step = timedelta(hours=1)

    def errors(one: Past) -> float:
        series = range_series(shop.slos[0].id, one, start=start, end=end, step=step)
        found = points(one, start=start, end=end, step=step, recorded=[(NOW - 60.0, 0.123)])
        (day,) = days(one, start=start, end=end)
        assert sum(series.bad) == pytest.approx(sum(point.bad for point in found)) == pytest.approx(day.bad)
        return day.bad

    assert errors(past.adjusted) == 0.0
    assert errors(past) == pytest.approx(errors(counted)) == pytest.approx(3_000, abs=20)
    # What was shown then does not hide what has been adjusted since.
    newest = points(past.adjusted, start=start, end=end, step=step, recorded=[(float(NOW), 0.123)])[-1]
    assert newest.budget_remaining_ratio != 0.123


def _firing(one: Running, severity: Severity = Severity.PAGE) -> bool:
    return any(alert.firing and alert.severity is severity for alert in one.snapshot(SLO).alerts)


def _told(one: Running) -> int:
    with one.database.read() as transaction:
        return len(list(waiting(transaction, "pager")))


def test_alerts_are_muted_during_maintenance_and_by_what_failed_in_it(shop: Running) -> None:
    _adjust(shop, NOW - HOUR, NOW + 10 * MINUTE, mute_alerts=True)
    shop.run(shop.at, NOW + 20 * MINUTE)
    assert _told(shop) == 0


def test_an_adjustment_that_does_not_mute_leaves_alerts_as_they_are(shop: Running) -> None:
    _adjust(shop, NOW - HOUR, NOW + HOUR)
    shop.run(shop.at, NOW + 5 * MINUTE)
    assert _firing(shop)
    assert shop.snapshot(SLO).budget.consumed_ratio < 0.4


def test_an_alert_that_fires_is_not_resolved_by_maintenance(shop: Running) -> None:
    """Errors that are left out, or counted as good, are no recovery: it fires on, and says why it is not judged."""
    shop.run(shop.at, NOW + 5 * MINUTE)
    assert _firing(shop)
    told = _told(shop)
    _adjust(shop, shop.at, NOW + HOUR, mute_alerts=True, effect=AdjustmentEffect.COUNT_AS_GOOD)
    shop.run(shop.at, NOW + 12 * MINUTE)
    (page,) = (alert for alert in shop.snapshot(SLO).alerts if alert.severity is Severity.PAGE)
    assert (page.state, page.firing) == (AlertState.FROZEN, True)
    assert page.reason == "alerts are muted by an adjustment (maintenance: database upgrade)"
    assert _told(shop) == told
    # It ends with events that were seen after the maintenance.
    shop.adjustments.replace([replace(shop.adjustments.all[0], duration=timedelta(minutes=8))])
    shop.run(shop.at, NOW + 30 * MINUTE)
    assert not _firing(shop)


def test_some_events_of_a_time_are_left_out_by_their_shares(shop: Running) -> None:
    """Nine of ten errors and six of ten events of the incident were a load test; both effects, beside other time."""
    shares = (EventShare(*MAINTENANCE, 0.6, 0.9),)
    _adjust(shop, *MAINTENANCE, events=(("agent", "k6"),), shares=shares)
    found = shop.snapshot(SLO)
    assert found.counted is not None
    assert found.counted.bad - found.bad == pytest.approx(2_700, abs=10)
    assert found.counted.total - found.total == pytest.approx(6 * (MAINTENANCE[1] - MAINTENANCE[0]), abs=10)
    _adjust(shop, *MAINTENANCE, effect=AdjustmentEffect.COUNT_AS_GOOD, events=(("agent", "k6"),), shares=shares)
    found = shop.snapshot(SLO)
    assert found.counted is not None
    assert found.counted.bad - found.bad == pytest.approx(2_700, abs=10)
    assert found.counted.total == found.total


def test_shares_that_overlap_are_added_up_and_give_way_to_excluded_time() -> None:
    def one(*shares: EventShare) -> Adjustment:
        return adjusting("2027-01-01T00:00:00", timedelta(seconds=100), shares=shares, events=(("a", "b"),))

    start = 1_798_761_600.0
    excluded = adjusting("2027-01-01T00:00:30", timedelta(seconds=10))
    mine = [
        one(EventShare(start, start + 100, 0.5, 0.6)),
        one(EventShare(start + 50, start + 100, 0.2, 0.6)),
        excluded,
    ]
    member = AdjustedMember(SloId("a"), "checkout", ())
    since, until = (datetime.fromtimestamp(at, UTC) for at in (start - DAY, start + DAY))
    (overlay,) = overlays_of(mine, [member], since=since, until=until)
    assert overlay is not None
    total, bad = overlay.budgets.shares(start + np.array([0.0, 30.0, 40.0, 50.0, 100.0]))
    assert total.tolist() == pytest.approx([0.5, 1.0, 0.5, 0.7])
    assert bad.tolist() == pytest.approx([0.6, 1.0, 0.6, 1.0])


def test_without_adjustments_nothing_is_computed_twice(shop: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """An evaluation without adjustments costs what it did."""

    def refused(*_args: object) -> None:
        raise AssertionError("an adjusted sum")

    monkeypatch.setattr("app.evaluation.figures.adjusted.AdjustedSums.__init__", refused)
    shop.tick(shop.at + INTERVAL_S)
    assert shop.snapshot(SLO).counted is None


def test_the_days_of_a_report_are_adjusted_and_the_stored_ones_are_not(shop: Running) -> None:
    """By the ledger's cells; of an SLI that is no longer counted by the share of the day."""
    day_s = NOW - 8 * HOUR
    shop.run(shop.at, day_s + DAY + 3 * HOUR, every=HOUR)
    days = DayRange("UTC", day_s, day_s + DAY)
    with shop.database.read() as transaction:
        stored = sum_days(transaction, days, [shop.slos[0].sli.key])
    ((sums,),) = stored.values()
    definition = SloDefinition(
        slo=shop.slos[0].id, since_s=0, sli=shop.slos[0].sli.key, service="shop", name="availability", objective=0.99
    )
    adjust = AdjustedDays(cast("Engine", shop.evaluator), shop.database, shop.adjustments)
    assert adjust.days(Segment(definition, days, removed=False), [sums]) == [sums]
    _adjust(shop, INCIDENT[0], INCIDENT[0] + 15 * MINUTE)
    (found,) = adjust.days(Segment(definition, days, removed=False), [sums])
    assert sums.total - found.total == pytest.approx(9_000, abs=2)
    assert sums.bad - found.bad == pytest.approx(3_000, abs=2)
    # An incident in that time has cost nothing, one that began before it what it cost before.
    incident = IncidentFacts(
        id="5f2d",
        slo=definition.slo,
        severity=Severity.PAGE,
        started_at=datetime.fromtimestamp(INCIDENT[0], UTC),
        ended_at=None,
        first_bad_at=datetime.fromtimestamp(INCIDENT[0], UTC),
        last_bad_at=datetime.fromtimestamp(MAINTENANCE[1], UTC),
        bad_events=3_000.0,
        spent=0.35,
    )
    (without,) = adjust.incidents(definition, [sums], [incident])
    assert without.bad_events == 0.0
    assert without.spent == pytest.approx(0.0, abs=1e-6)
    _adjust(shop, INCIDENT[0] + 5 * MINUTE, INCIDENT[0] + 15 * MINUTE)
    (without,) = adjust.incidents(definition, [sums], [incident])
    assert without.bad_events == pytest.approx(1_500, rel=0.06)
    (old,) = adjust.incidents(replace(definition, sli="gone"), [sums], [incident])
    assert old.bad_events == pytest.approx(1_500, rel=0.06)
    with shop.database.read() as transaction:
        assert sum_days(transaction, days, [shop.slos[0].sli.key]) == stored
    # Of days that are left out as a whole not even a rounding error is left.
    _adjust(shop, day_s, day_s + DAY)
    (found,) = adjust.days(Segment(definition, days, removed=False), [sums._replace(bad=sums.bad + 1e-9)])
    assert (found.total, found.bad) == (0.0, 0.0)
    _adjust(shop, INCIDENT[0], INCIDENT[0] + 15 * MINUTE)
    gone = replace(definition, slo=SloId("shop-gone"))
    (found,) = adjust.days(Segment(gone, days, removed=True), [sums])
    assert sums.total - found.total == pytest.approx(sums.total / 96, rel=0.01)


def test_the_report_of_a_closed_day_stays_when_the_ledger_forgets_its_slots(shop: Running) -> None:
    """Ten minutes that cut quarters of an hour: by slots, by quarters and by the day's total they differ."""
    day_s = NOW - 8 * HOUR
    shop.run(shop.at, day_s + DAY + 2 * HOUR, every=HOUR)
    days, sli = DayRange("UTC", day_s, day_s + DAY), shop.slos[0].sli.key
    with shop.database.read() as transaction:
        ((sums,),) = sum_days(transaction, days, [sli]).values()
    definition = SloDefinition(
        slo=shop.slos[0].id, since_s=0, sli=sli, service="shop", name="availability", objective=0.99
    )
    segment = Segment(definition, days, removed=False)
    incident = IncidentFacts(
        id="5f2d",
        slo=definition.slo,
        severity=Severity.PAGE,
        started_at=datetime.fromtimestamp(INCIDENT[0], UTC),
        ended_at=datetime.fromtimestamp(INCIDENT[1] + HOUR, UTC),
        first_bad_at=datetime.fromtimestamp(INCIDENT[0], UTC),
        last_bad_at=datetime.fromtimestamp(INCIDENT[1], UTC),
        bad_events=3_000.0,
        spent=0.35,
    )
    engine = Forgetful(shop)
    adjust = AdjustedDays(cast("Engine", engine), shop.database, shop.adjustments)

    def reported() -> tuple[Sequence[DaySums], Sequence[IncidentFacts]]:
        return adjust.days(segment, [sums]), adjust.incidents(definition, [sums], [incident])

    _adjust(shop, INCIDENT[0] + 2 * MINUTE, INCIDENT[0] + 7 * MINUTE)
    closed = reported()
    (day,), (spent,) = closed
    assert sums.bad - day.bad == pytest.approx(1_500, abs=30)
    assert spent.bad_events == pytest.approx(1_500, rel=0.06)
    engine.forgets = "slots"
    assert reported() == closed
    engine.forgets = "everything"
    assert reported() == closed
    # An adjustment that is made now changes it, as far as the ledger still knows the day.
    engine.forgets = "slots"
    _adjust(shop, INCIDENT[0], INCIDENT[0] + 15 * MINUTE)
    (day,), _ = reported()
    assert sums.bad - day.bad == pytest.approx(3_000, abs=30)
    # As it was before, it takes what it took.
    _adjust(shop, INCIDENT[0] + 2 * MINUTE, INCIDENT[0] + 7 * MINUTE)
    assert reported() == closed


class Forgetful:
    """The past of an evaluator, of which the ledger has quarters of an hour only, or nothing."""

    def __init__(self, one: Running) -> None:
        self._one = one
        self.forgets = ""

    def past(self, slo: SloId) -> Past | None:
        past = self._one.evaluator.past(slo)
        if past is None or past.row is None or not self.forgets:
            return past
        if self.forgets == "everything":
            return replace(past, row=None)
        row = past.row
        edges_s = np.unique(row.edges_s // (15 * MINUTE)) * 15 * MINUTE
        total, bad, measured_s = (np.diff(column) for column in row.counted_before(edges_s))
        return replace(past, row=replace(row, edges_s=edges_s, total=total, bad=bad, measured_s=measured_s))


def test_what_is_adjusted_is_kept_without_anybody_asking_for_a_report(shop: Running) -> None:
    day_s = NOW - 8 * HOUR
    shop.run(shop.at, day_s + DAY + 2 * HOUR, every=HOUR)
    definition = SloDefinition(
        slo=shop.slos[0].id, since_s=0, sli=shop.slos[0].sli.key, service="shop", name="availability", objective=0.99
    )
    with shop.database.begin() as transaction:
        save_definitions(transaction, [definition], at_s=day_s)
    clock = SetClock(datetime.fromtimestamp(shop.at, UTC))
    adjust = AdjustedDays(cast("Engine", shop.evaluator), shop.database, shop.adjustments)
    reports = CountedReports(shop.database, clock, adjust=adjust)
    keeper = AdjustedDaysKeeper(reports, shop.adjustments, clock)

    def kept() -> int:
        asyncio.run(keeper.step())
        with shop.database.read() as transaction:
            return int(transaction.execute(text("SELECT count(*) FROM adjusted_share")).scalar_one())

    assert kept() == 0
    _adjust(shop, INCIDENT[0] + 2 * MINUTE, INCIDENT[0] + 7 * MINUTE)
    assert kept() == 1
    assert kept() == 1
    _adjust(shop, INCIDENT[0] + 2 * MINUTE, INCIDENT[0] + 8 * MINUTE)
    assert kept() == 2
    assert reports.made == 2
    # What was adjusted before all days that the ledger has needs no report.
    _adjust(shop, INCIDENT[0] - 100 * DAY, INCIDENT[0] - 99 * DAY)
    assert kept() == 2
    assert reports.made == 2


class CountedReports(StoredReports):
    """Reports, and how many were made."""

    made = 0

    @override
    def report(self, question: ReportQuestion) -> ObjectivesReport:
        self.made += 1
        return super().report(question)


def test_windows_cost_what_lies_in_them_and_not_every_occurrence() -> None:
    """An hour every day for all of 2,000 SLOs, for two years: windows of an hour hold one of them."""
    spans = [(NOW - day * DAY - HOUR, NOW - day * DAY) for day in reversed(range(730))]
    asked = []

    class CountedSums:
        def sums(self, rows: Ints, start_s: Floats, end_s: Floats) -> WindowSums:
            asked.append(len(rows))
            return WindowSums.of(end_s - start_s, np.zeros(len(rows)), np.ones(len(rows)))

    sums = AdjustedSums(cast("Ledger", CountedSums()), [AdjustedTime.of(spans)] * 2_000)
    places, end_s = np.arange(2_000), np.full(2_000, float(NOW))
    tracemalloc.start()
    try:
        found = sums.sums(places, places, end_s - 30 * MINUTE, end_s + 30 * MINUTE)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
    assert asked == [2_000, 2_000]
    assert found.total.tolist() == [30 * MINUTE] * 2_000
