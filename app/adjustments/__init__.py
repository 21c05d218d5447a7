"""Adjustments: time that budgets leave out, or count as good, such as maintenance and corrections.

Pure: no IO. May import `app.slo` and `app.ledger`. The ledger itself never changes: an adjustment is an overlay on its
sums (ADR-0077). Start at `model.py`; `recurrence.py` expands rules of RFC 5545, `overlay.py` is what adjustments come
to for one SLO, `current.py` holds those that were not withdrawn.
"""

from app.adjustments.checks import checked_adjustment
from app.adjustments.current import CurrentAdjustments
from app.adjustments.members import AdjustedMembers
from app.adjustments.model import (
    AdjustedMember,
    Adjustment,
    AdjustmentCategory,
    AdjustmentEffect,
    AdjustmentSelector,
    EventShare,
    InvalidAdjustmentError,
    adjustment_title,
    instant,
)
from app.adjustments.overlay import Overlay, overlays_of
from app.adjustments.recurrence import Occurrence, occurrences, occurrences_a_year

__all__ = [
    "AdjustedMember",
    "AdjustedMembers",
    "Adjustment",
    "AdjustmentCategory",
    "AdjustmentEffect",
    "AdjustmentSelector",
    "CurrentAdjustments",
    "EventShare",
    "InvalidAdjustmentError",
    "Occurrence",
    "Overlay",
    "adjustment_title",
    "checked_adjustment",
    "instant",
    "occurrences",
    "occurrences_a_year",
    "overlays_of",
]
