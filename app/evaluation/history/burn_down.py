"""How the budget of a window was spent, as the line beside an SLO."""

from datetime import datetime

import numpy as np

from app.evaluation.history.past import Past


def burn_down(past: Past, *, start: datetime, end: datetime, budget_events: float, steps: int) -> tuple[float, ...]:
    """What remained of a window's budget after each of equal *steps*, from 1.0 at its start.

    *budget_events* is how many bad events the budget of the whole window is. Empty where nothing is known.
    """
    row = past.row
    if row is None or end <= start or not budget_events > 0:
        return ()
    _, bad, _ = row.counted_before(np.linspace(start.timestamp(), end.timestamp(), steps + 1))
    remaining: list[float] = (1.0 - (bad - bad[0]) / budget_events).tolist()
    return tuple(remaining)
