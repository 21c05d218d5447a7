"""Adjustments over HTTP: maintenance and corrections that budgets leave out or count as good.

Start at `routes.py`, which reads; `changes.py` makes, changes and withdraws them, `calendars.py` is iCalendar.
"""

from app.api.adjustments.routes import adjustment_routes

__all__ = ["adjustment_routes"]
