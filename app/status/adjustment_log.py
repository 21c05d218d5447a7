"""How readers get at adjustments, and people make, change and withdraw them."""

from collections.abc import Sequence
from typing import Protocol

from app.adjustments import Adjustment
from app.store.adjustments import AuditedChange


class TooManyAdjustmentsError(ValueError):
    """There are as many adjustments as there may be."""


class AdjustmentLog(Protocol):
    """Adjustments that are kept; called in a worker thread."""

    def listed(self) -> Sequence[Adjustment]:
        """All of them, also those that were withdrawn, the newest start first."""
        ...

    def find(self, adjustment: str) -> Adjustment | None:
        """One adjustment; None if none has this id."""
        ...

    def audit(self, adjustment: str) -> Sequence[AuditedChange]:
        """What was done with an adjustment, oldest first."""
        ...

    def imported_id(self, event: str) -> str:
        """The id of an adjustment that was made of an event of a calendar, by what the event is known by."""
        return event

    def save(self, adjustments: Sequence[Adjustment], *, action: str, author: str) -> None:
        """Keep adjustments, new or in place of what they were; they apply from the next evaluation on.

        Raises:
            TooManyAdjustmentsError: there would be too many.
        """
        ...
