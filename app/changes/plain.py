"""Reports in our own form: a JSON object with the fields of a change."""

from datetime import datetime

from app.changes.fields import LONGEST_TITLE, Fields, MalformedChangeError
from app.changes.model import Change, ChangeKind, ChangeStatus, change_id

_OF_A_SERVICE = frozenset({ChangeKind.DEPLOY, ChangeKind.ROLLBACK})


def read_plain(fields: Fields, *, at: datetime, source: str = "api") -> Change:
    """A change in our own form; without times it happened *at*.

    Raises:
        MalformedChangeError: it cannot be read.
    """
    kind = fields.choice("kind", ChangeKind, ChangeKind.DEPLOY)
    title = fields.text("title", most=LONGEST_TITLE)
    service = fields.text("service", required=kind in _OF_A_SERVICE)
    if not (service or title):
        raise MalformedChangeError("service and title are missing: write one of them")
    source = fields.text("source") or source
    status = fields.choice("status", ChangeStatus, ChangeStatus.SUCCEEDED)
    finished_at = fields.time("finished_at")
    started_at = fields.time("started_at") or finished_at or at
    if finished_at is None and status is not ChangeStatus.IN_PROGRESS:
        finished_at = started_at
    if finished_at is not None and finished_at < started_at:
        raise MalformedChangeError("finished_at must not be before started_at")
    version, environment, given = fields.text("version"), fields.text("environment"), fields.text("id")
    # Without an id, what is the same at the same time is the same.
    known_by = (given,) if given else (kind, service, environment, version, title, started_at.isoformat())
    return Change(
        id=change_id(source, *known_by),
        source=source,
        kind=kind,
        service=service,
        environment=environment,
        version=version,
        previous_version=fields.text("previous_version"),
        started_at=started_at,
        finished_at=finished_at,
        status=status,
        title=title,
        url=fields.url("url"),
        actor=fields.text("actor"),
        labels=fields.labels("labels"),
    )
