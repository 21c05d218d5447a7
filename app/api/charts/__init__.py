"""The data of charts: series of many SLOs over a range, the days of one, and what burned its budget.

May import what `app.api` may. Start at `routes.py`; `models.py` and `documents.py` are the JSON, `ports.py` is what the
routes need of the rest of the service.
"""

from app.api.charts.ports import Contributors, Pasts
from app.api.charts.routes import chart_routes

__all__ = ["Contributors", "Pasts", "chart_routes"]
