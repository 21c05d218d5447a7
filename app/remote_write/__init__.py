"""Sending figures to receivers of Prometheus's remote write: those of each evaluation, and once those of the past.

May import past_metrics, the evaluation, metrics, http, the store and the core. Start at `writer.py`, which decides what
is sent next; `parts.py` is what of the past is still to be sent, `requests.py` makes bodies of figures (`messages.py`),
`client.py` says what an answer means. `writers.py` has the writers of all receivers.
"""

# Only what the configuration needs: commands that read it start faster without the rest.
from app.remote_write.options import DEFAULT_HISTORY, DEFAULT_STEP, QueueOptions, RemoteWriteOptions, RemoteWriteStatus

__all__ = ["DEFAULT_HISTORY", "DEFAULT_STEP", "QueueOptions", "RemoteWriteOptions", "RemoteWriteStatus"]
