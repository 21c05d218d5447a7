"""The ledger: total and bad events per slot, counted from raw counter samples.

Pure: no IO. May import `app.slo` only. Start at `counting.py` (samples to increments), then `newcomers.py` (what a
counter that was never seen before is worth), `tiers.py` (slots at several resolutions) and `ledger.py`, which holds
them together. Why samples are counted here and not in PromQL: ADR-0001.
"""

from app.ledger.counting import Count, Head, Increments, Samples, count, join
from app.ledger.cursor import Cursor
from app.ledger.ledger import Ledger, WindowSums
from app.ledger.registry import CounterKey, Registry, RowKey, fingerprint

__all__ = [
    "Count",
    "CounterKey",
    "Cursor",
    "Head",
    "Increments",
    "Ledger",
    "Registry",
    "RowKey",
    "Samples",
    "WindowSums",
    "count",
    "fingerprint",
    "join",
]
