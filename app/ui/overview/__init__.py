"""The overview: what needs attention now, and all SLOs in groups.

May import what `app.ui` may. Start at `page.py`; `query.py` is what the URL asks for, `groups.py` the rows of the
table, `attention.py` what is above it.
"""

from app.ui.overview.page import overview_page
from app.ui.overview.sparkline import BurnDowns

__all__ = ["BurnDowns", "overview_page"]
