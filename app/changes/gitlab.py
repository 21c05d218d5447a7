"""Webhooks of GitLab: deployments and releases.

Source: https://docs.gitlab.com/user/project/integrations/webhook_events/#deployment-events
"""

from datetime import datetime

from app.changes.fields import LONGEST_TITLE, Fields
from app.changes.model import Change, ChangeKind, ChangeStatus, change_id
from app.changes.versions import is_release_tag

_STATUS = {
    "success": ChangeStatus.SUCCEEDED,
    "failed": ChangeStatus.FAILED,
    "canceled": ChangeStatus.FAILED,
    "running": ChangeStatus.IN_PROGRESS,
}


def read_gitlab(fields: Fields, *, at: datetime) -> Change | str:
    """A deployment or a release; for any other event, why it is ignored.

    Raises:
        MalformedChangeError: it cannot be read.
    """
    kind = fields.text("object_kind")
    if kind == "deployment":
        return _deployment(fields, at)
    if kind == "release":
        return _release(fields, at)
    return f"the event {kind!r} of GitLab is no change; send deployment or release events"


def _deployment(fields: Fields, at: datetime) -> Change | str:
    state = fields.text("status", required=True)
    status = _STATUS.get(state)
    if status is None:
        return f"a deployment that is {state!r} has not begun"
    project = fields.child("project")
    changed_at = fields.time("status_changed_at") or at
    running = status is ChangeStatus.IN_PROGRESS
    return Change(
        id=change_id("gitlab", project.text("path_with_namespace"), fields.text("deployment_id", required=True)),
        source="gitlab",
        kind=ChangeKind.DEPLOY,
        service=_service(project),
        environment=fields.text("environment"),
        version=fields.text("ref") if is_release_tag(fields.text("ref")) else fields.text("short_sha"),
        started_at=changed_at,
        finished_at=None if running else changed_at,
        status=status,
        title=fields.text("commit_title", most=LONGEST_TITLE),
        url=fields.url("deployable_url") or fields.url("commit_url"),
        actor=fields.child("user").text("username") or fields.child("user").text("name"),
    )


def _release(fields: Fields, at: datetime) -> Change | str:
    action = fields.text("action")
    if action != "create":
        return f"a release that is {action!r} is no change; only 'create' is"
    project = fields.child("project")
    released_at = fields.time("released_at") or at
    tag = fields.text("tag", required=True)
    return Change(
        id=change_id("gitlab", project.text("path_with_namespace"), "release", tag),
        source="gitlab",
        kind=ChangeKind.NOTE,
        service=_service(project),
        version=tag,
        started_at=released_at,
        finished_at=released_at,
        title=f"Release {fields.text('name') or tag}",
        url=fields.url("url"),
    )


def _service(project: Fields) -> str:
    """The path of a project: its name is for people, and may have spaces."""
    return project.text("path_with_namespace").rpartition("/")[2] or project.text("name", required=True)
