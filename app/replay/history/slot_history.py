"""What was counted of one SLO in the past, slot by slot."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from app.ledger import SlotColumns
from app.slo.arrays import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotHistory:
    """Slots of *interval_s* seconds one after another: the first one ends at *first* x *interval_s* in unix seconds.

    *first_sample_s* is when the SLI was first measured, NaN if never; what was before is not expected to be measured.
    *resolution_s* is how wide the cells are that the slots were made of, the widest: their events are spread evenly.
    """

    first: int
    interval_s: int
    slots: SlotColumns
    first_sample_s: float
    resolution_s: int

    @classmethod
    def of_counts(
        cls,
        total: Floats | Ints,
        bad: Floats | Ints,
        *,
        end_of_first_s: float,
        interval_s: int,
        first_sample_s: float | None = None,
    ) -> "SlotHistory":
        """Slots that were all measured, as those of simulated months are; shapes (slots,).

        Without *first_sample_s* the SLI began with the first slot.
        """
        first = round(end_of_first_s / interval_s)
        return cls(
            first=first,
            interval_s=interval_s,
            slots=SlotColumns(total.astype(np.float64), bad.astype(np.float64), np.full(len(total), float(interval_s))),
            first_sample_s=float((first - 1) * interval_s) if first_sample_s is None else first_sample_s,
            resolution_s=interval_s,
        )

    def __len__(self) -> int:
        """How many slots there are."""
        return len(self.slots.total)

    @property
    def start_s(self) -> float:
        """Where the first slot begins."""
        return float((self.first - 1) * self.interval_s)

    def place(self, at_s: float) -> int:
        """The place of the newest slot that has ended at a time; -1 before the first one has."""
        return min(max(int((at_s - self.start_s) // self.interval_s), 0), len(self)) - 1

    def first_after(self, start: datetime | None) -> int:
        """The place of the first slot that ends after a time; that of the first one of all without a time."""
        return 0 if start is None else self.place(start.timestamp()) + 1

    def first_from(self, start: datetime) -> int:
        """The place of the first slot that ends at a time or after it; the number of slots if none does."""
        return min(max(-int((self.start_s - start.timestamp()) // self.interval_s) - 1, 0), len(self))

    def until(self, end: datetime) -> "SlotHistory":
        """The slots that have ended at a time."""
        last = self.first + self.place(end.timestamp())
        return replace(self, slots=self.slots.cut(self.first, first=self.first, last=last))

    def after(self, start: datetime) -> "SlotHistory":
        """The slots that end after a time."""
        first = self.first + self.first_after(start)
        last = self.first + len(self) - 1
        return replace(self, first=first, slots=self.slots.cut(self.first, first=first, last=last))

    def at(self, place: int) -> datetime:
        """When the slot at a place ends."""
        return datetime.fromtimestamp((self.first + place) * self.interval_s, UTC)
