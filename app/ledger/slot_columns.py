"""What rows counted in slots of time, as columns."""

from dataclasses import dataclass

import numpy as np

from app.slo.arrays import Floats


@dataclass(frozen=True, slots=True)
class SlotColumns:
    """Total and bad events, and measured seconds, of slots one after another; shape (slots,)."""

    total: Floats
    bad: Floats
    measured_s: Floats

    @classmethod
    def empty(cls, many: int) -> "SlotColumns":
        """So many slots without events, which take memory as they are used (ADR-0009)."""
        return cls(np.zeros(many), np.zeros(many), np.zeros(many))

    def cut(self, begin: int, *, first: int, last: int) -> "SlotColumns":
        """The slots from number *first* to *last*, without events where there are none; these are from *begin* on."""
        cut = SlotColumns.empty(last - first + 1)
        since, until = max(first, begin), min(last, begin + len(self.total) - 1)
        if since <= until:
            for column, whole in zip(cut.columns, self.columns, strict=True):
                column[since - first : until - first + 1] = whole[since - begin : until - begin + 1]
        return cut

    @property
    def columns(self) -> tuple[Floats, Floats, Floats]:
        """All three."""
        return self.total, self.bad, self.measured_s
