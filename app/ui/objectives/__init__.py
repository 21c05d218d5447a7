"""The page of objectives: whether they were met in a period, and what spent the budgets. Works without scripts.

May import what `app.ui` may. Start at `page.py`.
"""

from app.ui.objectives.page import ObjectivesData, objectives_page

__all__ = ["ObjectivesData", "objectives_page"]
