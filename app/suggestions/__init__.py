"""SLOs suggested from the metrics of a service: what they instrument, which SLIs they give, what history reached.

Asks Prometheus through `ports.MetricExplorer`, which `app.prometheus` fulfils; everything else is pure. Start at
`suggest.py`. `instrumentations/` is the catalogue, `recognition.py` finds its entries by names, `discovery.py` asks
which services have them, `slis.py` makes SLIs of them, `history.py` reads daily values, `objectives.py` and
`thresholds.py` choose the numbers, `document.py` writes them down.
"""

from app.suggestions.document import (
    WHY_NOT_100,
    days_sentence,
    document_text,
    percent,
    slo_keys,
    why_objective,
    written_bound,
)
from app.suggestions.ports import MetricExplorer
from app.suggestions.proposals import Proposal, ServiceProposals, Suggestions
from app.suggestions.suggest import HistoryProgress, suggest_slos

__all__ = [
    "WHY_NOT_100",
    "HistoryProgress",
    "MetricExplorer",
    "Proposal",
    "ServiceProposals",
    "Suggestions",
    "days_sentence",
    "document_text",
    "percent",
    "slo_keys",
    "suggest_slos",
    "why_objective",
    "written_bound",
]
