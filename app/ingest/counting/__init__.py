"""Counting the newest slot: what is asked for it, and how its samples get into the ledger.

May import `app.ingest.queries` and `app.ingest.series`. Start at `slot_queries.py`, then `ledger_writer.py`, which
history uses too. `late_samples.py`, `ended_series.py` and `start_times.py` find what the newest samples do not show.
"""
