"""Replays skip slots by conditions on columns; stepping every slot must give the same."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from app.alerting import Alert, TransitionKind, default_policies
from app.ledger import SlotColumns
from app.replay import SlotHistory, WindowSeries, firings_of, replay
from app.slo import Alerting, NoData, RollingWindow, Severity, SloId
from app.slo.arrays import Floats, Ints
from bench.simulated_months import SLOT_S, Kind, month

SLO = SloId("checkout-availability")
DAY = 86_400 // SLOT_S
START_S = 1_800_000_000


def history_of(total: Floats | Ints, bad: Floats | Ints) -> SlotHistory:
    return SlotHistory.of_counts(total, bad, end_of_first_s=START_S + SLOT_S, interval_s=SLOT_S)


def alerting_of(objective: float, *, no_data: NoData = NoData.FREEZE) -> Alerting:
    return Alerting(policies=default_policies(RollingWindow(timedelta(days=30)), objective), no_data=no_data)


@pytest.mark.parametrize("per_second", [10 / 3600, 1 / 60, 1.0, 100.0])
@pytest.mark.parametrize("no_data", [NoData.FREEZE, NoData.GOOD])
def test_what_is_skipped_changes_nothing(per_second: float, no_data: NoData) -> None:
    source = np.random.default_rng(7)
    lived = month(source, objective=0.999, per_second=per_second, kind=Kind.VARIED)
    # The days around the first incident, with holes in what was measured.
    first = max(int(lived.incidents[0].start) - DAY // 4, 0)
    part = slice(first, first + 2 * DAY)
    history = history_of(lived.total[part], lived.bad[part])
    columns = history.slots
    for begin in source.integers(0, 2 * DAY - 300, 3).tolist():
        hole = slice(begin, begin + int(source.integers(2, 200)))
        for column in columns.columns:
            column[hole] = 0.0
    alerting, series = alerting_of(0.999, no_data=no_data), WindowSeries(history, error_budget=0.001)
    skipping = replay(series, alerting, slo=SLO)
    every = replay(series, alerting, slo=SLO, every_slot=True)
    assert every.stepped == len(history)
    assert skipping.transitions == every.transitions
    # Of a suppressed alert it is said how many errors would be evidence, which changes with the traffic.
    assert [_without_numbers(one) for one in skipping.alerts] == [_without_numbers(one) for one in every.alerts]
    assert skipping.stepped < every.stepped


def _without_numbers(alert: Alert) -> Alert:
    return replace(alert, suppressed=None if alert.suppressed is None else "suppressed")


def test_an_outage_pages_once_and_opens_no_ticket_beside_it() -> None:
    total, bad = np.full(2 * DAY, 3000.0), np.zeros(2 * DAY)
    outage = slice(DAY, DAY + 40)
    bad[outage] = 3000.0
    series = WindowSeries(history_of(total, bad), error_budget=0.001)
    (page,) = firings_of(replay(series, alerting_of(0.999), slo=SLO))
    assert page.severity is Severity.PAGE
    # 14.4 budgets of an hour are 52 s of a total outage.
    assert page.start == series.history.at(DAY + 1)
    assert page.end is not None
    assert series.history.at(DAY + 40) < page.end < series.history.at(DAY + 40) + timedelta(minutes=10)


def test_missing_data_freezes_what_fires_and_ends_nothing() -> None:
    total, bad = np.full(DAY, 3000.0), np.zeros(DAY)
    bad[DAY // 2 :] = 3000.0
    history = history_of(total, bad)
    for column in history.slots.columns:
        column[DAY // 2 + 100 :] = 0.0
    replayed = replay(WindowSeries(history, error_budget=0.001), alerting_of(0.999), slo=SLO)
    page = next(alert for alert in replayed.alerts if alert.severity is Severity.PAGE)
    assert page.firing
    assert page.frozen is not None
    kinds = [change.kind for change in replayed.transitions if change.severity is Severity.PAGE]
    assert kinds == [TransitionKind.FIRED, TransitionKind.FROZEN]


def test_what_was_before_the_first_sample_is_not_missing() -> None:
    empty = SlotHistory(
        first=START_S // SLOT_S, interval_s=SLOT_S, slots=SlotColumns.empty(DAY), first_sample_s=np.nan, resolution_s=30
    )
    assert replay(WindowSeries(empty, error_budget=0.001), alerting_of(0.999), slo=SLO).transitions == ()
