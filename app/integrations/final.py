"""The final notifications of receivers that a reload drops: what fires there would stay open."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from app.alerting import RECEIVER_REMOVED, Notification, NotificationStatus, resolve
from app.clock import Clock
from app.delivery.outcome import Deferred, Delivered, Rejected
from app.delivery.ports import Receiver
from app.integrations.active_alerts import StoredAlertsToRepeat
from app.integrations.config import AlertmanagerTargets, DeliveryConfig, ReceiverConfig

_log = structlog.get_logger(__name__)
# The caller bounds the time to some seconds, so retries are quick.
_AGAIN = timedelta(seconds=1)


def final_notifications(
    old: DeliveryConfig,
    stored: StoredAlertsToRepeat,
    new: DeliveryConfig,
    new_stored: StoredAlertsToRepeat,
    *,
    receivers: Sequence[Receiver],
    at: datetime,
) -> Mapping[str, Sequence[Notification]]:
    """By receiver of the *old* configuration, the ends of the alerts that fire there and that no *new* one reaches.

    Only receivers that keep an alert open until it is resolved there get any; a mail or a chat message that says
    "resolved" while the alert fires would be a false all-clear.

    Raises:
        StoreError: the active alerts cannot be read.
    """
    tracking = {receiver.name for receiver in receivers if receiver.tracks_alerts}
    found: dict[str, Sequence[Notification]] = {}
    for receiver in old.receivers:
        successors = _successors(receiver, new)
        if receiver.name not in tracking:
            continue
        if isinstance(receiver.target, AlertmanagerTargets):
            known = stored.active_and_recently_resolved(receiver.name, at=at)
            kept = {
                notification.key
                for name in successors
                for notification in new_stored.active_and_recently_resolved(name, at=at)
            }
        elif successors:
            # It gets the resolved notification when the alert ends; its incident stays open until then.
            continue
        else:
            known, kept = stored.notified_of_firing(receiver.name), set()
        ends = [
            resolve(notification, at=at, end=RECEIVER_REMOVED)
            for notification in known
            if notification.status is NotificationStatus.FIRING and notification.key not in kept
        ]
        if ends:
            found[receiver.name] = ends
    return found


async def send_final(receiver: Receiver, notifications: Sequence[Notification], *, clock: Clock) -> None:
    """Send last messages until they are delivered or rejected; the caller bounds the time."""
    waiting = list(notifications)
    while waiting:
        at = clock.now()
        outcomes = await receiver.deliver(waiting, at=at)
        ended = zip(waiting, outcomes, strict=True)
        waiting = [notification for notification, outcome in ended if not isinstance(outcome, Delivered | Rejected)]
        again = min((outcome.until for outcome in outcomes if isinstance(outcome, Deferred)), default=at + _AGAIN)
        if waiting:
            await asyncio.sleep(max(again - clock.now(), _AGAIN).total_seconds())
    _log.info(
        "alerts resolved at a receiver that is no longer notified of them", receiver=receiver.name, n=len(notifications)
    )


def _successors(receiver: ReceiverConfig, config: DeliveryConfig) -> tuple[str, ...]:
    """The receivers of *config* that send to the service which *receiver* sent to."""
    if isinstance(receiver.target, AlertmanagerTargets):
        urls = frozenset(receiver.target.urls)
        return tuple(
            one.name
            for one in config.receivers
            # One common peer is enough: the cluster stays, and a peer that left it lets alerts expire.
            if isinstance(one.target, AlertmanagerTargets) and urls & frozenset(one.target.urls)
        )
    return tuple(one.name for one in config.receivers if one.name == receiver.name or one.target == receiver.target)
