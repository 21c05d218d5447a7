"""JSON over HTTP: the SLOs on the board, their history, their alerts, and the state of the service.

May import `app.status`, `app.metrics` and what lies below, and of `app.delivery` its words and links; what else it
needs comes through `ports.py`. Start at `application.py`, which puts the routes together; `documents.py` is the JSON of
an SLO, `problems.py` that of an error.
"""

from app.api.admission import leave_place
from app.api.application import create_app
from app.api.auditing import REFUSED_STATUSES
from app.api.data import ApiData
from app.api.guard import MAX_BODY_BYTES
from app.api.needs import needs
from app.api.past_turn import PastTurn
from app.api.ports import AlertLog, History
from app.api.prefix import path_prefix
from app.api.problems import show_problems_to_browsers
from app.api.stream import Stream
from app.api.tenants import seen_by_readers
from app.api.timeline import Timeline

__all__ = [
    "MAX_BODY_BYTES",
    "REFUSED_STATUSES",
    "AlertLog",
    "ApiData",
    "History",
    "PastTurn",
    "Stream",
    "Timeline",
    "create_app",
    "leave_place",
    "needs",
    "path_prefix",
    "seen_by_readers",
    "show_problems_to_browsers",
]
