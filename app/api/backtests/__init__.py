"""Backtests over HTTP: jobs that are made, looked at and ended.

Start at `routes.py`; `models.py` are the shapes, `plans.py` makes a plan of a request.
"""

from app.api.backtests.plans import Backtests, InvalidBacktestError, plan_of
from app.api.backtests.routes import backtest_routes

__all__ = ["Backtests", "InvalidBacktestError", "backtest_routes", "plan_of"]
