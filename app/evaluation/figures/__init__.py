"""From the ledger to figures: windows, budgets and problems of each SLO, as arrays and then as snapshots.

May import the tracked SLIs of ingest, status and the core; no alert is stepped here. Start at `figures.py`, computed
for the SLOs and group members of `members.py`; then `problems.py` (what is wrong with an SLI) and `snapshots.py`.
"""
