"""The log of the service: `configure.py` sets it up.

`event_names.py` has names of events that stay, `trace_ids.py` leads to traces, `repeats.py` bounds lines of one kind.
"""

from app.service.logs.configure import configure_logging

__all__ = ["configure_logging"]
