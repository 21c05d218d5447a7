"""Webhooks of GitHub: `deployment_status` and `release`.

Source: https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from datetime import datetime

from app.changes.fields import LONGEST_TITLE, Fields
from app.changes.model import Change, ChangeKind, ChangeStatus, change_id
from app.changes.versions import is_release_tag

_STATUS = {
    "success": ChangeStatus.SUCCEEDED,
    "failure": ChangeStatus.FAILED,
    "error": ChangeStatus.FAILED,
    "in_progress": ChangeStatus.IN_PROGRESS,
}


def read_github(event: str, fields: Fields, *, at: datetime) -> Change | str:
    """A deployment or a release; for any other event, why it is ignored.

    Raises:
        MalformedChangeError: it cannot be read.
    """
    if event == "deployment_status":
        return _deployment(fields, at)
    if event == "release":
        return _release(fields, at)
    return f"the event {event!r} of GitHub is no change; send deployment_status or release"


def _deployment(fields: Fields, at: datetime) -> Change | str:
    deployment, reported = fields.child("deployment"), fields.child("deployment_status")
    state = reported.text("state", required=True)
    status = _STATUS.get(state)
    if status is None:
        return f"a deployment that is {state!r} has not begun"
    repository = fields.child("repository")
    # Every status of a deployment is an object of its own, created when the deployment got there.
    updated_at = reported.time("created_at") or reported.time("updated_at") or at
    started_at = deployment.time("created_at") or updated_at
    running = status is ChangeStatus.IN_PROGRESS
    return Change(
        id=change_id("github", repository.text("full_name"), deployment.text("id", required=True)),
        source="github",
        # The task is free text, `deploy` by default.
        kind=ChangeKind.ROLLBACK if "rollback" in deployment.text("task").lower() else ChangeKind.DEPLOY,
        service=repository.text("name", required=True),
        environment=reported.text("environment") or deployment.text("environment"),
        version=_ref(deployment),
        started_at=started_at,
        finished_at=None if running else max(updated_at, started_at),
        status=status,
        title=reported.text("description", most=LONGEST_TITLE) or deployment.text("description", most=LONGEST_TITLE),
        url=reported.url("log_url") or reported.url("target_url") or reported.url("environment_url"),
        actor=deployment.child("creator").text("login") or fields.child("sender").text("login"),
    )


def _ref(deployment: Fields) -> str:
    """A tag where one was deployed; else the commit, since a branch is no version."""
    ref, sha = deployment.text("ref"), deployment.text("sha")
    return ref if is_release_tag(ref) or not sha else sha


def _release(fields: Fields, at: datetime) -> Change | str:
    action = fields.text("action", required=True)
    if action != "published":
        return f"a release that is {action!r} is no change; only 'published' is"
    release, repository = fields.child("release"), fields.child("repository")
    published_at = release.time("published_at") or at
    tag = release.text("tag_name", required=True)
    # A release is published before it is deployed.
    return Change(
        id=change_id("github", repository.text("full_name"), "release", release.text("id") or tag),
        source="github",
        kind=ChangeKind.NOTE,
        service=repository.text("name", required=True),
        version=tag,
        started_at=published_at,
        finished_at=published_at,
        title=f"Release {release.text('name') or tag}",
        url=release.url("html_url"),
        actor=release.child("author").text("login"),
    )
