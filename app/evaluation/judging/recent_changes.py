"""Which change came before the errors of an alert: a hint for the person on call."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from app.alerting import Notification
from app.changes import change_before
from app.slo import Cause
from app.status import RecentChanges

LOOKED_BACK = timedelta(hours=2)
"""A change of longer ago is no better a guess than any other."""


def changes_before(
    notifications: Mapping[str, Notification], recent: RecentChanges, *, interval: timedelta
) -> dict[str, str]:
    """By the keys of alerts that burn, the last change before their errors in words, or in their first slot."""
    found = {}
    for key, notification in notifications.items():
        if notification.cause is not Cause.BURN:
            continue
        began = notification.first_bad_at or notification.starts_at
        labels = (*notification.labels, *notification.group)
        # Errors of a deploy that fails at once are counted in the slot of the deploy, which began before it.
        change = recent.before(notification.service, labels, began + interval, within=LOOKED_BACK + interval)
        if change is not None:
            found[key] = change_before(change, began)
    return found


def with_change(notification: Notification, changes: Mapping[str, str]) -> Notification:
    """A notification with the change that came before its errors; as it is where none is known."""
    text = changes.get(notification.key, "")
    return notification if text in ("", notification.recent_change) else replace(notification, recent_change=text)
