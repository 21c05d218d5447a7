"""In how many slots events were bad: what fails at one moment often has one cause (ADR-0018)."""

import numpy as np

from app.ledger import FINE_REACH_S, AdjustedTime, Ledger

# But for rounding errors.
_WHOLE = 1 - 1e-6


def bad_slots(ledger: Ledger, row: int, *, start_s: float, end_s: float, left_out: AdjustedTime | None = None) -> float:
    """The number of cells in (start, end] that hold bad events; those of windows beyond a day are of five minutes.

    Cells that are *left_out* as a whole do not count.
    """
    resolution = ledger.fine if end_s - start_s <= FINE_REACH_S else ledger.middle
    first, last = int(start_s // resolution.width_s) + 1, int(-(-end_s // resolution.width_s))
    _, bad, _ = resolution.read(row, first, last)
    if left_out:
        _, share = left_out.shares(np.arange(first - 1, last + 1, dtype=np.float64) * resolution.width_s)
        bad = np.where(share < _WHOLE, bad, 0.0)
    return float(np.count_nonzero(bad))
