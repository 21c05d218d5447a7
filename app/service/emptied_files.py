"""Files that lost everything they said: such as one that was written again on a full disk.

To take that as a wish would resolve every alert of its SLOs, or drop every receiver.
"""

from collections import Counter
from pathlib import Path

from app.documents import NO_DOCUMENT, LoadResult
from app.integrations import DeliveryConfig, LoadedConfig
from app.integrations.config.resolve import ALERTMANAGER
from app.yamldoc import ErrorFinding


def emptied_documents(active: LoadResult, found: LoadResult) -> list[ErrorFinding]:
    """An error for each file that holds no document and had SLOs that are *active*."""
    held = Counter(place.file for place in active.places.values())
    empty = dict.fromkeys(warning.file for warning in found.warnings if warning.code == NO_DOCUMENT)
    return [
        _error(file, f"is empty, and {held[file]} active SLOs were read from it", "write them, or remove the file")
        for file in empty
        if held[file]
    ]


def emptied_config(active: DeliveryConfig, found: LoadedConfig, file: Path | None) -> list[ErrorFinding]:
    """An error if the *file* is empty and receivers, of alerts or of figures, tenants or a heartbeat are *active*."""
    has_receivers = any(name != ALERTMANAGER for name in active.names) or active.heartbeat is not None
    has_receivers |= bool(active.remote_write) or bool(active.tenants)
    if file is None or not found.empty or not has_receivers:
        return []
    return [_error(file, "is empty, and receivers were read from it", "write them, or receivers: [] for none")]


def _error(file: Path, problem: str, remedy: str) -> ErrorFinding:
    return ErrorFinding(file=file, line=0, column=0, field="", problem=problem, remedy=remedy, code="emptied")
