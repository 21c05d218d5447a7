"""One Alertmanager: posts alerts in batches and finds the one that it rejects.

Measured with Alertmanager 0.25: some 400s keep the valid alerts of the batch and others none, so a batch is halved
until the offender is alone.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import orjson

from app.alerting import Notification
from app.delivery.outcome import Delivered, Failed, FailureReason, Outcome, Rejected, failing_attempt
from app.delivery.ports import DeliveryInstruments
from app.http.failures import AttemptError
from app.integrations.alertmanager.api import AlertmanagerApi
from app.integrations.alertmanager.payload import PayloadWriter, PostableAlert

# Alertmanager limits nothing here; a batch of this size is some hundred KiB and is answered within a second.
BATCH = 256
RECEIVER = "alertmanager"


class AlertmanagerPeer:
    """Sends notifications to one Alertmanager; one call at a time."""

    def __init__(
        self,
        api: AlertmanagerApi,
        *,
        payload: PayloadWriter,
        instruments: DeliveryInstruments,
        receiver: str = RECEIVER,
    ) -> None:
        self._receiver = receiver
        self._api = api
        self._payload = payload
        self._instruments = instruments

    @property
    def name(self) -> str:
        """What it is called in metrics and logs."""
        return self._api.peer

    @property
    def skew(self) -> float:
        """Seconds that its clock is ahead of ours, as of its newest answer."""
        return self._api.skew

    async def started_at(self) -> datetime | None:
        """When it was started, in its own clock; None if the status has no such field.

        Raises:
            AttemptError: it cannot be reached.
        """
        return await self._api.started_at()

    async def send(self, notifications: Sequence[Notification], *, at: datetime) -> list[Outcome]:
        """Post alerts, once; the outcomes in the same order."""
        outcomes: list[Outcome] = []
        for start in range(0, len(notifications), BATCH):
            # A batch is rendered when its turn comes: thousands at once would keep evaluations waiting.
            batch = [self._try_render(notification, at) for notification in notifications[start : start + BATCH]]
            posted = iter(await self._post([alert for alert in batch if not isinstance(alert, Failed)]))
            outcomes += [alert if isinstance(alert, Failed) else next(posted) for alert in batch]
            failed = next((outcome for outcome in outcomes if is_failure_of_peer(outcome)), None)
            if failed is not None:
                return outcomes + [failed] * (len(notifications) - len(outcomes))
        return outcomes

    def failed(self, error: AttemptError, count: int) -> list[Outcome]:
        """The outcomes of *count* notifications that could not be sent; the failure is counted once."""
        self._instruments.failed(self._receiver, error.failed.reason)
        return [error.failed] * count

    async def aclose(self) -> None:
        """Close the connections."""
        await self._api.aclose()

    def _try_render(self, notification: Notification, at: datetime) -> PostableAlert | Failed:
        """The alert, or why this one cannot be rendered: the others of its batch must not wait for it."""
        try:
            with failing_attempt("an alert cannot be rendered", receiver=self._receiver, alert=notification.instance):
                # If its clock is ahead of ours, an end in our future may be in its past, and it would not notify.
                alert = self._payload.alert(notification, at=at + timedelta(seconds=max(self.skew, 0.0)))
                orjson.dumps(alert)
        except AttemptError as error:
            self._instruments.failed(self._receiver, error.failed.reason)
            return error.failed
        return alert

    async def _post(self, alerts: Sequence[PostableAlert]) -> list[Outcome]:
        if not alerts:
            return []
        try:
            rejection = await self._api.post(alerts)
        except AttemptError as error:
            return self.failed(error, len(alerts))
        if rejection is None:
            return [Delivered()] * len(alerts)
        if len(alerts) == 1:
            return [Rejected(detail=rejection)]
        middle = len(alerts) // 2
        first = await self._post(alerts[:middle])
        if isinstance(first[-1], Failed):
            return first + first[-1:] * (len(alerts) - middle)
        return first + await self._post(alerts[middle:])


def is_failure_of_peer(outcome: Outcome) -> bool:
    """Whether it is a failure of the Alertmanager, which the next batch would meet too."""
    return isinstance(outcome, Failed) and outcome.reason is not FailureReason.INTERNAL
