"""What is normal for an SLI comes from the whole days that the ledger has of it, and is the same for a replay."""

import numpy as np
import pytest

from app.alerting import NormalRate
from app.evaluation.judging.normal_rates import NormalRates
from app.ledger import Increments, Ledger, RowKey, Stage
from app.replay import SlotHistory, WindowSeries

INTERVAL_S = 300
DAY_S = 86_400
# Noon of a day of UTC.
NOW_S = 20_000 * DAY_S + DAY_S // 2
HALF_A_DAY_S = DAY_S // 2


def counts(days: int) -> tuple[np.ndarray, np.ndarray]:
    """Slots of five minutes with ten requests, of which one an hour fails; in one hour all do."""
    slots = days * DAY_S // INTERVAL_S
    total, bad = np.full(slots, 10.0), np.zeros(slots)
    bad[::12] = 1.0
    bad[slots // 2 - slots // 2 % 12 :][:12] = 10.0
    return total, bad


def a_ledger(days: int) -> Ledger:
    ledger = Ledger(INTERVAL_S)
    start_s = NOW_S - days * DAY_S
    ledger.add_row(RowKey("sli", ()), horizon_s=30.0 * DAY_S, from_s=float(start_s))
    ledger.advance(float(NOW_S))
    rows = np.array([0])
    ledger.note_first_samples(rows, np.array([float(start_s)]))
    ledger.set_progress(rows, settled_s=float(NOW_S), counted_s=float(NOW_S), complete_from_s=float(start_s))
    ends = range(start_s + INTERVAL_S, NOW_S + 1, INTERVAL_S)
    events = [
        (0, float(end - INTERVAL_S), float(end), total, bad)
        for end, total, bad in zip(ends, *(column.tolist() for column in counts(days)), strict=True)
    ]
    ledger.record(Increments.of(events), Stage.FINAL)
    return ledger


def of_replay(days: int) -> NormalRate | None:
    first_end_s = NOW_S - days * DAY_S + INTERVAL_S
    history = SlotHistory.of_counts(*counts(days), end_of_first_s=first_end_s, interval_s=INTERVAL_S)
    return WindowSeries(history, error_budget=0.001).normal_rate(len(history) - 1)


@pytest.mark.parametrize(("days", "known"), [(5, None), (7, None), (8, 7), (20, 19), (40, 28)])
def test_it_is_known_from_whole_days_without_the_incident(days: int, known: int | None) -> None:
    rate = NormalRates(a_ledger(days)).of(0, float(NOW_S))
    assert rate == of_replay(days)
    if known is None:
        assert rate is None
        return
    assert rate is not None
    assert rate.days == known
    assert rate.ratio == pytest.approx(1 / 120, rel=0.02)
    assert rate.events == 24 * known * 120 - 120


def test_it_changes_once_a_day_an_hour_after_it_has_ended() -> None:
    rates = NormalRates(a_ledger(20))
    until = [rates.of(0, float(NOW_S - HALF_A_DAY_S + late_s)) for late_s in (-30, 0, 3570, 3600, 40_000)]
    assert [rate and rate.days for rate in until] == [18, 18, 18, 19, 19]


def test_history_that_is_being_read_counts_as_it_is_there() -> None:
    ledger = a_ledger(20)
    rates = NormalRates(ledger)
    ledger.set_progress(np.array([0]), complete_from_s=float(NOW_S - 10 * DAY_S))
    before = rates.of(0, float(NOW_S))
    ledger.set_progress(np.array([0]), complete_from_s=float(NOW_S - 20 * DAY_S))
    after = rates.of(0, float(NOW_S))
    assert before is not None
    assert after is not None
    assert (before.days, after.days) == (9, 19)
