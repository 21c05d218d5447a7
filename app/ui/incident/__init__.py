"""The page of an incident, where links in notifications lead.

Start at `page.py`; `chart.py` draws its time, `notes.py` renders what people wrote.
"""

from app.ui.incident.page import IncidentData, IncidentHistory, incident_page_routes

__all__ = ["IncidentData", "IncidentHistory", "incident_page_routes"]
