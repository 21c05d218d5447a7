"""From Prometheus to the ledger: slot queries, backfill, window edges, late samples and query health.

May import prometheus, promql and the ledger. Live counting: `slot_queries.py` (what to ask for one slot),
`query_batcher.py` (many SLIs in few queries), `series_index.py` (which SLIs a series belongs to), `ledger_writer.py`.
History: `backfill.py`, `history_reader.py`, `inexact_cells.py`, `window_edges.py`. Failed queries: `query_health.py`.
"""

from app.ingest.ports import EvaluationInstruments, Source

__all__ = ["EvaluationInstruments", "Source"]
