"""Incidents for those who display: how they get at them, their figures of now, and a memory of the newest.

May import what `app.status` may. Start at `log.py`; `live.py` has the figures of now, `known.py` the memory.
"""
