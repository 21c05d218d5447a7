"""Notices as they lie in the database: JSON, in which what is not known is null."""

from dataclasses import fields
from datetime import datetime
from typing import Any

import orjson

from app.alerting import Notice, NoticeStatus
from app.slo import Cause, Severity, SloId

_FLOATS = frozenset(field.name for field in fields(Notice) if field.type is float)


def encode_notice(notice: Notice) -> str:
    """A notice as JSON."""
    return orjson.dumps(notice).decode()


def decode_notice(text: str) -> Notice:
    """A notice from its JSON; fields that are not there have their defaults."""
    stored: dict[str, Any] = orjson.loads(text)
    known = {field.name for field in fields(Notice)}
    # A figure that is not known is left to its default, so that notices equal what they were.
    unknown = {name for name in _FLOATS if stored.get(name) is None}
    values = {name: value for name, value in stored.items() if name in known - unknown}
    values["status"] = NoticeStatus(stored["status"])
    values["severity"] = Severity(stored["severity"])
    values["slo"] = SloId(stored["slo"])
    values["cause"] = Cause(stored.get("cause", Cause.BURN))
    for name in ("starts_at", "at", "ends_at", "relabelled_at", "exhausted_at", "first_bad_at", "last_bad_at"):
        # Notices of earlier versions have no such moments.
        values[name] = datetime.fromisoformat(stored[name]) if stored.get(name) else None
    for name in ("group", "labels", "annotations"):
        values[name] = tuple((key, value) for key, value in stored.get(name, ()))
    return Notice(**values)
