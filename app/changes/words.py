"""Changes in words."""

from datetime import datetime

from app.changes.model import Change, ChangeKind, ChangeStatus
from app.changes.versions import shown_version

_WORDS = {
    ChangeKind.DEPLOY: "Deploy",
    ChangeKind.ROLLBACK: "Rollback",
    ChangeKind.CONFIG: "Configuration change",
    ChangeKind.FLAG: "Feature flag",
    ChangeKind.EXPERIMENT: "Experiment",
    ChangeKind.FREEZE: "Freeze",
    ChangeKind.NOTE: "Note",
}
_STATUS = {ChangeStatus.FAILED: " (failed)", ChangeStatus.IN_PROGRESS: " (in progress)", ChangeStatus.SUCCEEDED: ""}
_DONE = {
    ChangeKind.DEPLOY: "deployed",
    ChangeKind.ROLLBACK: "rolled back",
    ChangeKind.CONFIG: "configuration changed",
    ChangeKind.FLAG: "feature flag changed",
    ChangeKind.EXPERIMENT: "experiment began",
    ChangeKind.FREEZE: "freeze began",
    ChangeKind.NOTE: "noted",
}
_TO = frozenset({ChangeKind.DEPLOY, ChangeKind.ROLLBACK})


def change_title(change: Change) -> str:
    """The change in one line: ``Deploy of checkout v1.4.2 to production``."""
    what = " ".join(filter(None, (change.service, shown_version(change.version))))
    words = _WORDS[change.kind]
    if not change.version and change.title:
        words += f": {change.title}"
    elif what:
        words += f" of {what}"
    if change.environment:
        words += f" to {change.environment}" if change.kind in _TO else f" in {change.environment}"
    return words + _STATUS[change.status]


def change_before(change: Change, at: datetime) -> str:
    """How long before a time a change began, and what it was: ``deployed 12 minutes before: checkout v1.4.2``.

    *at* is the start of a slot: of a change after it, it is not known which came first.
    """
    minutes = int((at - change.started_at).total_seconds()) // 60
    ago = "just before" if minutes < 1 else f"{minutes} minute{'s' * (minutes != 1)} before"
    if change.started_at > at:
        ago = "at the same time"
    what = " ".join(filter(None, (change.service, shown_version(change.version)))) if change.version else change.title
    where = f" ({change.environment})" if change.environment else ""
    return f"{_DONE[change.kind]} {ago}: {what or change.service}{where}{_STATUS[change.status]}"
