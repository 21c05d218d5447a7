"""A clock that a test sets."""

from dataclasses import dataclass
from datetime import datetime

from typing_extensions import override

from app.clock import Clock


@dataclass(slots=True)
class SetClock(Clock):
    """Time passes when the test says so; both kinds of time move together."""

    at: datetime

    @override
    def now(self) -> datetime:
        return self.at

    @override
    def monotonic(self) -> float:
        return self.at.timestamp()
