"""Counting the past: the backfill of new SLIs, and the hours at which windows start.

May import the rest of ingest, which does not import it. Start at `backfill.py`, then `history_reader.py` (few samples
for a month) with `inexact_cells.py`, and `window_edges.py`.
"""
