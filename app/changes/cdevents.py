"""CDEvents of services, and CloudEvents that carry them or our own form.

Source: https://cdevents.dev/docs/continuous-deployment/
"""

import re
from datetime import datetime
from urllib.parse import unquote

from app.changes.fields import LONGEST_TEXT, Fields
from app.changes.model import Change, ChangeKind, ChangeStatus, change_id
from app.wording.plain_text import one_line

_PREFIX = "dev.cdevents.service."
# The version of a type is not compared: fields that are read here have been the same since 0.1.
_KINDS = {
    "deployed": ChangeKind.DEPLOY,
    "upgraded": ChangeKind.DEPLOY,
    "rolledback": ChangeKind.ROLLBACK,
    "removed": ChangeKind.NOTE,
}
_TAG = re.compile(r"[?&]tag=([^&#]+)", re.ASCII)


def is_cdevent(fields: Fields) -> bool:
    """Whether it is a CDEvent."""
    return "context" in fields and "subject" in fields


def read_cdevent(fields: Fields, *, at: datetime) -> Change | str:
    """A CDEvent of a service; for any other one, why it is ignored.

    Raises:
        MalformedChangeError: it cannot be read.
    """
    context, subject = fields.child("context"), fields.child("subject")
    type_ = context.text("type", required=True)
    kind = _KINDS.get(type_.removeprefix(_PREFIX).partition(".")[0]) if type_.startswith(_PREFIX) else None
    if kind is None:
        return f"a CDEvent of the type {type_!r} is no change of a service"
    content = subject.child("content")
    artifact = content.text("artifactId", most=1_000)
    happened_at = context.time("timestamp") or at
    # Ids may be paths or URIs, of which the last part is the service.
    subject_id = subject.text("id", required=True)
    service = subject_id.rstrip("/").rpartition("/")[2] or subject_id
    removed = kind is ChangeKind.NOTE
    return Change(
        id=change_id("cdevents", context.text("source"), context.text("id", required=True)),
        source="cdevents",
        kind=kind,
        service=service,
        environment=content.child("environment").text("id").rpartition("/")[2],
        version="" if removed else version_of(artifact),
        started_at=happened_at,
        finished_at=happened_at,
        status=ChangeStatus.SUCCEEDED,
        title=f"{service} was removed" if removed else "",
        labels=(("artifact", artifact[:LONGEST_TEXT]),) if artifact else (),
    )


def version_of(artifact: str) -> str:
    """The version in a package URL: its tag, else what follows the @.

    >>> version_of("pkg:oci/checkout@sha256%3Aabc?tag=v1.4.2"), version_of("pkg:pypi/checkout@1.4.2")
    ('v1.4.2', '1.4.2')
    """
    tag = _TAG.search(artifact)
    if tag is not None:
        return one_line(unquote(tag[1]))[:LONGEST_TEXT]
    _, at, rest = artifact.partition("@")
    return one_line(unquote(re.split(r"[?#]", rest)[0]))[:LONGEST_TEXT] if at else ""
