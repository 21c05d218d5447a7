"""The deploy gate: answers by the newest snapshots, keeps states, exceptions and a log of its decisions.

It never asks Prometheus and no answer waits for the database. May import the store, `app.status` and the core. Start at
`gate.py`; `columns.py` judges many SLOs at once, `states.py` moves SLOs from state to state, `notifications.py` has
what receivers get.
"""

from app.gate.exception_requests import (
    LONGEST_EXCEPTION,
    LONGEST_EXCEPTION_REASON,
    LONGEST_EXCEPTION_VALUE,
    MOST_EXCEPTION_VALUES,
    ExceptionRequest,
    InvalidExceptionError,
    checked_exception,
    written_line,
)
from app.gate.gate import Gate, GateAnswer, GateCaller, subject_of
from app.gate.states import PolicyStates

__all__ = [
    "LONGEST_EXCEPTION",
    "LONGEST_EXCEPTION_REASON",
    "LONGEST_EXCEPTION_VALUE",
    "MOST_EXCEPTION_VALUES",
    "ExceptionRequest",
    "Gate",
    "GateAnswer",
    "GateCaller",
    "InvalidExceptionError",
    "PolicyStates",
    "checked_exception",
    "subject_of",
    "written_line",
]
