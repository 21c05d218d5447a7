"""HTML pages over the board: all SLOs, active alerts and the worst first, and one SLO, where links in alerts lead.

May import `app.status`, the core, and of `app.delivery` its words and links; needs neither script nor session. Start at
`pages.py`; `views.py` turns a snapshot into what a template prints, `incidents.py` shows an active alert.
"""

from app.ui.pages import pages

__all__ = ["pages"]
