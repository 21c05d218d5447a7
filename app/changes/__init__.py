"""Changes of services: deploys, rollbacks and others, read from the forms in which tools report them.

Pure: no IO. May import `app.slo` and `app.wording`. Start at `reading.py`, which recognises the form of a request; each
of the other modules reads one of them into a `Change`.
"""

from app.changes.fields import MalformedChangeError
from app.changes.model import Change, ChangeKind, ChangeStatus, change_id, concerns, last_before
from app.changes.reading import IgnoredChange, Received, Reporter, read_change, reporter_of
from app.changes.versions import shown_version
from app.changes.words import change_before, change_title

__all__ = [
    "Change",
    "ChangeKind",
    "ChangeStatus",
    "IgnoredChange",
    "MalformedChangeError",
    "Received",
    "Reporter",
    "change_before",
    "change_id",
    "change_title",
    "concerns",
    "last_before",
    "read_change",
    "reporter_of",
    "shown_version",
]
