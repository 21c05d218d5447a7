"""HTML pages over the board: all SLOs, active alerts and the worst first, one SLO, alerts and incidents.

May import `app.status`, `app.metrics`, `app.gate`, the core, and of `app.delivery` its words and links; needs no
session, and scripts only for charts and live updates (ADR-0064). Start at `pages.py`; `rendering.py` is what all pages
share, `assets.py` what they load, `filters.py` what their addresses filter by, `views.py` turns a snapshot into what a
template prints, `incidents.py` shows an active alert. Each page is a folder: `overview/`, `slo/`, `alerts/`,
`incident/`, `objectives/`, `timeline/`, `policy/`, `backtests/` and `status/`.
"""

from app.ui.backtests import BacktestData
from app.ui.incident import IncidentData
from app.ui.objectives import ObjectivesData
from app.ui.overview import BurnDowns
from app.ui.pages import pages
from app.ui.policy import PolicyData
from app.ui.slo import SloData, Surroundings
from app.ui.status import StatusData
from app.ui.timeline import TimelineData

__all__ = [
    "BacktestData",
    "BurnDowns",
    "IncidentData",
    "ObjectivesData",
    "PolicyData",
    "SloData",
    "StatusData",
    "Surroundings",
    "TimelineData",
    "pages",
]
