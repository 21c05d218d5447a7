"""Deploys and other changes over HTTP.

Start at `routes.py`, which reads; `reports.py` takes what tools report, and `senders.py` checks who sends it.
"""

from app.api.timeline.reports import Timeline
from app.api.timeline.routes import timeline_routes

__all__ = ["Timeline", "timeline_routes"]
