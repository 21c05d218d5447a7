"""The past of a row as slots, from the finest cells that the ledger still has of it."""

from dataclasses import dataclass

import numpy as np

from app.ledger.ledger import COARSE_WIDTH_S, FINE_REACH_S, MIDDLE_REACH_S, Ledger
from app.slo.arrays import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class PastSlots:
    """Events and measured seconds of slots one after another, shape (slots,): those of a cell are in its last slot.

    *width_s* is how wide the cell of each slot is; 0 where the ledger has no cell.
    """

    total: Floats
    bad: Floats
    measured_s: Floats
    width_s: Ints


def past_slots(ledger: Ledger, row: int, first: int, last: int) -> PastSlots:
    """The slots from number *first* to *last* of a row; cells that are not wholly among them are left out."""
    many = max(last - first + 1, 0)
    columns, width_s = np.zeros((3, many)), np.zeros(many, dtype=np.int64)
    since_s, until_s = (first - 1) * ledger.interval_s, last * ledger.interval_s
    # Older cells of a finer resolution hold what was counted in coarser ones, at the ends of these.
    for resolution, reach_s in ((ledger.coarse, np.inf), (ledger.middle, MIDDLE_REACH_S), (ledger.fine, FINE_REACH_S)):
        begin_s = -(-max(since_s, ledger.newest_s - reach_s) // COARSE_WIDTH_S) * COARSE_WIDTH_S
        cell, end = round(begin_s / resolution.width_s) + 1, int(until_s // resolution.width_s)
        if end < cell:
            continue
        each = resolution.width_s // ledger.interval_s
        inside = slice((cell - 1) * each - first + 1, end * each - first + 1)
        columns[:, inside], width_s[inside] = 0.0, resolution.width_s
        columns[:, inside][:, each - 1 :: each] = np.array(resolution.read(row, cell, end))
    return PastSlots(total=columns[0], bad=columns[1], measured_s=columns[2], width_s=width_s)
