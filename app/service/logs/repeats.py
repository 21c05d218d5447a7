"""Log lines of one kind are limited, so that no client can fill the disk with them."""

import logging
import time
from collections.abc import Callable, Hashable, MutableMapping
from typing import Any

import structlog
from typing_extensions import override

# Often enough to see in a log that a fault lasts, and seldom enough for years of it to fit on a disk.
_PERIOD_S = 60.0
# Kinds of lines that are remembered; texts of other libraries may hold anything, and so be of any number of kinds.
_MOST_KINDS = 1000
# Lines of one kind and minute: ours name an SLO or a receiver each, those of other libraries are for debugging.
_MOST_OWN = 100
_MOST_OTHERS = 10


class RepeatLimit:
    """Lets the first *most* lines of a kind pass in each minute, and counts the others."""

    def __init__(self, most: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._kinds: dict[Hashable, tuple[float, int]] = {}

    def admit(self, kind: Hashable) -> int | None:
        """How many lines of this kind were left out before this one; None if this one is to be left out too."""
        now = self._clock()
        began, seen = self._kinds.get(kind, (now, 0))
        left_out = 0
        if now - began >= _PERIOD_S:
            left_out, began, seen = max(0, seen - self._most), now, 0
        if len(self._kinds) >= _MOST_KINDS and kind not in self._kinds:
            self._kinds.clear()
        self._kinds[kind] = began, seen + 1
        return left_out if seen < self._most else None


class LimitRepeats:
    """A processor of structlog that limits warnings and errors of one event; what is merely told is never left out."""

    def __init__(self, limit: RepeatLimit | None = None) -> None:
        self._limit = limit or RepeatLimit(_MOST_OWN)

    def __call__(self, _logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """The event, or the exception that drops it."""
        if method in {"debug", "info"}:
            return event
        left_out = self._limit.admit(event.get("event"))
        if left_out is None:
            raise structlog.DropEvent
        if left_out:
            event["lines_left_out"] = left_out
        return event


class LimitRecords(logging.Filter):
    """A filter of Python's logging that limits lines of one text, before values are put into it."""

    def __init__(self, limit: RepeatLimit | None = None) -> None:
        super().__init__()
        self._limit = limit or RepeatLimit(_MOST_OTHERS)

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        left_out = self._limit.admit((record.name, record.levelno, str(record.msg)))
        if left_out:
            record.msg = f"{record.msg} ({left_out} lines like this left out)"
        return left_out is not None
