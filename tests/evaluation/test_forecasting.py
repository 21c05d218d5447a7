"""Forecasts of running evaluators: made in turns, by what budgets are, and none where data does not allow one."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from app.adjustments import AdjustmentSelector
from app.budget.forecast import NoForecast, Outlook
from app.evaluation import Past, outlooks
from app.evaluation.figures.members import Member
from app.evaluation.forecasting import Forecasting
from app.ingest.series.tracked_slis import tracked_slis_of
from app.slo import CalendarUnit, CalendarWindow, RollingWindow, SloId, Window
from tests.adjustments.test_recurrence import adjusting
from tests.evaluation.memory import MemorySource
from tests.evaluation.plain import availability, counter, requests, slos
from tests.evaluation.running import INTERVAL_S, Noted, Running
from tests.support.pasts import a_past
from tests.support.snapshots import an_slo

# 2027-01-15 08:00 UTC.
NOW = 1_800_000_000
HOUR, DAY = 3600, 86_400
INCIDENT = (NOW - 2 * DAY, NOW - 2 * DAY + HOUR)
SLO = "shop-availability"
INTERVAL = timedelta(seconds=INTERVAL_S)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Running]:
    """Four days of ten requests a second, scraped every two minutes; half of them fail for an hour two days ago."""
    life = (NOW - 4 * DAY, NOW + DAY)
    source = MemorySource(
        [
            counter(requests("shop"), life, per_second=9.99, bursts=[(INCIDENT, -5.0)], every=120.0),
            counter(requests("shop", "500"), life, per_second=0.01, bursts=[(INCIDENT, 5.0)], every=120.0),
        ]
    )

    def move(at: float) -> None:
        source.now = at

    documents = [availability("shop", objective=95, window="3d")]
    with Running(slos(documents, tmp_path / "slos"), source, tmp_path / "db", move=move) as one:
        one.tick(NOW)
        one.backfill(NOW)
        yield one


def test_what_waits_for_history_is_forecast_a_minute_after_it_was_read(tmp_path: Path) -> None:
    life = (NOW - 4 * DAY, NOW + DAY)
    source = MemorySource([counter(requests("shop"), life, per_second=9.99, every=120.0)])
    with Running(
        slos([availability("shop", objective=95, window="3d")], tmp_path / "slos"), source, tmp_path / "db"
    ) as one:
        one.tick(NOW)
        assert _forecast(one) is NoForecast.HISTORY_UNREAD
        one.backfill(one.at)
        one.tick(NOW + 90)
        assert isinstance(_forecast(one), Outlook)


def _forecast(one: Running) -> Outlook | NoForecast:
    """What is shown after every forecast that is due and another slot."""
    while one.do(one.evaluator.forecast()):
        pass
    one.tick(one.at + INTERVAL_S)
    return one.snapshot(SLO).forecast


def test_a_forecast_is_shown_from_the_slot_after_on(shop: Running) -> None:
    """An incident two days ago spent a tenth of what three days allow, and leaves the window tomorrow."""
    assert shop.snapshot(SLO).forecast is NoForecast.PENDING
    found = _forecast(shop)
    assert isinstance(found, Outlook)
    assert found.background_burn_rate == pytest.approx(0.001 / 0.05, rel=0.3)
    assert found.events_per_day == pytest.approx(864_000, rel=0.05)
    (leaving,) = found.leaving
    assert leaving.start == pytest.approx(datetime.fromtimestamp(INCIDENT[0] + 3 * DAY, UTC), abs=timedelta(hours=1))
    assert leaving.share == pytest.approx(0.5 * HOUR / (3 * DAY * 0.05), rel=0.2)
    assert not shop.do(shop.evaluator.forecast())
    # A reader of the past computes nearly the same, a slot later.
    past = shop.evaluator.past(shop.slos[0].id)
    assert past is not None
    (read,) = outlooks([past.adjusted])
    assert isinstance(read, Outlook)
    assert read.remaining.median == pytest.approx(found.remaining.median, abs=0.01)
    # Nor does a restart change it, once it is made again.
    shop.restart()
    shop.tick(shop.at + INTERVAL_S)
    assert shop.snapshot(SLO).forecast is NoForecast.PENDING
    again = _forecast(shop)
    assert isinstance(again, Outlook)
    assert again.remaining.median == pytest.approx(found.remaining.median, abs=0.01)


def test_an_incident_that_is_excluded_is_not_forecast_to_come_again(shop: Running) -> None:
    """Forecasts see adjustments as budgets do; the snapshot as counted has none."""
    before = _forecast(shop)
    selector = AdjustmentSelector(services=frozenset({"shop"}))
    local = datetime.fromtimestamp(INCIDENT[0] - HOUR, UTC).replace(tzinfo=None).isoformat()
    shop.adjustments.replace([adjusting(local, timedelta(hours=3), selector=selector)])
    shop.tick(NOW + 120)
    after = _forecast(shop)
    assert isinstance(before, Outlook)
    assert isinstance(after, Outlook)
    assert (before.incidents_per_month > 0, after.incidents_per_month) == (True, 0)
    assert after.leaving == ()
    counted = shop.snapshot(SLO).counted
    assert counted is not None
    assert counted.forecast is NoForecast.AS_COUNTED


@pytest.mark.parametrize(
    ("days", "per_cell", "wanted"),
    [
        (2.875, (900.0, 1.0), NoForecast.NOT_ENOUGH_HISTORY),
        (4.0, (0.0, 0.0), NoForecast.NO_TRAFFIC),
        (4.0, (900.0, 0.0), None),
        (40.0, (900.0, 900.0), None),
    ],
)
def test_where_data_allows_no_forecast_it_is_said_why(
    days: float, per_cell: tuple[float, float], wanted: NoForecast | None
) -> None:
    past = a_past(since_s=NOW - days * DAY, until_s=NOW, per_cell=per_cell)
    assert past.row is not None
    unread = replace(past, known_from_s=NOW - HOUR, row=replace(past.row, first_sample_s=NOW - HOUR))
    empty = replace(past, row=replace(past.row, watermark_s=float("nan")))
    found, *others = outlooks([past, unread, empty, replace(past, row=None)])
    assert found is wanted if wanted is not None else isinstance(found, Outlook)
    assert others == [NoForecast.HISTORY_UNREAD, NoForecast.NO_DATA, NoForecast.NO_DATA]
    assert outlooks([past], fresh=lambda _: False) == [NoForecast.NO_DATA]


@pytest.mark.parametrize(
    ("window", "until_day"),
    [
        (RollingWindow(timedelta(days=1)), 16.3),
        (RollingWindow(timedelta(days=90)), 45.3),
        # Of January 16.7 days are left, of a quarter more than is forecast.
        (CalendarWindow(CalendarUnit.MONTH, "UTC"), 32.0),
        (CalendarWindow(CalendarUnit.QUARTER, "UTC"), 45.3),
        (CalendarWindow(CalendarUnit.MONTH, "America/New_York"), 32.0 + 5 / 24),
    ],
)
def test_a_budget_is_forecast_for_a_window_or_to_the_end_of_its_period(window: Window, until_day: float) -> None:
    past = a_past(since_s=NOW - 91 * DAY, until_s=NOW, per_cell=(900.0, 1.0), slo=an_slo(window=window))
    (found,) = outlooks([past], with_steps=True)
    assert isinstance(found, Outlook)
    assert found.until - datetime(2026, 12, 31, tzinfo=UTC) == pytest.approx(
        timedelta(days=until_day), abs=timedelta(hours=1)
    )
    assert found.steps[-1].at == found.until
    assert [one.at for one in found.steps] == sorted({one.at for one in found.steps})


class _Turns:
    """Forecasting of many members, whose pasts are asked for by position."""

    def __init__(self, many: int, *, broken: int | None = None) -> None:
        slo = an_slo(window=RollingWindow(timedelta(days=1)))
        self.past = a_past(since_s=NOW - 4 * DAY, until_s=NOW, per_cell=(900.0, 1.0), slo=slo)
        (tracked,) = tracked_slis_of([slo])
        self.members = [
            Member(
                id=SloId(f"s{number}"),
                slo=slo,
                documented=slo,
                tracked=tracked,
                group=(),
                row=0,
                shown=(),
                needed=(),
            )
            for number in range(many)
        ]
        self.broken = broken
        self.instruments = Noted()
        self.forecasting = Forecasting(INTERVAL, self.instruments)

    def past_of(self, place: int) -> Past:
        """The past of a member; of the broken one its cells do not fit their edges."""
        if place != self.broken:
            return self.past
        assert self.past.row is not None
        return replace(self.past, row=replace(self.past.row, total=np.ones(3)))

    def slot(self, at_s: float, burning: frozenset[SloId] = frozenset()) -> set[SloId]:
        """The members that are forecast after a slot."""
        before = dict(self.forecasting.known)
        at = datetime.fromtimestamp(at_s, UTC)

        async def until_none_is_due() -> None:
            while await self.forecasting.step(self.members, self.past_of, at=at, burning=burning):
                pass

        asyncio.run(until_none_is_due())
        return {member for member, known in self.forecasting.known.items() if before.get(member) is not known}


def test_all_have_their_turn_in_twenty_minutes_and_those_that_burn_each_minute() -> None:
    turns = _Turns(800)
    first = turns.slot(NOW)
    assert len(first) == 20
    second = turns.slot(NOW + 30)
    assert len(second) == 20
    assert not first & second
    burning = frozenset(sorted(first)[:3])
    assert not burning & turns.slot(NOW + 31, burning)
    assert burning < turns.slot(NOW + 60, burning)


def test_one_slo_that_cannot_be_forecast_keeps_no_other_from_it() -> None:
    turns = _Turns(5, broken=2)
    assert len(turns.slot(NOW)) == 5
    found = {member: turns.forecasting.of(member) for member in turns.forecasting.known}
    assert [found[SloId(f"s{number}")] is NoForecast.FAILED for number in range(5)] == [
        False,
        False,
        True,
        False,
        False,
    ]
    assert turns.instruments.failures == ["internal"]
    assert turns.forecasting.of(SloId("unknown")) is NoForecast.PENDING
