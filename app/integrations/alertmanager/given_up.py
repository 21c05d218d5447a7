"""An alert about Sloburn itself: notifications were given up."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from typing_extensions import override

from app.alerting import Notification
from app.http.failures import AttemptError
from app.integrations.alertmanager.api import AlertmanagerApi
from app.integrations.alertmanager.payload import PostableAlert
from app.integrations.resend_loop import Reasserter
from app.store import StoreError

GivenUp = Callable[[datetime], Sequence[str]]
"""The receiver of every notification that was given up since a time; may block."""

# Long enough to be seen, short enough to end soon after the receiver works again.
_REMEMBERED = timedelta(hours=1)


class GivenUpAlert(Reasserter):
    """Fires at one Alertmanager, for an hour, for each receiver of which notifications were given up."""

    def __init__(self, api: AlertmanagerApi, given_up: GivenUp, *, external_url: str, lifetime: timedelta) -> None:
        self._api = api
        self._given_up = given_up
        self._external_url = external_url
        self._lifetime = lifetime
        self._counts: Counter[str] = Counter()
        self._since: dict[str, datetime] = {}

    @property
    @override
    def name(self) -> str:
        return f"given up at {self._api.peer}"

    @override
    async def resend(self, notifications: Sequence[Notification], *, at: datetime) -> bool:
        # What cannot be read is as it was.
        with suppress(StoreError):
            self._counts = Counter(await asyncio.to_thread(self._given_up, at - _REMEMBERED))
        counts = self._counts
        self._since = {receiver: self._since.get(receiver, at) for receiver in counts}
        if not counts:
            return True
        try:
            return (
                await self._api.post([self._alert(receiver, count, at) for receiver, count in counts.items()]) is None
            )
        except AttemptError:
            return False

    async def aclose(self) -> None:
        """Close the connections."""
        await self._api.aclose()

    def _alert(self, receiver: str, count: int, at: datetime) -> PostableAlert:
        skewed = at + timedelta(seconds=max(self._api.skew, 0.0))
        return {
            "labels": {
                "alertname": "SloburnNotificationsGivenUp",
                "service": "sloburn",
                "severity": "ticket",
                "receiver": receiver,
            },
            "annotations": {
                "summary": f"Sloburn has given up notifications to {receiver}",
                "description": f"{count} in the last hour. `sloburn notify dead` lists them and why.",
            },
            "startsAt": self._since[receiver].isoformat(),
            "endsAt": (skewed + self._lifetime).isoformat(),
            "generatorURL": self._external_url,
        }
