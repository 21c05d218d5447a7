"""Forecasts of error budgets: what leaves the window is known, what comes in is simulated (ADR-0081).

Pure: no IO. Start at `model.py`, then `usual.py` (what a history says) and `futures.py` (what may come); `outlook.py`
is what is said of one SLO.
"""

from app.budget.forecast.model import CELL_S, LEARNED_CELLS, Budgets, CountedCells, Forecasts, forecasts
from app.budget.forecast.outlook import (
    LEAST_HISTORY,
    ForecastStep,
    Interval,
    LeavingIncident,
    NoForecast,
    Outlook,
    outlook,
)

__all__ = [
    "CELL_S",
    "LEARNED_CELLS",
    "LEAST_HISTORY",
    "Budgets",
    "CountedCells",
    "ForecastStep",
    "Forecasts",
    "Interval",
    "LeavingIncident",
    "NoForecast",
    "Outlook",
    "forecasts",
    "outlook",
]
