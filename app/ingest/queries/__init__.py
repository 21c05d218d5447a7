"""Queries of many SLIs at once, and the health of those that fail.

May import `app.ingest.series` and prometheus; counts nothing. Start at `query_batcher.py`, then `query_health.py`.
`partitioning.py` reads in parts what is too large for one answer, `metric_inspection.py` looks at metrics' types.
"""
