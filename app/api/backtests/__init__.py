"""Backtests over HTTP: jobs that are made, looked at and ended.

Start at `routes.py`; `models.py` are the shapes.
"""

from app.api.backtests.routes import backtest_routes

__all__ = ["backtest_routes"]
