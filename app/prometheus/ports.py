"""What the client needs from others."""

from datetime import datetime
from typing import Protocol

from typing_extensions import override

from app.prometheus.errors import Reason

SUCCESS = "success"
OUTCOMES: tuple[str, ...] = (SUCCESS, *Reason)
"""Every value that `ClientInstruments.requested` can be given."""

PEER = "prometheus"
"""The usual value of *peer* that `ClientInstruments.clock_skew` is given."""


class ClientInstruments(Protocol):
    """Counts what the client does."""

    def requested(self, outcome: str) -> None:
        """A request has ended with one of `OUTCOMES`; each attempt counts."""

    def clock_skew(self, peer: str, seconds: float) -> None:
        """The peer's clock is ahead of ours by at least *seconds* (behind, if negative)."""

    def invalid_samples(self, count: int) -> None:
        """So many samples of an answer were left out because they are no number that a counter can have."""


class WallClock(Protocol):
    """Says what time it is."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""


class NoClientInstruments(ClientInstruments):
    """Counts nothing, for commands that run once."""

    @override
    def requested(self, outcome: str) -> None:
        pass

    @override
    def clock_skew(self, peer: str, seconds: float) -> None:
        pass

    @override
    def invalid_samples(self, count: int) -> None:
        pass
