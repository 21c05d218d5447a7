"""The evaluation: plan, query, count, compute, step alerts and commit, once per slot.

May import ingest, status, metrics, prometheus, store and the core. Start at `evaluator.py`. Querying and counting are
`app.ingest`; then `figures/` (the figures and problems of each SLO), `judging/` (its alerts), `top_contributors.py`
(the label values with most bad events) and `saving/` (what one transaction writes). `history/` computes the past of
SLOs for readers, `past_figures.py` all that is exposed of one, and `forecasting.py` what
is to come.
"""

from app.evaluation.contributors_in_range import RangeQuestion
from app.evaluation.evaluator import EvaluationTiming, Evaluator
from app.evaluation.forecasting import outlooks
from app.evaluation.history import Past, burn_down, cost, days, points, range_series, sum_of_members, with_older_days
from app.evaluation.past_figures import ExposedPast, MemberHistory, PastFigures, WindowPast, past_figures
from app.evaluation.saving.budget_record import recorded_budgets
from app.evaluation.saving.ledger_store import check_interval
from app.ingest.ports import EvaluationInstruments, Source

__all__ = [
    "EvaluationInstruments",
    "EvaluationTiming",
    "Evaluator",
    "ExposedPast",
    "MemberHistory",
    "Past",
    "PastFigures",
    "RangeQuestion",
    "Source",
    "WindowPast",
    "burn_down",
    "check_interval",
    "cost",
    "days",
    "outlooks",
    "past_figures",
    "points",
    "range_series",
    "recorded_budgets",
    "sum_of_members",
    "with_older_days",
]
