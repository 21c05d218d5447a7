"""In how many slots events were bad: what fails at one moment often has one cause (ADR-0018)."""

import numpy as np

from app.ledger import FINE_REACH_S, Ledger


def bad_slots(ledger: Ledger, row: int, *, start_s: float, end_s: float) -> float:
    """The number of cells in (start, end] that hold bad events; those of windows beyond a day are of five minutes."""
    resolution = ledger.fine if end_s - start_s <= FINE_REACH_S else ledger.middle
    first, last = int(start_s // resolution.width_s) + 1, int(-(-end_s // resolution.width_s))
    _, bad, _ = resolution.read(row, first, last)
    return float(np.count_nonzero(bad))
