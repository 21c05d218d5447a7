"""What is normal for each SLI, from the hours that the ledger keeps of it (ADR-0082)."""

from functools import partial

import numpy as np

from app.alerting import KnownRates, NormalRate
from app.budget import normal_share
from app.ledger import COARSE_WIDTH_S, Ledger

_CELLS_AN_HOUR = 3600 // COARSE_WIDTH_S


class NormalRates:
    """The normal rates of rows that were asked for, each found once a day, or when more history has been read."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._known: dict[int, KnownRates] = {}

    def of(self, row: int, at_s: float) -> NormalRate | None:
        """What is normal for a row at *at_s*, unix seconds; None while its history is too short, or holds no events."""
        known = self._known.setdefault(row, KnownRates())
        return known.at(at_s, since_s=self._since_s(row), share=partial(self._share, row))

    def _since_s(self, row: int) -> float:
        ledger = self.ledger
        oldest_s = float(ledger.coarse.newest - ledger.coarse.length(row)) * COARSE_WIDTH_S
        return max(oldest_s, float(np.fmax(ledger.first_sample_s[row], ledger.complete_from_s[row])))

    def _share(self, row: int, start_s: float, end_s: float) -> tuple[float, float] | None:
        first, last = round(start_s / COARSE_WIDTH_S) + 1, round(end_s / COARSE_WIDTH_S)
        total, bad, _ = self.ledger.coarse.read(row, first, last)
        return normal_share(*(column.reshape(-1, _CELLS_AN_HOUR).sum(axis=1) for column in (total, bad)))
