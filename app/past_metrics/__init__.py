"""The metrics of the past: what `/metrics` would have shown of each SLO, for those who keep it elsewhere.

May import the evaluation, metrics, the store and the core. `series.py` gives the figures of the past their names and
labels; `openmetrics.py` writes them as text for promtool. `stored.py` reads the past of many SLOs from the database of
a service, a few at a time, `stored_ledger.py` their counts for backtests; `recorded.py` what it has recorded of one
beside its counts.
"""

from app.past_metrics.openmetrics import Exported, OpenMetricsFile
from app.past_metrics.recorded import IncidentSpan, Recorded, read_recorded
from app.past_metrics.series import PastSeries, past_series, with_added
from app.past_metrics.stored import StoredPast, stored_pasts
from app.past_metrics.stored_ledger import StoredLedger

__all__ = [
    "Exported",
    "IncidentSpan",
    "OpenMetricsFile",
    "PastSeries",
    "Recorded",
    "StoredLedger",
    "StoredPast",
    "past_series",
    "read_recorded",
    "stored_pasts",
    "with_added",
]
