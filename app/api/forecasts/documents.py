"""Forecasts as JSON values; NaN stays NaN here and is written as null."""

from app.api.forecasts.models import (
    ExhaustionModel,
    ForecastInputsModel,
    ForecastModel,
    ForecastStepModel,
    ForecastStepsModel,
    IntervalModel,
)
from app.api.responses import utc
from app.budget.forecast import Interval, NoForecast, Outlook
from app.slo import SloId
from app.wording.forecasts import forecast_words, no_forecast_words

_HOUR_S = 3600.0


def forecast_document(found: Outlook | NoForecast) -> ForecastModel:
    """One forecast, or why there is none."""
    if isinstance(found, NoForecast):
        return {
            "code": found,
            "detail": no_forecast_words(found),
            "at": None,
            "until": None,
            "exhausted_at": None,
            "exhaustion_probability": None,
            "remaining_ratio": None,
            "allowed_burn_rate": None,
            "allowed_bad_ratio": None,
            "inputs": None,
            "leaving": [],
        }
    return {
        "code": None,
        "detail": forecast_words(found),
        "at": utc(found.at),
        "until": utc(found.until),
        "exhausted_at": _exhaustion(found),
        "exhaustion_probability": found.chance,
        "remaining_ratio": _interval(found.remaining),
        "allowed_burn_rate": found.allowed_burn_rate,
        "allowed_bad_ratio": found.allowed_bad_ratio,
        "inputs": _inputs(found),
        "leaving": [{"start": one.start, "end": one.end, "share": one.share} for one in found.leaving],
    }


def forecast_steps_document(slo_id: SloId, found: Outlook | NoForecast) -> ForecastStepsModel:
    """The forecast of one SLO with its steps; none where there is no forecast."""
    steps: list[ForecastStepModel] = []
    if isinstance(found, Outlook):
        steps = [{"at": step.at, "remaining_ratio": _interval(step.remaining)} for step in found.steps]
    return {**forecast_document(found), "id": slo_id, "steps": steps}


def _exhaustion(found: Outlook) -> ExhaustionModel:
    return {"earliest": utc(found.earliest), "expected": utc(found.expected), "latest": utc(found.latest)}


def _interval(found: Interval) -> IntervalModel:
    return {"low": found.low, "median": found.median, "high": found.high}


def _inputs(found: Outlook) -> ForecastInputsModel:
    return {
        "history_hours": found.history.total_seconds() / _HOUR_S,
        "background_burn_rate": found.background_burn_rate,
        "events_per_day": found.events_per_day,
        "incidents_per_month": found.incidents_per_month,
        "incident_share": found.incident_share,
        "incident_goes_on": found.incident_goes_on,
    }
