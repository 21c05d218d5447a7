"""Two HTML pages over the board: all SLOs, worst first, and one SLO, where links in alerts lead.

May import `app.status` and the core; needs neither script nor session. Start at `pages.py`; `views.py` turns a
snapshot into what a template prints.
"""

from app.ui.pages import pages

__all__ = ["pages"]
