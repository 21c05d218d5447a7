"""Rules of several origins on the same counts: what they notify of, and what that is worth."""

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from app.documents import ProposedRules, read_proposed_rules
from app.replay import (
    TODAY,
    BacktestedSlo,
    BacktestQuestion,
    BacktestResult,
    IncidentSource,
    ReplayIncident,
    RulesScore,
    SlotHistory,
    WindowSeries,
    backtest_slo,
    rules_of_others,
)
from app.slo import Severity, SloId
from tests.support.snapshots import an_slo

INTERVAL_S = 30
DAY = 86_400 // INTERVAL_S
START = datetime(2026, 3, 2, tzinfo=UTC)
MONTH = timedelta(days=30)


def history(days: int, *outages: tuple[int, int], per_slot: float = 3000.0) -> SlotHistory:
    """So many days of even traffic with total outages, each from one slot to another."""
    total = np.full(days * DAY, per_slot)
    bad = np.zeros(days * DAY)
    for first, end in outages:
        bad[first:end] = per_slot
    end_of_first_s = START.timestamp() + INTERVAL_S
    return SlotHistory.of_counts(total, bad, end_of_first_s=end_of_first_s, interval_s=INTERVAL_S)


@pytest.mark.parametrize(
    ("rules", "detected_in_s", "reset_in_s"),
    [
        # Facts of the SRE Workbook: 0.6 s, 2 min 10 s, an hour, 2 min 10 s and twice 52 s, at the next slot.
        ("workbook 1", 30, 600),
        ("workbook 2", 150, 36 * 3600 - 130),
        ("workbook 3", 3630, 60),
        ("workbook 4", 150, 58 * 60),
        ("workbook 5", 60, 6 * 3600 - 130),
        ("workbook 6", 60, 30 * 60),
        ("sloth", 60, 30 * 60),
        # Two minutes after it has tripped; its rule of 6h26m after 16 minutes.
        ("pyrra", 180, 32 * 60),
    ],
)
def test_rules_detect_a_total_outage_as_the_workbook_says(rules: str, detected_in_s: int, reset_in_s: int) -> None:
    begin, lasts = 4 * DAY, 70 * 2
    series = WindowSeries(history(7, (begin, begin + lasts)), error_budget=0.001)
    of_rules = next(one for one in rules_of_others(MONTH) if one.name == rules)
    pages = [one for one in of_rules.firings(series) if one.severity is Severity.PAGE]
    start = START + timedelta(seconds=begin * INTERVAL_S)
    end = start + timedelta(seconds=lasts * INTERVAL_S)
    ends = [one.end for one in pages if one.end is not None]
    assert min(one.start for one in pages) - start == timedelta(seconds=detected_in_s)
    assert abs((max(ends) - end).total_seconds() - reset_in_s) <= 60


def test_a_firing_tells_of_its_incident_and_what_that_had_spent() -> None:
    outage, blip = (2 * DAY, 2 * DAY + 12), (4 * DAY, 4 * DAY + 1)
    question = BacktestQuestion(start=START + timedelta(days=1), end=START + timedelta(days=6))
    found = backtest_slo(
        BacktestedSlo(id=SloId("checkout-availability"), slo=an_slo(), history=history(6, outage, blip)), question
    )
    (incident,) = found.incidents
    assert incident.start == START + timedelta(days=2)
    assert incident.end == START + timedelta(days=2, minutes=6)
    # Six minutes of a month of which the budget is 43.2 minutes.
    assert incident.spent == pytest.approx(6 / 43.2)
    score = next(one.score for one in found.outcomes if one.rules == TODAY)
    assert (score.pages, score.precision, score.recall) == (1, 1.0, 1.0)
    # Within three days the outage and the blip are a tenth of the budget.
    assert (score.tickets, score.wrong_tickets) == (1, 1)
    assert score.detection_s == 60
    assert score.spent_before == pytest.approx(1 / 43.2)
    assert score.nights == {(START + timedelta(days=1)).date()}
    # Approach 1 pages for the blip, too, which spends too little for an incident.
    first = next(one.score for one in found.outcomes if one.rules == "workbook 1")
    assert (first.pages, first.precision, first.recall) == (2, 0.5, 1.0)


def test_unmarked_alerts_are_neither_right_nor_wrong() -> None:
    at = START + timedelta(days=2)
    noise = ReplayIncident(start=at, end=at + timedelta(minutes=5), source=IncidentSource.MARKED, is_noise=True)
    wanted = BacktestedSlo(
        id=SloId("checkout-availability"),
        slo=an_slo(),
        history=history(6, (2 * DAY, 2 * DAY + 4), (4 * DAY, 4 * DAY + 4)),
        incidents=(noise,),
        are_complete=False,
    )
    question = BacktestQuestion(start=START + timedelta(days=1), end=START + timedelta(days=6), with_others=False)
    (outcome,) = backtest_slo(wanted, question).outcomes
    assert [one.is_right for one in outcome.firings] == [False, None]
    assert outcome.score.precision == 0.0
    assert math.isnan(outcome.score.recall)


def test_scores_of_slos_add_up() -> None:
    question = BacktestQuestion(start=START, end=START + timedelta(days=3))
    result = BacktestResult(question=question)
    for number, begin in enumerate((DAY, DAY + 240)):
        counted = history(3, (begin, begin + 20))
        result.add(
            backtest_slo(
                BacktestedSlo(id=SloId(f"slo-{number}"), slo=an_slo(), history=counted),
                question,
            )
        )
    today = result.scores[TODAY]
    assert isinstance(today, RulesScore)
    assert (today.pages, today.incidents, today.detected) == (2, 2, 2)
    # Two pages of one night disturb one night.
    assert len(today.nights) == 1


def test_rules_are_suggested_that_no_others_beat_and_that_reach_what_is_wanted() -> None:
    outages = ((DAY, DAY + 20), (2 * DAY, 2 * DAY + 30))
    blips = ((DAY // 2, DAY // 2 + 1), (3 * DAY // 2, 3 * DAY // 2 + 1))
    question = BacktestQuestion(
        start=START + timedelta(hours=6), end=START + timedelta(days=2, hours=6), with_others=False, suggests=True
    )
    result = BacktestResult(question=question)
    counted = history(3, *outages, *blips)
    result.add(backtest_slo(BacktestedSlo(id=SloId("checkout-availability"), slo=an_slo(), history=counted), question))
    best, *others = result.suggested
    assert best.is_wanted
    assert (best.score.precision, best.score.recall) == (1.0, 1.0)
    assert best.score.detection_s <= 60
    # What is suggested can be tried as it is.
    tried = read_proposed_rules(best.candidate.document, Path("suggested.yaml"), name="suggested")
    assert isinstance(tried, ProposedRules)
    policy = best.candidate.policy(an_slo())
    assert policy is not None
    (page,) = tried.alerting(an_slo()).policies[:1]
    assert [(rule.long, rule.short) for rule in page.rules] == [(rule.long, rule.short) for rule in policy.rules]
    assert [rule.factor for rule in page.rules] == pytest.approx([rule.factor for rule in policy.rules])
    assert not any(
        other.score.precision <= best.score.precision and other.score.detection_s > best.score.detection_s
        for other in others
        if other.score.recall <= best.score.recall
    )
