"""The pages of backtests: a form, and what came of it. Start at `page.py`; `rows.py` are its tables and its plot."""

from app.ui.backtests.page import BacktestData, backtest_pages

__all__ = ["BacktestData", "backtest_pages"]
