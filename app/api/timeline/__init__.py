"""Deploys and other changes over HTTP.

Start at `routes.py`, which reads; `reports.py` takes what tools report, and `senders.py` checks who sends it.
"""

from app.api.timeline.reports import Timeline
from app.api.timeline.routes import timeline_routes
from app.api.timeline.senders import EventTokens

__all__ = ["EventTokens", "Timeline", "timeline_routes"]
