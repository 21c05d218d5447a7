"""The page of alerts: what they do now and why, and the history of incidents and transitions.

Start at `page.py`; `query.py` is what the address asks for, `active.py` the alerts that are not inactive.
"""

from app.ui.alerts.page import alerts_page

__all__ = ["alerts_page"]
