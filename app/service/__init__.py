"""The composition root: wires the packages together, and owns the order of starting and stopping.

Start at `run.py` (the process: documents, database, port, signals). `engine.py` runs evaluations, backfill and delivery
in a thread and an event loop of their own, so that no API request delays an evaluation; `delivery_runtime.py` runs one
set of receivers; `adapters` implements the API's ports; `logs` and `memory.py` set up logging and memory.
"""

from app.service.run import run

__all__ = ["run"]
