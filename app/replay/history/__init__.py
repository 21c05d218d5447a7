"""The past, slot by slot: `slot_history.py` is what it is, `window_series.py` the figures of windows at every slot.

`history_reader.py` reads it from Prometheus, `ledger_history.py` completes it from the ledger of a service.
"""
