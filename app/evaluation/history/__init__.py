"""The past of an SLO for readers: computed from a copy of its cells, in any thread, without the lock of evaluations.

May import `app.evaluation.saving`, status, store and the core. Start at `past.py`: `points.py` are the points of one
SLO, `range_series.py` the series of charts, `burn_down.py` the line of a window, `days.py` the days of the calendar,
`cost.py` what a
stretch of time cost, `older_days.py` what the ledger has forgotten.
"""

from app.evaluation.history.burn_down import burn_down
from app.evaluation.history.cost import cost
from app.evaluation.history.days import days
from app.evaluation.history.older_days import with_older_days
from app.evaluation.history.past import Past
from app.evaluation.history.points import points
from app.evaluation.history.range_series import range_series, sum_of_members

__all__ = ["Past", "burn_down", "cost", "days", "points", "range_series", "sum_of_members", "with_older_days"]
