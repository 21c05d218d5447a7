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

    @property
    def columns(self) -> tuple[Floats, Floats, Floats]:
        """All three."""
        return self.total, self.bad, self.measured_s
