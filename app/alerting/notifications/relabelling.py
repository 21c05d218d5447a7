"""Labels that a document changes while an alert fires: for receivers one alert ends and another begins."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from app.alerting.ends import RELABELLED
from app.alerting.notifications.labels import sent_labels
from app.alerting.notifications.notification import Notification, resolve


def relabel(
    current: Mapping[str, Notification], last: Mapping[str, Notification], *, at: datetime
) -> tuple[dict[str, Notification], tuple[Notification, ...]]:
    """Notifications of active alerts with when they got their labels, and what is sent because labels have changed.

    Args:
        current: by key, the notifications of the alerts that are active in this slot.
        last: by key, those of the slot before.
        at: the slot.
    """
    found: dict[str, Notification] = {}
    sent: list[Notification] = []
    for key, notification in current.items():
        before = last.get(key)
        found[key] = notification
        if before is None or before.incident != notification.incident:
            continue
        if _named_alike(before, notification) or sent_labels(before) == sent_labels(notification):
            if notification.relabelled_at != before.relabelled_at:
                found[key] = replace(notification, relabelled_at=before.relabelled_at)
            continue
        found[key] = replace(notification, relabelled_at=at)
        # In this order: a receiver that knows the alert by its key alone must be left with one that fires.
        sent += (resolve(before, at=at, end=RELABELLED), found[key])
    return found, tuple(sent)


def _named_alike(one: Notification, other: Notification) -> bool:
    """Whether all that labels are made of is the same, as in nearly every slot."""
    return (
        one.labels == other.labels
        and one.group == other.group
        and (one.alertname, one.slo, one.service, one.severity)
        == (other.alertname, other.slo, other.service, other.severity)
    )
