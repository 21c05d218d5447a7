"""The page of an SLO, of a member of a group, and of a whole group: the answer first, then charts over a chosen range.

May import what `app.ui` may. Start at `page.py`; `ranges.py` reads the range of the address, `charts.py` makes pictures
and a table for readers without scripts (`static/charts.js` draws for all others), `calendar.py` the days of a year,
`group.py` adds up members, `elsewhere.py` makes addresses of Prometheus and Alertmanager.
"""

from app.ui.slo.elsewhere import Surroundings
from app.ui.slo.page import SloData, slo_pages

__all__ = ["SloData", "Surroundings", "slo_pages"]
