"""Replays skip slots by conditions on columns; stepping every slot must give the same."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from app.alerting import Alert, TransitionKind, default_policies
from app.ledger import SlotColumns
from app.replay import SlotHistory, WindowSeries, firings_of, replay
from app.slo import (
    Alerting,
    BurnRateRule,
    Evidence,
    NoData,
    RollingWindow,
    Severity,
    SeverityPolicy,
    SloId,
)
from app.slo.arrays import Floats, Ints
from bench.simulated_months import SLOT_S

SLO = SloId("checkout-availability")
DAY = 86_400 // SLOT_S
START_S = 1_800_000_000


def history_of(total: Floats | Ints, bad: Floats | Ints) -> SlotHistory:
    return SlotHistory.of_counts(total, bad, end_of_first_s=START_S + SLOT_S, interval_s=SLOT_S)


def alerting_of(objective: float) -> Alerting:
    return Alerting(policies=default_policies(RollingWindow(timedelta(days=30)), objective))


def storm(source: np.random.Generator, *, per_minute: float) -> SlotHistory:
    """Two days of incidents of all sizes an hour and a half apart, with holes in what was measured; slots of 60 s."""
    slots, place = 2 * 1440, 0
    ratio = np.full(slots, 0.0004)
    while place < slots:
        begin = place + 1 + int(source.exponential(90))
        place = begin + 1 + int(source.exponential(12))
        ratio[begin:place] = min(1.0, 0.001 * np.exp(source.uniform(0.0, 6.0)))
    total = source.poisson(per_minute, slots)
    history = SlotHistory.of_counts(total, source.binomial(total, ratio), end_of_first_s=START_S + 60, interval_s=60)
    for begin in source.integers(0, slots - 300, 2).tolist():
        hole = slice(begin, begin + int(source.integers(2, 100)))
        for column in history.slots.columns:
            column[hole] = 0.0
    return history


def dense_alerting(*, keep_firing_for: timedelta, no_data: NoData) -> Alerting:
    """Rules so short that tickets relapse, and wait on, within hours."""
    hour = timedelta(hours=1)

    def policy(severity: Severity, *rules: BurnRateRule) -> SeverityPolicy:
        return SeverityPolicy(
            severity=severity, rules=tuple(rules), keep_firing_for=keep_firing_for, evidence=Evidence()
        )

    fast = BurnRateRule(long=hour, short=hour / 12, factor=14.4)
    slow = BurnRateRule(long=6 * hour, short=hour / 2, factor=6.0)
    tickets = (replace(slow, factor=3.0), BurnRateRule(long=12 * hour, short=2 * hour, factor=1.0))
    policies = (policy(Severity.PAGE, fast, slow), policy(Severity.TICKET, *tickets))
    return Alerting(policies=policies, no_data=no_data)


@pytest.mark.parametrize(
    ("seed", "per_minute", "keep_firing_for", "no_data"),
    [
        (0, 3.0, timedelta(0), NoData.FREEZE),
        (1, 20.0, timedelta(minutes=20), NoData.GOOD),
        (0, 1000.0, timedelta(0), NoData.FREEZE),
    ],
)
def test_what_is_skipped_changes_nothing(
    seed: int, per_minute: float, keep_firing_for: timedelta, no_data: NoData
) -> None:
    history = storm(np.random.default_rng(seed), per_minute=per_minute)
    alerting = dense_alerting(keep_firing_for=keep_firing_for, no_data=no_data)
    series = WindowSeries(history, error_budget=0.001)
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
