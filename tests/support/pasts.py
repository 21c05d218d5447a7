"""The past of SLOs, made by hand."""

from datetime import timedelta

import numpy as np

from app.evaluation import Past
from app.ledger import COARSE_WIDTH_S, RowPast
from app.slo import RollingWindow, Slo
from app.slo.arrays import Floats
from tests.support.snapshots import an_slo


def a_past(
    *,
    since_s: float,
    until_s: float,
    width_s: int = COARSE_WIDTH_S,
    per_cell: tuple[float, float] = (900.0, 0.0),
    slo: Slo | None = None,
) -> Past:
    """Cells of one width, all measured, with the same total and bad events in each; known as far back as they reach."""
    edges_s = np.arange(since_s, until_s + 1, width_s, dtype=np.float64)
    cells = len(edges_s) - 1

    def column(value: float) -> Floats:
        return np.full(cells, value)

    row = RowPast(
        edges_s=edges_s,
        total=column(per_cell[0]),
        bad=column(per_cell[1]),
        measured_s=column(float(width_s)),
        first_sample_s=since_s,
        complete_from_s=0.0,
        watermark_s=float(edges_s[-1]),
    )
    slo = slo or an_slo(window=RollingWindow(timedelta(days=1)))
    return Past(slo=slo, group=(), row=row, known_from_s=since_s)
