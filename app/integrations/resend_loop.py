"""Repeats alerts to servers that resolve what is not repeated: every Alertmanager, at its own pace."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from app.alerting import Notification
from app.clock import Clock
from app.delivery import Backoff
from app.delivery.restarting import is_set_within, restarting
from app.tracing import trace_span


class Reasserter(Protocol):
    """A server that resolves alerts which are not repeated, and so gets all active ones again and again."""

    @property
    def name(self) -> str:
        """What the reasserter is called in logs."""

    async def resend(self, notifications: Sequence[Notification], *, at: datetime) -> bool:
        """Repeat *notifications*, one of each alert; False if that failed and should be tried again soon."""


class AlertsToRepeat(Protocol):
    """The alerts of each receiver that are repeated; may block and is called in worker threads."""

    def active_and_recently_resolved(self, receiver: str, *, at: datetime) -> Sequence[Notification]:
        """All alerts that are active, and those resolved a short while ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResendTiming:
    """How often alerts are repeated.

    Attributes:
        resend: the time between two repetitions.
        recovery: the pause after an unexpected error.
        sleep: a time between two repetitions after which they wait for an evaluation.
    """

    resend: timedelta = timedelta(minutes=1)
    recovery: timedelta = timedelta(seconds=5)
    sleep: timedelta = timedelta(minutes=5)


_DEFAULT_TIMING = ResendTiming()
_DEFAULT_BACKOFF = Backoff()


class ResendLoop:
    """Runs in the event loop; *reasserters* have the name of the receiver whose alerts they repeat."""

    def __init__(
        self,
        alerts: AlertsToRepeat,
        reasserters: Sequence[tuple[str, Reasserter]],
        *,
        clock: Clock,
        timing: ResendTiming = _DEFAULT_TIMING,
        backoff: Backoff = _DEFAULT_BACKOFF,
    ) -> None:
        self._alerts = alerts
        self._reasserters = tuple(reasserters)
        self._clock = clock
        self._timing = timing
        self._backoff = backoff
        self._uniform = random.SystemRandom().uniform
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Let `run` end."""
        self._stopping.set()

    async def run(self) -> None:
        """Repeat until `stop` is called."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._stopping.wait())
            for receiver, reasserter in self._reasserters:
                resend = partial(self._resend, receiver, reasserter)
                tasks.create_task(
                    restarting(reasserter.name, resend, stopping=self._stopping, pause=self._timing.recovery)
                )

    async def _resend(self, receiver: str, reasserter: Reasserter) -> None:
        failures, before = 0, self._clock.now()
        while True:
            at = self._clock.now()
            slept, before = at - before > self._timing.sleep, at
            if slept and not await is_set_within(self._stopping, self._timing.resend):
                # The machine was asleep: an evaluation comes first, which sees what fires still.
                continue
            notifications = await asyncio.to_thread(self._alerts.active_and_recently_resolved, receiver, at=at)
            with trace_span(
                "sloburn.resend", {"sloburn.receiver": reasserter.name, "sloburn.notifications": len(notifications)}
            ) as span:
                repeated = await reasserter.resend(notifications, at=at)
                if not repeated:
                    span.fail("not_accepted")
            failures = 0 if repeated else failures + 1
            pause = (
                min(self._backoff.delay(failures, self._uniform), self._timing.resend)
                if failures
                else self._timing.resend
            )
            if await is_set_within(self._stopping, pause):
                return
