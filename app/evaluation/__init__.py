"""The evaluation: plan, ask, count, compute, step alerts and commit, once per slot.

May import ingest, status, metrics, prometheus, store, spec, clock and the core. Start at `evaluator.py`. Asking and
counting are `app.ingest`; then `figures.py`, `judging.py` and `conditions.py` (alerts), `top_contributors.py` (which
label values the errors share), `incidents.py` (what they have spent), `views.py` (snapshots), `writing.py`,
`pending_writes.py` and `ledger_store.py` (what is stored). `sparing.py`: one SLO's failure stops no other.
"""

from app.evaluation.budget_record import RECORDED_EVERY_S
from app.evaluation.evaluator import EvaluationTiming, Evaluator
from app.evaluation.history import Past, points
from app.ingest.ports import EvaluationInstruments, Source

__all__ = ["RECORDED_EVERY_S", "EvaluationInstruments", "EvaluationTiming", "Evaluator", "Past", "Source", "points"]
