"""Whether an adjustment can be."""

from datetime import UTC, datetime, timedelta

from app.adjustments.model import LONGEST, MOST_SELECTED, Adjustment, InvalidAdjustmentError
from app.adjustments.recurrence import check_recurrence
from app.slo import EARLIEST, LATEST


def checked_adjustment(adjustment: Adjustment) -> Adjustment:
    """The adjustment, if it can be.

    Raises:
        InvalidAdjustmentError: it cannot.
    """
    selector = adjustment.selector
    named = (*selector.slos, *selector.services, *selector.labels)
    if selector.is_empty:
        raise InvalidAdjustmentError("slos, services and labels are missing: name what is adjusted, or set everything")
    if selector.everything and named:
        raise InvalidAdjustmentError("everything cannot be combined with slos, services or labels")
    if len(named) > MOST_SELECTED:
        raise InvalidAdjustmentError(
            f"at most {MOST_SELECTED:,} SLOs, services and labels can be named: select by label"
        )
    if not timedelta(seconds=1) <= adjustment.duration <= LONGEST:
        raise InvalidAdjustmentError(f"end must be at least a second and at most {LONGEST.days} days after start")
    if not EARLIEST <= _starts_at(adjustment) < LATEST:
        raise InvalidAdjustmentError(f"start must be between {EARLIEST.year} and {LATEST.year}")
    if not adjustment.reason.strip():
        raise InvalidAdjustmentError("reason is missing: say why budgets are adjusted")
    if adjustment.rrule:
        check_recurrence(adjustment)
    return adjustment


def _starts_at(adjustment: Adjustment) -> datetime:
    try:
        return adjustment.starts_at
    except (OverflowError, ValueError):
        return datetime.max.replace(tzinfo=UTC)
