"""The only reader of the wall clock; everybody else is handed the time or a `Clock`."""

import time
from datetime import UTC, datetime
from typing import Protocol

from typing_extensions import override


class Clock(Protocol):
    """Says what time it is; tests bring their own."""

    def now(self) -> datetime:
        """The present, aware, in UTC; may step backwards when the machine's clock is set."""

    def monotonic(self) -> float:
        """Seconds that never run backwards, for measuring how long something takes."""


class SystemClock(Clock):
    """The clock of this machine."""

    @override
    def now(self) -> datetime:
        return datetime.now(tz=UTC)

    @override
    def monotonic(self) -> float:
        return time.monotonic()
