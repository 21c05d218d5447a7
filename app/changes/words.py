"""Changes in words."""

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
