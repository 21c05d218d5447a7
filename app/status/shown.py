"""Snapshots that a replica writes for the others: all that they show, but for the SLO itself, which is in documents."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, make_dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic_core import CoreConfig, SchemaSerializer, SchemaValidator

from app.alerting import Notification
from app.slo import Slo, SloId, ungrouped_id
from app.status.snapshot import DataState, Snapshot
from app.store.json_text import deserialize, serialize
from app.store.notification_documents import decode_notification

# Label sets and names repeat: level 1 makes a tenth of it already.
_LEVEL = 1
_NAN = CoreConfig(ser_json_inf_nan="strings")
# The SLO is in the documents of every replica.
_LEFT_OUT = frozenset({"slo", "counted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSlos:
    """What one evaluation shows of some SLOs and members.

    *notifications* are those of their active alerts; *histories* says of each what it is counted from, as remote write
    needs it. *is_stale* says that nothing was evaluated for long.
    """

    at: datetime
    snapshots: Sequence[Snapshot] = ()
    notifications: Sequence[Notification] = ()
    histories: Mapping[SloId, tuple[str, int, bool]] = field(default_factory=dict)
    is_stale: bool = False

    def as_stale(self) -> "ShownSlos":
        """The same where nothing was evaluated for long: no figure of it can be relied on."""
        return replace(self, is_stale=True, snapshots=[replace(one, data=DataState.STALE) for one in self.snapshots])


def encode_shown(shown: ShownSlos) -> bytes:
    """The bytes that `decode_shown` reads."""
    serializer, _, record = _codec()
    names = [each.name for each in fields(record)]

    def recorded(snapshot: Snapshot) -> Any:
        return record(**{name: getattr(snapshot, name) for name in names})

    pairs = [(recorded(one), one.counted and recorded(one.counted)) for one in shown.snapshots]
    parts = (
        serializer.to_json(pairs),
        serialize(list(shown.notifications)).encode(),
        # Tuples with names have no JSON.
        serialize({slo: tuple(one) for slo, one in shown.histories.items()}).encode(),
    )
    return zlib.compress(b"\n".join(parts), _LEVEL)


def decode_shown(body: bytes, at: datetime, slos: Mapping[SloId, Slo]) -> ShownSlos:
    """What another replica shows, of those SLOs that the documents of this one have.

    Raises:
        ValueError: it is damaged, or of a version that shows something else.
    """
    _, validator, _ = _codec()
    try:
        snapshots, notifications, histories = zlib.decompress(body).split(b"\n")
        pairs = validator.validate_json(snapshots)
        decoded = [decode_notification(one) for one in deserialize(notifications)]
        known = {SloId(slo): (key, recounts, whole) for slo, (key, recounts, whole) in deserialize(histories).items()}
    except (ValidationError, zlib.error, LookupError, TypeError) as error:
        raise ValueError(f"it cannot be read: {str(error)[:200]}") from error
    return ShownSlos(
        at=at,
        snapshots=[
            _snapshot(record, counted, slos[ungrouped_id(record.id)])
            for record, counted in pairs
            if ungrouped_id(record.id) in slos
        ],
        notifications=decoded,
        histories=known,
    )


@cache
def _codec() -> tuple[SchemaSerializer, SchemaValidator, type]:
    """What reads and writes records, and the type of records: snapshots without their SLO.

    Made of the fields of `Snapshot`, so that none can be forgotten; at the first use, as it takes a moment.
    """
    hints = {name: hint for name, hint in get_type_hints(Snapshot).items() if name not in _LEFT_OUT}
    record = make_dataclass("SnapshotRecord", list(hints.items()), kw_only=True)
    schema = TypeAdapter(list[tuple[record, record | None]]).core_schema  # type: ignore[valid-type]
    _allow_nan(schema)
    return SchemaSerializer(schema, _NAN), SchemaValidator(schema, _NAN), record


def _allow_nan(schema: Any) -> None:
    """Let all dataclasses in a schema have what JSON has no number for: pydantic asks each for a setting of its own."""
    if isinstance(schema, dict):
        if schema.get("type") == "dataclass":
            schema["config"] = {**schema.get("config", {}), **_NAN}
        schema = list(schema.values())
    if isinstance(schema, list):
        for each in schema:
            _allow_nan(each)


def _snapshot(record: Any, counted: Any, slo: Slo) -> Snapshot:
    values = {each.name: getattr(record, each.name) for each in fields(record)}
    return Snapshot(slo=slo, **values, counted=None if counted is None else _snapshot(counted, None, slo))
