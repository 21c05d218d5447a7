"""The pages of the timeline: deploys and other changes with what they cost, and adjustments of budgets.

Start at `page.py`; `adjustments.py` has the list of adjustments and its forms.
"""

from app.ui.timeline.data import TimelineData
from app.ui.timeline.page import timeline_pages

__all__ = ["TimelineData", "timeline_pages"]
