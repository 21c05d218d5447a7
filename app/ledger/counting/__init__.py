"""From raw counter samples to increments.

Start at `count.py` (sample by sample), then `verdicts.py` (what a fall or a first sample is worth; ADR-0032),
`falls.py`, `births.py`, `lineage.py` (which series are one counter) and `new_targets.py`.
"""
