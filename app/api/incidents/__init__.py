"""Incidents over HTTP: what they cost, who was notified, what people note; and the transitions of alerts.

Start at `routes.py`; `changes.py` has what needs the token.
"""

from app.api.incidents.changes import incident_change_routes
from app.api.incidents.routes import incident_routes, transition_routes

__all__ = ["incident_change_routes", "incident_routes", "transition_routes"]
