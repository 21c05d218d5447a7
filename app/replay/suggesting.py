"""A search for rules of pages: which windows, factors and evidence reach a wanted precision and detection time."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import product

from app.alerting import check_rule
from app.replay.history.window_series import WindowSeries
from app.replay.incidents.found import ReplayIncident, Spending
from app.replay.incidents.scoring import RulesScore, judge_firings
from app.replay.prometheus_alerts import BurnCondition, PrometheusAlert
from app.replay.stepping import Firing, firings_of, replay
from app.slo import BurnRateRule, Evidence, Severity, SeverityPolicy, Slo, format_duration

_HOUR = timedelta(hours=1)
# Shares of the budget that are spent in the long window when a rule trips; the SRE Workbook has 2% and 5%.
_FAST = tuple(product((_HOUR / 2, _HOUR, 2 * _HOUR), (0.01, 0.02, 0.03, 0.05)))
_SLOW = (None, (6 * _HOUR, 0.05), (6 * _HOUR, 0.10))
_EVIDENCE = (None, 0.95, 0.99)
_SHORTER = 12


@dataclass(frozen=True, slots=True, order=True)
class RulesCandidate:
    """Rules of a page by the share of the budget that is spent in each long window, and its evidence."""

    rules: tuple[tuple[timedelta, float], ...]
    level: float | None

    @property
    def name(self) -> str:
        """Such as ``1h 2%, 6h 5%, evidence 99%``."""
        rules = ", ".join(f"{format_duration(long)} {share:.3g}%" for long, share in self._percent)
        return f"{rules}, evidence {'off' if self.level is None else f'{self.level:.0%}'}"

    @property
    def document(self) -> str:
        """The rules as ``alerting:`` of a document."""
        tiers = []
        for long, percent in self._percent:
            windows = f"long: {format_duration(long)}, short: {format_duration(long / _SHORTER)}"
            tiers.append(f"      - {{{windows}, budget: {percent:.3g}%}}")
        evidence = "off" if self.level is None else f"{100 * self.level:.3g}"
        return "\n".join(["alerting:", f"  evidence: {evidence}", "  page:", "    tiers:", *tiers, ""])

    def policy(self, slo: Slo) -> SeverityPolicy | None:
        """The page of an SLO; None where none of the rules can ever trip."""
        window = slo.window.nominal
        each = (
            BurnRateRule(long=long, short=long / _SHORTER, factor=max(1.0, share * (window / long)))
            for long, share in self.rules
            if long <= window
        )
        rules = tuple(rule for rule in each if check_rule(rule, slo.objective) is None)
        evidence = None if self.level is None else Evidence(level=self.level)
        return SeverityPolicy(severity=Severity.PAGE, rules=rules, evidence=evidence) if rules else None

    @property
    def _percent(self) -> Sequence[tuple[timedelta, float]]:
        return [(long, 100 * share) for long, share in self.rules]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestedRules:
    """A candidate and what it was worth; *is_wanted*: as precise and as quick as was asked for."""

    candidate: RulesCandidate
    score: RulesScore
    is_wanted: bool


def candidates() -> Iterator[RulesCandidate]:
    """All rules that are tried: a fast rule, with a slow one or without, by more or less evidence."""
    for fast, slow, level in product(_FAST, _SLOW, _EVIDENCE):
        yield RulesCandidate(rules=(fast,) if slow is None else (fast, slow), level=level)


def scores_of_candidates(
    series: WindowSeries,
    slo: Slo,
    incidents: Sequence[ReplayIncident],
    spending: Spending,
    *,
    since: datetime,
    timezone: str,
    are_complete: bool,
) -> dict[RulesCandidate, RulesScore]:
    """What each candidate would have been worth for one SLO."""
    found = {}
    for candidate in candidates():
        policy = candidate.policy(slo)
        firings = () if policy is None else _firings(series, slo, policy, since)
        score = RulesScore()
        judged = judge_firings(firings, incidents, spending, are_complete=are_complete)
        score.add(judged, incidents, timezone=timezone)
        found[candidate] = score
    return found


def trade_off(
    scores: Mapping[RulesCandidate, RulesScore], *, precision: float, detection: timedelta
) -> tuple[SuggestedRules, ...]:
    """The candidates that no other one beats in precision, recall and detection time; the best wanted one first."""
    figures = {candidate: _figures(score) for candidate, score in scores.items() if score.pages}
    best: dict[tuple[float, float, float], RulesCandidate] = {}
    for candidate, own in sorted(figures.items(), key=lambda one: (len(one[0].rules), one[0].level or 0.0)):
        beaten = any(
            other != own and all(a >= b for a, b in zip(other, own, strict=True)) for other in figures.values()
        )
        if not beaten:
            # Of those that are worth the same, the simplest.
            best.setdefault(own, candidate)
    found = [
        SuggestedRules(
            candidate=candidate,
            score=scores[candidate],
            is_wanted=own[0] >= precision and -own[2] <= detection.total_seconds(),
        )
        for own, candidate in best.items()
    ]
    return tuple(sorted(found, key=lambda one: (not one.is_wanted, [-figure for figure in _recall_first(one.score)])))


def _firings(series: WindowSeries, slo: Slo, policy: SeverityPolicy, since: datetime) -> Sequence[Firing]:
    if policy.evidence is not None:
        return firings_of(replay(series, replace(slo.alerting, policies=(policy,)), slo=slo.id, since=since))
    # Without evidence an alert fires as an alerting rule of Prometheus does, which takes no steps.
    conditions = tuple(
        BurnCondition(windows=(rule.short, rule.long), factor=rule.factor, inclusive=True) for rule in policy.rules
    )
    alert = PrometheusAlert(severity=Severity.PAGE, any_of=conditions)
    return tuple(alert.firings(series, since=since))


def _figures(score: RulesScore) -> tuple[float, float, float]:
    """Precision, recall, and less the detection time: the larger, the better."""
    return _known(score.precision, 0.0), _known(score.recall, 0.0), -_known(score.detection_s, math.inf)


def _recall_first(score: RulesScore) -> tuple[float, float, float]:
    precision, recall, quickness = _figures(score)
    return recall, quickness, precision


def _known(value: float, otherwise: float) -> float:
    return otherwise if math.isnan(value) else value
