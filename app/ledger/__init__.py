"""The ledger: total and bad events per slot, counted from raw counter samples.

Pure: no IO. May import `app.slo` only. Start at `counting/` (samples to increments), then `resolutions.py` (slots at
several resolutions) and `ledger.py`, which holds them together. Why samples are counted here and not in PromQL:
ADR-0001.
"""

from app.ledger.added_rows import Addend, SourceRows, add_up, measured_of_sources
from app.ledger.adjusted_time import AdjustedTime
from app.ledger.codec import pack_cells, unpack_cells
from app.ledger.counting.count import Count, count, positions_at, united
from app.ledger.counting.first_samples import (
    FirstSighting,
    NewSeries,
    count_first_samples,
    link_series_to_older,
    link_targets_to_older,
)
from app.ledger.counting.last_samples import PACE_GRID_S, Dip, LastSamples
from app.ledger.counting.new_targets import SCRAPE_S, FirstScrape
from app.ledger.counting.plausibility import NEAR_EVENTS
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
from app.ledger.past_slots import PastSlots, past_slots
from app.ledger.registry import CounterKey, Registry, RowKey, fingerprint
from app.ledger.resolutions import Resolution, each_cell
from app.ledger.runs import HISTORY_WARM_UP_S, LOOKBACK_S, WARM_UP_S, LastSeen
from app.ledger.slot_columns import SlotColumns

__all__ = [
    "COARSE_WIDTH_S",
    "FINE_REACH_S",
    "HISTORY_WARM_UP_S",
    "HOUR_S",
    "LOOKBACK_S",
    "MIDDLE_REACH_S",
    "MIDDLE_WIDTH_S",
    "NEAR_EVENTS",
    "PACE_GRID_S",
    "SCRAPE_S",
    "WARM_UP_S",
    "Addend",
    "AdjustedTime",
    "Count",
    "CounterKey",
    "Dip",
    "FirstScrape",
    "FirstSighting",
    "Increments",
    "LastSamples",
    "LastSeen",
    "Ledger",
    "NewSeries",
    "PastSlots",
    "Registry",
    "Resolution",
    "RowKey",
    "RowPast",
    "Samples",
    "SlotColumns",
    "SourceRows",
    "Stage",
    "Starts",
    "WindowSums",
    "add_up",
    "count",
    "count_first_samples",
    "each_cell",
    "fingerprint",
    "link_series_to_older",
    "link_targets_to_older",
    "measured_of_sources",
    "pack_cells",
    "past_slots",
    "positions_at",
    "united",
    "unpack_cells",
    "unproven_since",
    "unproven_within",
]
