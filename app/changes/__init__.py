"""Changes of services: deploys, rollbacks and others, read from the forms in which tools report them.

Pure: no IO. May import `app.slo` and `app.wording`. Start at `reading.py`, which recognises the form of a request; each
of the other modules reads one of them into a `Change`; `found.py` finds deploys in labels of metrics.
"""

from app.changes.fields import LONGEST_URL, MalformedChangeError, moment_of, moment_of_text
from app.changes.found import (
    DEFAULT_QUERIES,
    FOUND_SOURCE,
    SAME_DEPLOY,
    SEEN_WITHIN,
    ChangeQuery,
    RunningVersions,
    is_same_deploy,
)
from app.changes.model import Change, ChangeKind, ChangeStatus, change_id, concerns, last_before
from app.changes.reading import IgnoredChange, Received, Reporter, read_change, reporter_of
from app.changes.versions import shown_version
from app.changes.words import change_before, change_title

__all__ = [
    "DEFAULT_QUERIES",
    "FOUND_SOURCE",
    "LONGEST_URL",
    "SAME_DEPLOY",
    "SEEN_WITHIN",
    "Change",
    "ChangeKind",
    "ChangeQuery",
    "ChangeStatus",
    "IgnoredChange",
    "MalformedChangeError",
    "Received",
    "Reporter",
    "RunningVersions",
    "change_before",
    "change_id",
    "change_title",
    "concerns",
    "is_same_deploy",
    "last_before",
    "moment_of",
    "moment_of_text",
    "read_change",
    "reporter_of",
    "shown_version",
]
