"""From Prometheus to the ledger, one instance for each data source.

May import prometheus, promql and the ledger. Start at `counting/` (the newest slot); `history/` counts the past, both
by way of `queries/` (many SLIs in few queries) and `series/` (which SLIs a series belongs to, and how far each SLI is
counted).
"""

from app.ingest.counting.composites import leaves_of
from app.ingest.history.backfill import BoundedSource
from app.ingest.history.history_counter import HistoryCounter
from app.ingest.history.history_reader import OneSource, SourceReaders, TimeRange
from app.ingest.ports import EvaluationInstruments, NamedSource, Source
from app.ingest.queries.query_batcher import QueryBatcher
from app.ingest.series.source_labels import labelled
from app.ingest.series.tracked_slis import TrackedSli, tracked_slis_of

__all__ = [
    "BoundedSource",
    "EvaluationInstruments",
    "HistoryCounter",
    "NamedSource",
    "OneSource",
    "QueryBatcher",
    "Source",
    "SourceReaders",
    "TimeRange",
    "TrackedSli",
    "labelled",
    "leaves_of",
    "tracked_slis_of",
]
