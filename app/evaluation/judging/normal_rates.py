"""What is normal for each SLI, from the hours that the ledger keeps of it (ADR-0082)."""

from typing import NamedTuple

import numpy as np

from app.alerting import NormalRate, history_of
from app.budget import normal_share
from app.ledger import COARSE_WIDTH_S, Ledger

_CELLS_AN_HOUR = 3600 // COARSE_WIDTH_S


class _Known(NamedTuple):
    """The normal rate of a row, and which history it comes from: from when to when, unix seconds."""

    history: tuple[float, float]
    rate: NormalRate | None


class NormalRates:
    """The normal rates of rows that were asked for, each found once a day, or when more history has been read.

    Nothing is stored: the same history gives the same rate after a restart.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._known: dict[int, _Known] = {}

    def of(self, row: int, at_s: float) -> NormalRate | None:
        """What is normal for a row at *at_s*, unix seconds; None while its history is too short, or holds no events."""
        history = history_of(at_s, since_s=self._since_s(row))
        if history is None:
            return None
        known = self._known.get(row)
        if known is None or known.history != history:
            known = self._known[row] = _Known(history, self._rate(row, *history))
        return known.rate

    def _since_s(self, row: int) -> float:
        ledger = self.ledger
        oldest_s = float(ledger.coarse.newest - ledger.coarse.length(row)) * COARSE_WIDTH_S
        return max(oldest_s, float(np.fmax(ledger.first_sample_s[row], ledger.complete_from_s[row])))

    def _rate(self, row: int, start_s: float, end_s: float) -> NormalRate | None:
        first, last = round(start_s / COARSE_WIDTH_S) + 1, round(end_s / COARSE_WIDTH_S)
        total, bad, _ = self.ledger.coarse.read(row, first, last)
        found = normal_share(*(column.reshape(-1, _CELLS_AN_HOUR).sum(axis=1) for column in (total, bad)))
        if found is None:
            return None
        ratio, events = found
        return NormalRate(ratio=ratio, events=events, days=round((end_s - start_s) / 86_400.0))
