"""From raw counter samples to increments.

Start at `count.py` (sample by sample), then `plausibility.py` (which values can have been counted; ADR-0032),
`falls.py`, `first_samples.py`, `series_links.py` (which series are one counter) and `new_targets.py`.
"""
