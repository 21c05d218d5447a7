"""The form of PagerDuty's change events, for tools that send those: an integration only needs another address.

Source: https://developer.pagerduty.com/docs/send-change-event
"""

from datetime import datetime

from app.changes.fields import LONGEST_TITLE, Fields
from app.changes.model import Change, ChangeKind, change_id


def is_pagerduty(fields: Fields) -> bool:
    """Whether it is a change event of PagerDuty."""
    return "routing_key" in fields and "payload" in fields


def read_pagerduty(fields: Fields, links: object, *, at: datetime) -> Change:
    """A change event; its service is in `custom_details`, or the `source` of the payload.

    Raises:
        MalformedChangeError: it cannot be read.
    """
    payload = fields.child("payload")
    details = payload.child("custom_details")
    title = payload.text("summary", required=True, most=LONGEST_TITLE)
    happened_at = payload.time("timestamp") or at
    service, version = details.text("service") or payload.text("source"), details.text("version")
    first = links[0] if isinstance(links, list) and links and isinstance(links[0], dict) else {}
    return Change(
        id=change_id("pagerduty", service, title, version, happened_at.isoformat()),
        source="pagerduty",
        kind=details.choice("kind", ChangeKind, ChangeKind.DEPLOY),
        service=service,
        environment=details.text("environment"),
        version=version,
        started_at=happened_at,
        finished_at=happened_at,
        title=title,
        url=Fields(first).url("href"),
        labels=payload.labels("custom_details"),
    )
