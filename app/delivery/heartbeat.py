"""Signs of life that end when ticks no longer do their work: a URL that is called, an alert that always fires.

Whoever waits for them raises the alarm that we cannot raise ourselves. Both also stop while Prometheus does not
answer: a service that measures nothing watches over nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from typing_extensions import override

from app.alerting import Notice
from app.delivery.alertmanager_api import AlertmanagerApi
from app.delivery.alertmanager_wire import PostableAlert
from app.delivery.answers import AttemptError, unforeseen
from app.delivery.outgoing import Outgoing
from app.delivery.ports import Keeper
from app.delivery.secrets import Secret, blotted

_log = structlog.get_logger(__name__)
_REDIRECTS = 3

IsHealthy = Callable[[], bool]
"""Whether ticks do their work."""


class Heartbeat:
    """Calls a URL at regular times while ticks do their work."""

    def __init__(self, url: Secret, *, every: timedelta, outgoing: Outgoing, is_healthy: IsHealthy) -> None:
        self._url = url
        self._every_s = every.total_seconds()
        self._outgoing = outgoing
        self._is_healthy = is_healthy
        self._failing = False

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            if self._is_healthy():
                await self.beat()
            await asyncio.sleep(self._every_s)

    async def beat(self) -> bool:
        """Call the URL once; whether it has taken it."""
        try:
            answer = await self._outgoing.post(await self._url.read(), b"", {}, redirects=_REDIRECTS)
            problem = None if answer.ok else answer.text
        except AttemptError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001  the next beat may work, and a task that ends is noticed by nobody here
            problem = unforeseen(error).detail
            _log.exception("sending the heartbeat failed unexpectedly")
        if problem is not None and not self._failing:
            _log.warning(
                "the heartbeat is not taken", error=blotted(problem, [self._url, *self._outgoing.secrets])[:300]
            )
        self._failing = problem is not None
        return problem is None

    async def aclose(self) -> None:
        """Close the connections."""
        await self._outgoing.aclose()


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchdogOptions:
    """What the alert is called, and how long it lasts after the last word."""

    alertname: str
    labels: tuple[tuple[str, str], ...]
    external_url: str
    lifetime: timedelta


class Watchdog(Keeper):
    """An alert at one Alertmanager that fires while ticks do their work."""

    def __init__(self, api: AlertmanagerApi, options: WatchdogOptions, *, is_healthy: IsHealthy) -> None:
        self._api = api
        self._options = options
        self._is_healthy = is_healthy
        self._since: datetime | None = None

    @property
    @override
    def name(self) -> str:
        return f"watchdog at {self._api.peer}"

    @override
    async def keep(self, notices: Sequence[Notice], *, at: datetime) -> bool:
        if not self._is_healthy():
            return True
        self._since = self._since or at
        try:
            return await self._api.post([self._alert(self._since, at)]) is None
        except AttemptError:
            return False

    async def aclose(self) -> None:
        """Close the connections."""
        await self._api.aclose()

    def _alert(self, since: datetime, at: datetime) -> PostableAlert:
        options = self._options
        skewed = at + timedelta(seconds=max(self._api.skew, 0.0))
        return {
            "labels": {
                "severity": "none",
                "service": "sloburn",
                **dict(options.labels),
                "alertname": options.alertname,
            },
            "annotations": {
                "summary": "Sloburn evaluates and delivers",
                "description": "This alert always fires. When it ends, Sloburn no longer watches over the SLOs.",
            },
            "startsAt": since.isoformat(),
            "endsAt": (skewed + options.lifetime).isoformat(),
            "generatorURL": options.external_url,
        }
