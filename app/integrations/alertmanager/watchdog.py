"""An alert that always fires at one Alertmanager, and ends when evaluations no longer do their work."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from typing_extensions import override

from app.alerting import Notification
from app.http.failures import AttemptError
from app.integrations.alertmanager.api import AlertmanagerApi
from app.integrations.alertmanager.payload import PostableAlert
from app.integrations.heartbeat import IsHealthy
from app.integrations.resend_loop import Reasserter


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchdogOptions:
    """What the alert is called, and how long it lasts after the last word."""

    alertname: str
    labels: tuple[tuple[str, str], ...]
    external_url: str
    lifetime: timedelta


class Watchdog(Reasserter):
    """An alert at one Alertmanager that fires while evaluations do their work."""

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
    async def resend(self, notifications: Sequence[Notification], *, at: datetime) -> bool:
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
