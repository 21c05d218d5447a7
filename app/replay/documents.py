"""The result of a backtest for machines; figures that are not known are null."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.replay.backtest import BacktestResult, RulesOutcome, SloOutcome
from app.replay.incidents.found import ReplayIncident
from app.replay.incidents.scoring import JudgedFiring, RulesScore


def backtest_document(result: BacktestResult) -> dict[str, Any]:
    """Everything that a backtest found."""
    return {
        "from": _time(result.question.start),
        "to": _time(result.question.end),
        "timezone": result.question.timezone,
        "resolution_seconds": result.resolution_s,
        "rules": [{"name": name, **_score(score)} for name, score in result.scores.items()],
        "slos": [_slo(outcome) for outcome in result.slos],
        "suggested": [
            {
                "name": one.candidate.name,
                "wanted": one.is_wanted,
                "document": one.candidate.document,
                **_score(one.score),
            }
            for one in result.suggested
        ],
        "problems": [{"slo": slo, "problem": problem} for slo, problem in result.problems.items()],
    }


def _slo(outcome: SloOutcome) -> Mapping[str, Any]:
    return {
        "id": outcome.id,
        "service": outcome.service,
        "name": outcome.name,
        "objective": outcome.objective,
        "measured_ratio": outcome.measured,
        "resolution_seconds": outcome.resolution_s,
        "incidents": [_incident(incident) for incident in outcome.incidents],
        "rules": [_outcome(one) for one in outcome.outcomes],
    }


def _outcome(outcome: RulesOutcome) -> Mapping[str, Any]:
    return {
        "name": outcome.rules,
        **_score(outcome.score),
        "firings": [_firing(firing) for firing in outcome.firings],
    }


def _score(score: RulesScore) -> Mapping[str, Any]:
    return {
        "pages": score.pages,
        "tickets": score.tickets,
        "precision": _known(score.precision),
        "ticket_precision": _known(score.ticket_precision),
        "recall": _known(score.recall),
        "recall_with_tickets": _known(score.recall_by_any),
        "incidents": score.incidents,
        "detection_seconds": _known(score.detection_s),
        "reset_seconds": _known(score.reset_s),
        "spent_before_detection": _known(score.spent_before),
        "nights_disturbed": len(score.nights),
    }


def _incident(incident: ReplayIncident) -> Mapping[str, Any]:
    return {
        "start": _time(incident.start),
        "end": _time(incident.end),
        "source": str(incident.source),
        "noise": incident.is_noise,
        "spent": _known(incident.spent),
    }


def _firing(judged: JudgedFiring) -> Mapping[str, Any]:
    firing = judged.firing
    return {
        "severity": str(firing.severity),
        "start": _time(firing.start),
        "end": None if firing.end is None else _time(firing.end),
        "tier": firing.tier,
        "right": judged.is_right,
        "incident_start": None if judged.incident is None else _time(judged.incident.start),
        "spent_before": _known(judged.spent_before),
    }


def _time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
