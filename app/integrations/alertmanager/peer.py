"""One Alertmanager of a cluster: finds the alert it refuses, and notices when it was restarted.

Measured with Alertmanager 0.25: some 400s keep the valid alerts of the batch and others none, so a batch is halved
until the offender is alone. An Alertmanager that was killed has forgotten whom it notified, and a resolve alone then
notifies nobody: the alert is asserted anew, and resolved once that has been seen (ADR-0012). For the same reason an end
that comes right after its beginning, such as both after an outage, waits until the beginning has been notified.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto

import orjson
import structlog
from typing_extensions import override

from app.alerting import Notification, NotificationStatus
from app.delivery.outcome import Deferred, Delivered, Failed, FailureReason, Outcome, Rejected, unexpected
from app.delivery.ports import DeliveryInstruments, Reasserter
from app.http.failures import AttemptError
from app.integrations.alertmanager.api import AlertmanagerApi
from app.integrations.alertmanager.payload import PayloadWriter, PostableAlert

_log = structlog.get_logger(__name__)
BATCH = 256
RECEIVER = "alertmanager"
_MOST_QUEUED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Reassertion:
    """How long a restarted Alertmanager needs to see that an alert fires before it is told that it no longer does.

    A group that is new to it notifies after *group_wait* (30 s unless configured otherwise), at once if the alert is
    older than that; *margin* is for the notification itself.
    """

    group_wait: timedelta = timedelta(seconds=30)
    margin: timedelta = timedelta(seconds=5)

    def seen_at(self, notice: Notification, at: datetime) -> datetime:
        """When an alert that is asserted anew at *at* has been notified."""
        return at + self.margin + (timedelta(0) if self.is_old(notice, at) else self.group_wait)

    def is_old(self, notice: Notification, at: datetime) -> bool:
        """Whether an alert has fired for so long that a group which is new to it notifies at once."""
        return notice.starts_at + self.group_wait < at


class _Form(Enum):
    AS_IT_IS = auto()
    ASSERTED = auto()
    NOT_YET = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """That a life of the Alertmanager knows an alert to fire; *until* it must not be told otherwise."""

    incident: str
    started_at: datetime | None
    until: datetime | None = None


class AlertmanagerPeer(Reasserter):
    """Tells one Alertmanager, one request at a time."""

    def __init__(
        self,
        api: AlertmanagerApi,
        *,
        wire: PayloadWriter,
        reassertion: Reassertion,
        instruments: DeliveryInstruments,
        receiver: str = RECEIVER,
    ) -> None:
        self._receiver = receiver
        self._api = api
        self._payload = wire
        self._reassertion = reassertion
        self._instruments = instruments
        self._turn = asyncio.Lock()
        self._queued = 0
        self._seen: dict[str, _Seen] = {}
        self._refused: dict[str, str] = {}

    @property
    @override
    def name(self) -> str:
        return self._api.peer

    @property
    def skew(self) -> float:
        """Seconds that its clock is ahead of ours, as of its newest answer."""
        return self._api.skew

    @property
    def busy(self) -> bool:
        """Whether it is so slow that more would only pile up."""
        return self._queued >= _MOST_QUEUED

    async def deliver(self, notices: Sequence[Notification], *, at: datetime) -> list[Outcome]:
        """Tell changes, once."""
        try:
            return await self._send(notices, at=at, changes=True)
        except Exception as error:  # noqa: BLE001  the other peers have perhaps taken it, and that must count
            _log.exception("sending alerts failed unexpectedly", receiver=self._receiver, peer=self.name)
            return self._failed(AttemptError(unexpected(error)), len(notices))

    @override
    async def resend(self, notices: Sequence[Notification], *, at: datetime) -> bool:
        incidents = {notice.instance: notice.incident for notice in notices}
        self._refused = {key: incident for key, incident in self._refused.items() if incidents.get(key) == incident}
        repeated = [notice for notice in notices if notice.instance not in self._refused]
        outcomes = await self._send(repeated, at=at, changes=False)
        return not any(map(_is_of_peer, outcomes))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._api.aclose()

    async def _send(self, notices: Sequence[Notification], *, at: datetime, changes: bool) -> list[Outcome]:
        async with self._my_turn():
            try:
                started_at = await self._api.started_at()
            except AttemptError as error:
                return self._failed(error, len(notices))
            forms = [self._form(notice, started_at, at, changes=changes) for notice in notices]
            sendable = [number for number, form in enumerate(forms) if form is not _Form.NOT_YET]
            posted = await self._post_all([(notices[number], forms[number]) for number in sendable], at)
            outcomes = dict(zip(sendable, posted, strict=True))
            return [
                self._note(notice, form, outcomes.get(number, Delivered()), started_at, at)
                for number, (notice, form) in enumerate(zip(notices, forms, strict=True))
            ]

    @asynccontextmanager
    async def _my_turn(self) -> AsyncIterator[None]:
        self._queued += 1
        try:
            async with self._turn:
                yield
        finally:
            self._queued -= 1

    def _form(self, notice: Notification, started_at: datetime | None, at: datetime, *, changes: bool) -> _Form:
        # To assert what has not been seen since a long sleep, only to end it, would be a page for nothing.
        if notice.status is NotificationStatus.FIRING or started_at is None or notice.unconfirmed:
            return _Form.AS_IT_IS
        seen = self._seen.get(notice.instance)
        if seen is None or seen.incident != notice.incident:
            # A repeated end may have been notified in a life we know nothing of: a new page would be for nothing.
            younger = started_at - timedelta(seconds=self._api.skew) > notice.starts_at
            return _Form.ASSERTED if changes and younger else _Form.AS_IT_IS
        if seen.started_at != started_at:
            return _Form.ASSERTED
        return _Form.NOT_YET if seen.until is not None and at < seen.until else _Form.AS_IT_IS

    def _alert(self, notice: Notification, form: _Form, at: datetime) -> PostableAlert:
        told = replace(notice, status=NotificationStatus.FIRING, ends_at=None) if form is _Form.ASSERTED else notice
        # If its clock is ahead of ours, an end in our future may lie in its past, and it would notify nobody.
        return self._payload.alert(told, at=at + timedelta(seconds=max(self._api.skew, 0.0)))

    def _note(
        self, notice: Notification, form: _Form, outcome: Outcome, started_at: datetime | None, at: datetime
    ) -> Outcome:
        """Remember what the Alertmanager knows now; what became of the notice, perhaps sent in another form."""
        if isinstance(outcome, Rejected):
            self._refused[notice.instance] = notice.incident
        if not isinstance(outcome, Delivered):
            return outcome
        self._refused.pop(notice.instance, None)
        match form:
            case _Form.NOT_YET:
                return Deferred(until=self._seen[notice.instance].until or at)
            case _Form.ASSERTED:
                until = self._reassertion.seen_at(notice, at)
                self._seen[notice.instance] = _Seen(incident=notice.incident, started_at=started_at, until=until)
                return Deferred(until=until)
            case _Form.AS_IT_IS:
                if notice.status is NotificationStatus.FIRING:
                    self._note_firing(notice, started_at, at)
                else:
                    self._seen.pop(notice.instance, None)
                return outcome

    def _note_firing(self, notice: Notification, started_at: datetime | None, at: datetime) -> None:
        known = self._seen.get(notice.instance)
        if known is None or (known.incident, known.started_at) != (notice.incident, started_at):
            # What it learns late it tells a moment later, or never if the end comes first.
            until = self._reassertion.seen_at(notice, at) if self._reassertion.is_old(notice, at) else None
            self._seen[notice.instance] = _Seen(incident=notice.incident, started_at=started_at, until=until)

    async def _post_all(self, told: Sequence[tuple[Notification, _Form]], at: datetime) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for start in range(0, len(told), BATCH):
            # A batch is put into words when its turn comes: thousands at once would keep ticks waiting.
            batch = [self._try_alert(notice, form, at) for notice, form in told[start : start + BATCH]]
            posted = iter(await self._post([alert for alert in batch if not isinstance(alert, Failed)]))
            outcomes += [alert if isinstance(alert, Failed) else next(posted) for alert in batch]
            failed = next((outcome for outcome in outcomes if _is_of_peer(outcome)), None)
            if failed is not None:
                return outcomes + [failed] * (len(told) - len(outcomes))
        return outcomes

    def _try_alert(self, notice: Notification, form: _Form, at: datetime) -> PostableAlert | Failed:
        """The alert, or why this one cannot be written: the others of its batch must not wait for it."""
        try:
            alert = self._alert(notice, form, at)
            orjson.dumps(alert)
        except Exception as error:  # noqa: BLE001  whatever it is, it is_routed_to this alert only
            _log.exception("an alert cannot be written", receiver=self._receiver, alert=notice.instance)
            self._instruments.failed(self._receiver, FailureReason.INTERNAL)
            return unexpected(error)
        return alert

    async def _post(self, alerts: Sequence[PostableAlert]) -> list[Outcome]:
        if not alerts:
            return []
        try:
            refusal = await self._api.post(alerts)
        except AttemptError as error:
            return self._failed(error, len(alerts))
        if refusal is None:
            return [Delivered()] * len(alerts)
        if len(alerts) == 1:
            return [Rejected(detail=refusal)]
        middle = len(alerts) // 2
        first = await self._post(alerts[:middle])
        if isinstance(first[-1], Failed):
            return first + first[-1:] * (len(alerts) - middle)
        return first + await self._post(alerts[middle:])

    def _failed(self, error: AttemptError, count: int) -> list[Outcome]:
        self._instruments.failed(self._receiver, error.failed.reason)
        return [error.failed] * count


def _is_of_peer(outcome: Outcome) -> bool:
    """Whether it is a failure of the Alertmanager, which the next batch would meet too."""
    return isinstance(outcome, Failed) and outcome.reason is not FailureReason.INTERNAL
