"""The ledger: total and bad events per slot, counted from raw counter samples.

Pure: no IO. May import `app.slo` only. Start at `counting/` (samples to increments), then `resolutions.py` (slots at
several resolutions) and `ledger.py`, which holds them together. Why samples are counted here and not in PromQL:
ADR-0001.
"""

from app.ledger.codec import pack_cells, unpack_cells
from app.ledger.counting.births import Birth, FirstSighting, decide, decide_births, join, join_births
from app.ledger.counting.count import Count, count, stand, united
from app.ledger.counting.last_samples import PACE_GRID_S, Dip, LastSamples
from app.ledger.counting.new_targets import SCRAPE_S, FirstScrape
from app.ledger.counting.samples import Samples
from app.ledger.counting.starts import Starts, unproven_since, unproven_within
from app.ledger.edge_slots import HOUR_S
from app.ledger.increments import Increments
from app.ledger.ledger import (
    COARSE_WIDTH_S,
    FINE_REACH_S,
    MIDDLE_REACH_S,
    MIDDLE_WIDTH_S,
    Ledger,
    Stage,
    WindowSums,
)
from app.ledger.past import RowPast
from app.ledger.registry import CounterKey, Registry, RowKey, fingerprint
from app.ledger.resolutions import Resolution
from app.ledger.runs import LOOKBACK_S, LastSeen

__all__ = [
    "COARSE_WIDTH_S",
    "FINE_REACH_S",
    "HOUR_S",
    "LOOKBACK_S",
    "MIDDLE_REACH_S",
    "MIDDLE_WIDTH_S",
    "PACE_GRID_S",
    "SCRAPE_S",
    "Birth",
    "Count",
    "CounterKey",
    "Dip",
    "FirstScrape",
    "FirstSighting",
    "Increments",
    "LastSamples",
    "LastSeen",
    "Ledger",
    "Registry",
    "Resolution",
    "RowKey",
    "RowPast",
    "Samples",
    "Stage",
    "Starts",
    "WindowSums",
    "count",
    "decide",
    "decide_births",
    "fingerprint",
    "join",
    "join_births",
    "pack_cells",
    "stand",
    "united",
    "unpack_cells",
    "unproven_since",
    "unproven_within",
]
