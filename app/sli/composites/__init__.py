"""Composites of other SLOs: what they are made of (`composite.py`), and how slices are decided (`composing.py`).

Imports the other modules of `app.sli` that kinds of SLIs share.
"""

from app.sli.composites.composing import ComponentCounts, ComposedSlices, compose_slices
from app.sli.composites.composite import Composite, Part

__all__ = ["ComponentCounts", "ComposedSlices", "Composite", "Part", "compose_slices"]
