"""A clock that can be wrong, instruments that remember, and receivers that obey the port."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic

from typing_extensions import override

from app.alerting import Notification
from app.clock import Clock
from app.delivery import DeliveryInstruments, FailureReason, Receiver
from app.delivery.outcome import Delivered, Outcome
from app.integrations import Reasserter


class SkewedClock(Clock):
    """The clock of this machine, *ahead* of the truth."""

    def __init__(self, ahead: timedelta = timedelta(0)) -> None:
        self.ahead = ahead

    @override
    def now(self) -> datetime:
        return datetime.now(tz=UTC) + self.ahead

    @override
    def monotonic(self) -> float:
        return monotonic()


class RecordingInstruments(DeliveryInstruments):
    """Instruments that can be read."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self.failures: Counter[FailureReason] = Counter()
        self.fallbacks: Counter[str] = Counter()
        self.ages: list[float] = []
        self.skews: dict[str, float] = {}

    @override
    def notified(self, receiver: str) -> None:
        self.taken[receiver] += 1

    @override
    def failed(self, receiver: str, reason: FailureReason) -> None:
        self.failures[reason] += 1

    @override
    def fallback_notified(self, receiver: str) -> None:
        self.fallbacks[receiver] += 1

    @override
    def outbox_oldest_age(self, seconds: float) -> None:
        self.ages.append(seconds)

    @override
    def clock_skew(self, peer: str, seconds: float) -> None:
        self.skews[peer] = seconds


class FakeReceiver(Receiver, Reasserter):
    """Takes what it is told, after an optional delay; outcomes can be scripted, the default is success."""

    def __init__(self, name: str, *, delay_s: float = 0.0, tracks_alerts: bool = True) -> None:
        self._name = name
        self.delay_s = delay_s
        self._tracks_alerts = tracks_alerts
        self.script: list[Outcome | Exception] = []
        self.delivered: list[Notification] = []
        self.resent: list[Sequence[Notification]] = []

    @property
    @override
    def name(self) -> str:
        return self._name

    @property
    @override
    def tracks_alerts(self) -> bool:
        return self._tracks_alerts

    @override
    async def deliver(self, notifications: Sequence[Notification], *, at: datetime) -> Sequence[Outcome]:
        await asyncio.sleep(self.delay_s)
        outcomes = []
        for notification in notifications:
            outcome = self.script.pop(0) if self.script else Delivered()
            if isinstance(outcome, Exception):
                raise outcome
            if isinstance(outcome, Delivered):
                self.delivered.append(notification)
            outcomes.append(outcome)
        return outcomes

    @override
    async def resend(self, notifications: Sequence[Notification], *, at: datetime) -> bool:
        self.resent.append(notifications)
        return True
