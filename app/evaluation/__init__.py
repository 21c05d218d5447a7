"""One tick: plan, ask, count, compute, step alerts, commit; and the backfill of history.

May import status, metrics, prometheus, store, spec, clock and the core. Start at `evaluator.py`. A tick goes: `live.py`
(what to ask), `asking.py` (packing and blaming), `intake.py` (series to counters), `book.py` (counting, with the
ledger), `figures.py`, `judging.py` and `conditions.py` (alerts), `top_contributors.py` (which label
values the errors share), `incidents.py` (what they have spent), `views.py`
(snapshots), `writing.py`, `unsaved.py` and `keeping.py` (what goes to disk). What fails is seen to by `troubles.py`
(queries) and `sparing.py` (single SLOs). History: `backfill.py`, `past.py`, `cells.py`, `edges.py`.
"""

from app.evaluation.budget_record import RECORDED_EVERY_S
from app.evaluation.evaluator import Evaluator, Pace
from app.evaluation.history import Past, points
from app.evaluation.ports import EvaluationInstruments, Source

__all__ = ["RECORDED_EVERY_S", "EvaluationInstruments", "Evaluator", "Pace", "Past", "Source", "points"]
