"""The composition root: wires the rooms together, and owns the order of starting and stopping.

Start at `run.py` (the process: documents, database, port, signals). `engine.py` is what works (ticks, backfill,
delivery, in a thread and an event loop of their own, so that no API request delays a tick), with `delivering.py` for
one set of receivers; `faces.py` is what the API asks of it; `logs.py` and `memory.py` set up logging and memory.
"""

from app.service.run import run

__all__ = ["run"]
