"""A backtest: what several sets of rules would have notified of in a stretch of the past, and what that was worth."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from app.replay.history.slot_history import SlotHistory
from app.replay.history.window_series import WindowSeries
from app.replay.incidents.found import ReplayIncident, Spending, found_incidents
from app.replay.incidents.scoring import JudgedFiring, RulesScore, judge_firings
from app.replay.prometheus_alerts import rules_of_others
from app.replay.stepping import Firing, firings_of, replay
from app.replay.suggesting import RulesCandidate, SuggestedRules, scores_of_candidates, trade_off
from app.reports import WORTH_A_PAGE
from app.slo import Alerting, Slo, SloId

TODAY = "today"
"""The name of the rules that the documents have."""
USUAL_SPAN = timedelta(days=30)
"""What is judged without a start: so long before the end."""
LONGEST_SPAN = timedelta(days=366)
USUAL_PRECISION = 0.95
"""What suggested rules must reach, unless another precision is asked for."""
USUAL_DETECTION = timedelta(minutes=10)
"""How soon suggested rules must detect, unless another time is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestQuestion:
    """What is asked: the stretch of time, which incidents alerts are compared with, and which other rules beside.

    *found_share* is the share of the budget from which on a contiguous time that spent it is an incident, where none
    are *given*. *timezone* is that of the nights. If it *suggests*, rules
    are searched that are as precise and as quick as wanted.
    """

    start: datetime
    end: datetime
    timezone: str = "UTC"
    found_share: float = WORTH_A_PAGE
    with_others: bool = True
    suggests: bool = False
    wanted_precision: float = USUAL_PRECISION
    wanted_detection: timedelta = USUAL_DETECTION


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestedSlo:
    """One SLO, or a member of its group, with what was counted of it.

    *proposed* are the rules to be tried, by their names. *incidents* are those that are known of it, None to find them;
    *are_complete* says that there were no others.
    """

    id: SloId
    slo: Slo
    history: SlotHistory
    proposed: tuple[tuple[str, Alerting], ...] = ()
    incidents: tuple[ReplayIncident, ...] | None = None
    are_complete: bool = True


class RulesOutcome(NamedTuple):
    """What one set of rules would have notified of."""

    rules: str
    firings: tuple[JudgedFiring, ...]
    score: RulesScore


@dataclass(frozen=True, slots=True, kw_only=True)
class SloOutcome:
    """What all rules would have done for one SLO.

    *measured* is which share of the stretch was measured, *resolution_s* the widest cells that the counts come from.
    """

    id: SloId
    service: str
    name: str
    objective: float
    measured: float
    resolution_s: int
    incidents: tuple[ReplayIncident, ...]
    outcomes: tuple[RulesOutcome, ...]
    candidates: Mapping[RulesCandidate, RulesScore] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class BacktestResult:
    """All SLOs, and what each set of rules was worth over all of them.

    *problems* say what could not be done or is left out, by the SLO, or by what an incident names.
    """

    question: BacktestQuestion
    slos: list[SloOutcome] = field(default_factory=list)
    scores: dict[str, RulesScore] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    candidates: dict[RulesCandidate, RulesScore] = field(default_factory=dict)

    def add(self, outcome: SloOutcome) -> None:
        """Take in one SLO."""
        self.slos.append(outcome)
        for rules, _, score in outcome.outcomes:
            self.scores.setdefault(rules, RulesScore()).merge(score)
        for candidate, score in outcome.candidates.items():
            self.candidates.setdefault(candidate, RulesScore()).merge(score)

    def add_problem(self, slo: SloId, problem: str) -> None:
        """Say one thing more of an SLO."""
        before = self.problems.get(slo)
        self.problems[slo] = problem if before is None else f"{before}; {problem}"

    @property
    def suggested(self) -> tuple[SuggestedRules, ...]:
        """Rules that were searched and that no others beat, the best first; none without a search."""
        question = self.question
        return trade_off(self.candidates, precision=question.wanted_precision, detection=question.wanted_detection)

    @property
    def resolution_s(self) -> int:
        """The widest cells that counts come from."""
        return max((outcome.resolution_s for outcome in self.slos), default=0)


def backtest_slo(wanted: BacktestedSlo, question: BacktestQuestion) -> SloOutcome:
    """Judge one SLO by all rules, in the slots that end in (start, end]."""
    slo, history = wanted.slo, wanted.history
    series = WindowSeries(history, error_budget=slo.error_budget)
    stretch = history.after(question.start)
    spending = Spending.of(stretch, error_budget=slo.error_budget, window=slo.window.nominal)
    incidents = wanted.incidents
    if incidents is None:
        incidents = found_incidents(spending, error_budget=slo.error_budget, share=question.found_share)
    within = tuple(_with_spending(incidents, spending, question))
    outcomes = []
    for rules, firings in _firings(wanted, series, question):
        judged = judge_firings(firings, within, spending, are_complete=wanted.are_complete)
        score = RulesScore()
        score.add(judged, within, timezone=question.timezone)
        outcomes.append(RulesOutcome(rules, judged, score))
    candidates = {}
    if question.suggests:
        candidates = scores_of_candidates(
            series,
            slo,
            within,
            spending,
            since=question.start,
            timezone=question.timezone,
            are_complete=wanted.are_complete,
        )
    measured_s = float(stretch.slots.measured_s.sum())
    return SloOutcome(
        id=wanted.id,
        service=slo.service,
        name=slo.name,
        objective=slo.objective,
        measured=measured_s / (len(stretch) * history.interval_s) if len(stretch) else 0.0,
        resolution_s=history.resolution_s,
        incidents=within,
        outcomes=tuple(outcomes),
        candidates=candidates,
    )


def _firings(
    wanted: BacktestedSlo, series: WindowSeries, question: BacktestQuestion
) -> Iterable[tuple[str, Sequence[Firing]]]:
    for name, alerting in ((TODAY, wanted.slo.alerting), *wanted.proposed):
        yield name, firings_of(replay(series, alerting, slo=wanted.id, since=question.start))
    if question.with_others:
        for rules in rules_of_others(wanted.slo.window.nominal):
            yield rules.name, rules.firings(series, since=question.start)


def _with_spending(
    incidents: Iterable[ReplayIncident], spending: Spending, question: BacktestQuestion
) -> Iterable[ReplayIncident]:
    for incident in incidents:
        if incident.end > question.start and incident.start < question.end:
            spent = incident.spent if not np.isnan(incident.spent) else spending.share(incident.start, incident.end)
            yield replace(incident, spent=spent)
