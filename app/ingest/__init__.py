"""From Prometheus to the ledger, one instance for each data source.

May import prometheus, promql and the ledger. Start at `counting/` (the newest slot); `history/` counts the past, both
by way of `queries/` (many SLIs in few queries) and `series/` (which SLIs a series belongs to, and how far each SLI is
counted).
"""

from app.ingest.ports import EvaluationInstruments, Source

__all__ = ["EvaluationInstruments", "Source"]
