"""The composition root: wires the packages together, and owns the order of starting and stopping.

Start at `run.py` (the process: documents, database, port, signals). `engine.py` runs evaluations, backfill and delivery
in a thread and an event loop of their own, so that no API request delays an evaluation; `delivery_runtime.py` runs one
<<<<<<< HEAD
set of receivers; `adapters` implements the API's ports; `logs.py` and `memory.py` set up logging and memory.
=======
set of receivers; `api_adapters.py` implements the API's ports; `logs/` and `memory.py` set up logging and memory.
>>>>>>> c526d834 (service: the log has a sub-package; remote_write: names that no other package has)
"""

from app.service.run import run

__all__ = ["run"]
