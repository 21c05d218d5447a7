"""Forecasts of error budgets as JSON: with each SLO, and its steps for charts. Start at `documents.py`."""
