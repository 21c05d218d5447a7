"""What a server says about itself; everything may be missing, as the relatives of Prometheus say less."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from app.slo import parse_duration

# Types in metadata that mean that the target does not give one.
_SAY_NOTHING = frozenset({"unknown", "untyped", ""})


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeInfo:
    """How long a server keeps samples, and since when it runs; None where it does not say."""

    retention: timedelta | None = None
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerBuild:
    """The version of the API that a server implements; None where it does not say."""

    version: str | None = None


def runtime_info(data: Mapping[str, Any]) -> RuntimeInfo:
    """From the data of `/api/v1/status/runtimeinfo`."""
    return RuntimeInfo(retention=_retention(data.get("storageRetention")), started_at=_moment(data.get("startTime")))


def build_info(data: Mapping[str, Any]) -> ServerBuild:
    """From the data of `/api/v1/status/buildinfo`."""
    version = data.get("version")
    return ServerBuild(version=version if isinstance(version, str) and version else None)


def metric_types(metric: str, data: Mapping[str, Any]) -> frozenset[str]:
    """From the data of `/api/v1/metadata`: the types of one metric, without those that say nothing."""
    entries = data.get(metric)
    if not isinstance(entries, list):
        return frozenset()
    types = (entry.get("type") for entry in entries if isinstance(entry, dict))
    return frozenset(kind for kind in types if isinstance(kind, str) and kind not in _SAY_NOTHING)


def _retention(text: object) -> timedelta | None:
    """The time in ``15d``, ``15d or 10GiB``; None for a limit by size alone."""
    if not isinstance(text, str):
        return None
    try:
        return parse_duration(text.partition(" or ")[0])
    except ValueError:
        return None


def _moment(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None
