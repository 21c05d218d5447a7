"""From an evaluation to the database: counts, alerts, transitions and notifications, in one transaction.

May import `app.evaluation.judging`, ingest, store and the core. Start at `writer.py`; the state of each SLI is
`ledger_store.py`, encoded by `state_encoding.py` in the layouts of `state_records.py`. What could not be written waits
in `pending_writes.py`.
"""
