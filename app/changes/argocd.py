"""What the notifications template of Argo CD in our documents sends: Argo CD itself has no fixed form."""

from datetime import datetime

from app.changes.fields import Fields
from app.changes.model import Change, ChangeKind, ChangeStatus, change_id

# Source: https://argo-cd.readthedocs.io/en/stable/operator-manual/notifications/triggers/
_STATUS = {
    "Succeeded": ChangeStatus.SUCCEEDED,
    "Failed": ChangeStatus.FAILED,
    "Error": ChangeStatus.FAILED,
    "Running": ChangeStatus.IN_PROGRESS,
    "Terminating": ChangeStatus.IN_PROGRESS,
}


def is_argocd(fields: Fields) -> bool:
    """Whether it is what the template of Argo CD sends."""
    return "revision" in fields and "phase" in fields


def read_argocd(fields: Fields, *, at: datetime) -> Change:
    """A sync of an application as a deploy."""
    service, revision = fields.text("service", required=True), fields.text("revision", required=True)
    status = _STATUS.get(fields.text("phase"), ChangeStatus.SUCCEEDED)
    finished_at = fields.time("finished_at")
    started_at = fields.time("started_at") or finished_at or at
    if status is not ChangeStatus.IN_PROGRESS:
        finished_at = max(finished_at or started_at, started_at)
    environment = fields.text("environment") or fields.text("namespace")
    # One sync of one revision: its start tells it from a later one of the same revision.
    return Change(
        id=change_id("argocd", service, environment, revision, started_at.isoformat()),
        source="argocd",
        kind=ChangeKind.DEPLOY,
        service=service,
        environment=environment,
        version=fields.text("version") or revision,
        started_at=started_at,
        finished_at=None if status is ChangeStatus.IN_PROGRESS else finished_at,
        status=status,
        url=fields.url("url"),
        actor=fields.text("actor"),
    )
