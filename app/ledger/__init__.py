"""The ledger: total and bad events per slot, counted from raw counter samples.

Pure: no IO. May import `app.slo` only. Start at `counting.py` (samples to increments), then `newcomers.py` (what a
counter that was never seen before is worth), `tiers.py` (slots at several resolutions) and `ledger.py`, which holds
them together. Why samples are counted here and not in PromQL: ADR-0001.
"""

from app.ledger.codec import pack, pack_cells, unpack, unpack_cells
from app.ledger.counting import Count, Head, Increments, Samples, count, decide, join, stand
from app.ledger.cursor import Cursor
from app.ledger.details import HOUR_S
from app.ledger.ledger import (
    COARSE_WIDTH_S,
    FINE_REACH_S,
    MIDDLE_REACH_S,
    MIDDLE_WIDTH_S,
    Ledger,
    Stage,
    WindowSums,
)
from app.ledger.newcomers import Evidence
from app.ledger.past import RowPast
from app.ledger.registry import CounterKey, Registry, RowKey, Weights, fingerprint
from app.ledger.runs import LOOKBACK_S, Sighting
from app.ledger.tiers import Tier

__all__ = [
    "COARSE_WIDTH_S",
    "FINE_REACH_S",
    "HOUR_S",
    "LOOKBACK_S",
    "MIDDLE_REACH_S",
    "MIDDLE_WIDTH_S",
    "Count",
    "CounterKey",
    "Cursor",
    "Evidence",
    "Head",
    "Increments",
    "Ledger",
    "Registry",
    "RowKey",
    "RowPast",
    "Samples",
    "Sighting",
    "Stage",
    "Tier",
    "Weights",
    "WindowSums",
    "count",
    "decide",
    "fingerprint",
    "join",
    "pack",
    "pack_cells",
    "stand",
    "unpack",
    "unpack_cells",
]
