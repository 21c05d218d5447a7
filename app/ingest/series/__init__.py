"""The SLIs that are counted, and which of them, and which members of their groups, a series belongs to.

May import the ledger and the core. Start at `tracked_slis.py` (one object for each SLI, with its progress), then
`series_index.py`. `group_limit.py`: the most members of a group; `buckets.py`: histograms; `matched_series.py`: which
labels the series of an SLI have.
"""
