"""Notifications read from JSON columns, in which what is not known is null."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime

from app.alerting import EndCode, Notification, NotificationStatus
from app.slo import Cause, FrozenCause, Severity, SloId

_MOMENTS = (
    "starts_at",
    "at",
    "ends_at",
    "relabelled_at",
    "exhausted_at",
    "first_bad_at",
    "last_bad_at",
    "unaccepted_since",
)
_FLOATS = frozenset(field.name for field in fields(Notification) if field.type is float)


def decode_notification(stored: object) -> Notification:
    """A notification from its document; fields that are not there have their defaults.

    Raises:
        LookupError, TypeError, ValueError: it is damaged.
    """
    if not isinstance(stored, Mapping):
        raise TypeError("it is not a JSON object")
    known = {field.name for field in fields(Notification)}
    # A figure that is not known is left to its default, so that notifications equal what they were.
    unknown = {name for name in _FLOATS if stored.get(name) is None}
    values = {name: value for name, value in stored.items() if name in known - unknown}
    values["status"] = NotificationStatus(stored["status"])
    values["severity"] = Severity(stored["severity"])
    values["slo"] = SloId(stored["slo"])
    values["cause"] = Cause(stored.get("cause", Cause.BURN))
    values["stale_cause"] = FrozenCause(stored["stale_cause"]) if stored.get("stale_cause") else None
    values["end_code"] = EndCode(stored["end_code"]) if stored.get("end_code") else None
    for name in _MOMENTS:
        # Notifications of earlier versions have no such moments.
        values[name] = datetime.fromisoformat(stored[name]) if stored.get(name) else None
    for name in ("group", "labels", "annotations"):
        values[name] = tuple((key, value) for key, value in stored.get(name, ()))
    return Notification(**values)
