"""The data of charts: series of many SLOs over a range, the days of one, and what burned its budget.

May import what `app.api` may. Start at `routes.py`; `models.py` and `documents.py` are the JSON.
"""

from app.api.charts.routes import chart_routes

__all__ = ["chart_routes"]
