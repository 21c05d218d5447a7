"""A change of a service: what was changed, when, by whom."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.slo import Labels, is_in_environment

# 64 bits: two of the 200,000 changes that are kept share an id with a chance of one in a billion.
_ID_DIGITS = 16


class ChangeKind(StrEnum):
    """What kind of change it is."""

    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    CONFIG = "config"
    FLAG = "flag"
    EXPERIMENT = "experiment"
    FREEZE = "freeze"
    NOTE = "note"


class ChangeStatus(StrEnum):
    """How far a change has got."""

    IN_PROGRESS = "in_progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change; *finished_at* is None while it goes on, and the same as *started_at* of a moment.

    *source* names the tool that reported it; *service* is empty where it concerns none in particular.
    """

    id: str
    source: str
    kind: ChangeKind
    service: str
    started_at: datetime
    finished_at: datetime | None
    status: ChangeStatus = ChangeStatus.SUCCEEDED
    environment: str = ""
    version: str = ""
    previous_version: str = ""
    title: str = ""
    url: str = ""
    actor: str = ""
    labels: Labels = ()

    @property
    def ended_at(self) -> datetime:
        """When it was finished; when it began while it goes on."""
        return self.started_at if self.finished_at is None else self.finished_at


def change_id(source: str, *parts: str) -> str:
    """A stable id of what a source knows by some parts: reports of the same change have the same."""
    text = "\0".join((source, *parts))
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_ID_DIGITS]


def last_before(changes: Iterable[Change], at: datetime) -> Change | None:
    """The newest change that began at a time or before; None if there is none."""
    earlier = [change for change in changes if change.started_at <= at]
    return max(earlier, key=lambda change: (change.started_at, change.id), default=None)


def concerns(change: Change, service: str, labels: Labels) -> bool:
    """Whether a change concerns an SLO of a service: one in another environment than that of its labels does not."""
    return change.service == service and is_in_environment(labels, change.environment)
