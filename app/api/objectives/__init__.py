"""Reports over HTTP: objectives of a period as JSON, CSV, Markdown or a page to print.

May import what `app.api` may. Start at `routes.py`; `models.py` and `documents.py` are the JSON.
"""

from app.api.objectives.routes import report_routes

__all__ = ["report_routes"]
