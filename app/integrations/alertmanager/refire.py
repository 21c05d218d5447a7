"""Re-fires alerts at an Alertmanager that was restarted before it resolves them there (ADR-0012).

An Alertmanager that was killed has forgotten whom it notified, and a resolve alone then notifies no receiver: the alert
is fired again, and resolved once that has been notified. For the same reason an end that comes right after its
beginning, such as both after an outage, waits until the beginning has been notified.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto

from typing_extensions import override

from app.alerting import Notification, NotificationStatus
from app.delivery.outcome import Deferred, Delivered, Outcome, Rejected
from app.http.failures import AttemptError
from app.integrations.alertmanager.peer import AlertmanagerPeer, is_failure_of_peer
from app.integrations.resend_loop import Reasserter

# Calls of one peer that wait for each other: one of the outbox and one repetition.
_MOST_QUEUED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Reassertion:
    """How long a restarted Alertmanager needs to see that an alert fires before the alert is resolved there.

    A group that is new to it notifies after *group_wait* (30 s unless configured otherwise), at once if the alert is
    older than that; *margin* is for the notification itself.
    """

    group_wait: timedelta = timedelta(seconds=30)
    margin: timedelta = timedelta(seconds=5)

    def seen_at(self, notification: Notification, at: datetime) -> datetime:
        """When an alert that is fired again at *at* has been notified."""
        return at + self.margin + (timedelta(0) if self.is_old(notification, at) else self.group_wait)

    def is_old(self, notification: Notification, at: datetime) -> bool:
        """Whether an alert has fired for so long that a group which is new to it notifies at once."""
        return notification.starts_at + self.group_wait < at


class _Plan(Enum):
    """What is done with a notification."""

    SEND = auto()
    REFIRE = auto()
    WAIT = auto()
    DROP = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class _KnownFiring:
    """An alert that an Alertmanager knows to fire since it was started; not resolved there before *until*."""

    incident: str
    started_at: datetime | None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Resolved:
    """An alert, from one firing on, that was resolved at an Alertmanager since it was started."""

    incident: str
    starts_at: datetime
    started_at: datetime | None


_SENT = frozenset({_Plan.SEND, _Plan.REFIRE})


class RefiringPeer(Reasserter):
    """One Alertmanager behind the rule that it resolves nothing which it has not notified."""

    def __init__(self, peer: AlertmanagerPeer, reassertion: Reassertion) -> None:
        self._peer = peer
        self._reassertion = reassertion
        self._turn = asyncio.Lock()
        self._queued = 0
        self._known: dict[str, _KnownFiring] = {}
        self._resolved: dict[str, _Resolved] = {}
        self._rejected: dict[str, str] = {}

    @property
    @override
    def name(self) -> str:
        return self._peer.name

    @property
    def skew(self) -> float:
        """Seconds that its clock is ahead of ours, as of its newest answer."""
        return self._peer.skew

    @property
    def busy(self) -> bool:
        """Whether it is so slow that more would only pile up."""
        return self._queued >= _MOST_QUEUED

    async def deliver(self, notifications: Sequence[Notification], *, at: datetime) -> list[Outcome]:
        """Send changes, once."""
        return await self._send(notifications, at=at, changes=True)

    def failed(self, error: AttemptError, count: int) -> list[Outcome]:
        """The outcomes of *count* notifications that could not be sent; the failure is counted once."""
        return self._peer.failed(error, count)

    @override
    async def resend(self, notifications: Sequence[Notification], *, at: datetime) -> bool:
        incidents = {notification.instance: notification.incident for notification in notifications}
        self._rejected = {key: incident for key, incident in self._rejected.items() if incidents.get(key) == incident}
        self._resolved = {key: resolved for key, resolved in self._resolved.items() if key in incidents}
        repeated = [notification for notification in notifications if notification.instance not in self._rejected]
        outcomes = await self._send(repeated, at=at, changes=False)
        return not any(map(is_failure_of_peer, outcomes))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._peer.aclose()

    async def _send(self, notifications: Sequence[Notification], *, at: datetime, changes: bool) -> list[Outcome]:
        async with self._my_turn():
            try:
                started_at = await self._peer.started_at()
            except AttemptError as error:
                return self._peer.failed(error, len(notifications))
            plans = [self._plan(notification, started_at, at, changes=changes) for notification in notifications]
            sendable = [number for number, plan in enumerate(plans) if plan in _SENT]
            posted = await self._peer.send(
                [_as_sent(notifications[number], plans[number]) for number in sendable], at=at
            )
            outcomes = dict(zip(sendable, posted, strict=True))
            return [
                self._note(notification, plan, outcomes.get(number, Delivered()), started_at, at)
                for number, (notification, plan) in enumerate(zip(notifications, plans, strict=True))
            ]

    @asynccontextmanager
    async def _my_turn(self) -> AsyncIterator[None]:
        self._queued += 1
        try:
            async with self._turn:
                yield
        finally:
            self._queued -= 1

    def _plan(self, notification: Notification, started_at: datetime | None, at: datetime, *, changes: bool) -> _Plan:
        resolved = self._resolved.get(notification.instance)
        is_resolved = resolved is not None and (
            (resolved.incident, resolved.starts_at) == (notification.incident, notification.starts_at)
        )
        if is_resolved and notification.status is NotificationStatus.FIRING and not changes:
            # Read from the store before the alert was resolved here: it would fire again.
            return _Plan.DROP
        if is_resolved and resolved is not None and resolved.started_at == started_at:
            # By the repetition or by the outbox, whichever came first: to fire it for the other would page twice.
            return _Plan.SEND
        # To fire what has not been confirmed since a long sleep, only to resolve it, would be a page for nothing.
        if notification.status is NotificationStatus.FIRING or started_at is None or notification.unconfirmed:
            return _Plan.SEND
        known = self._known.get(notification.instance)
        if known is None or known.incident != notification.incident:
            # A repeated end may have been notified by a process before this one: a new page would be for nothing.
            younger = started_at - timedelta(seconds=self._peer.skew) > notification.starts_at
            return _Plan.REFIRE if changes and younger else _Plan.SEND
        if known.started_at != started_at:
            return _Plan.REFIRE
        # A clock that was ahead and is set back is not waited for.
        latest = at + self._reassertion.margin + self._reassertion.group_wait
        waits = known.until is not None and at < known.until <= latest
        return _Plan.WAIT if waits else _Plan.SEND

    def _note(
        self, notification: Notification, plan: _Plan, outcome: Outcome, started_at: datetime | None, at: datetime
    ) -> Outcome:
        """Remember what the Alertmanager knows now; the outcome of the notification, perhaps sent in another form."""
        if isinstance(outcome, Rejected):
            self._rejected[notification.instance] = notification.incident
        if not isinstance(outcome, Delivered):
            return outcome
        self._rejected.pop(notification.instance, None)
        match plan:
            case _Plan.DROP:
                return outcome
            case _Plan.WAIT:
                return Deferred(until=self._known[notification.instance].until or at)
            case _Plan.REFIRE:
                self._resolved.pop(notification.instance, None)
                until = self._reassertion.seen_at(notification, at)
                self._known[notification.instance] = _KnownFiring(
                    incident=notification.incident, started_at=started_at, until=until
                )
                return Deferred(until=until)
            case _Plan.SEND:
                if notification.status is NotificationStatus.FIRING:
                    # The resolved notification that follows waits again until this one has been notified.
                    self._resolved.pop(notification.instance, None)
                    self._note_firing(notification, started_at, at)
                else:
                    self._known.pop(notification.instance, None)
                    self._resolved[notification.instance] = _Resolved(
                        incident=notification.incident, starts_at=notification.starts_at, started_at=started_at
                    )
                return outcome

    def _note_firing(self, notification: Notification, started_at: datetime | None, at: datetime) -> None:
        known = self._known.get(notification.instance)
        if known is None or (known.incident, known.started_at) != (notification.incident, started_at):
            # An alert that is old when it arrives is notified a moment later, or never if its end comes first.
            until = self._reassertion.seen_at(notification, at) if self._reassertion.is_old(notification, at) else None
            self._known[notification.instance] = _KnownFiring(
                incident=notification.incident, started_at=started_at, until=until
            )


def _as_sent(notification: Notification, plan: _Plan) -> Notification:
    return (
        replace(notification, status=NotificationStatus.FIRING, ends_at=None) if plan is _Plan.REFIRE else notification
    )
