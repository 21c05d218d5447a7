"""Forecasts of error budgets: what leaves the window is known, what comes in is simulated (ADR-0081).

Pure: no IO. Start at `model.py`, then `usual.py` (what a history says) and `futures.py` (what may come).
"""

from app.budget.forecast.model import Budgets, CountedCells, Forecasts, forecasts

__all__ = ["Budgets", "CountedCells", "Forecasts", "forecasts"]
