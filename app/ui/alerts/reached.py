"""Who was notified of incidents, as the history of alerts shows it: one line for each receiver."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.alerting import NotificationStatus
from app.store.deliveries import Delivery
from app.store.outbox import EntryState


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachedReceiver:
    """How the first notification of an incident that fires went to a receiver; *at* is when it ended or was decided.

    *accepted*, *given up*, or *waiting*: it is not known yet.
    """

    receiver: str
    result: str
    at: datetime


def reached_receivers(deliveries: Sequence[Delivery]) -> list[ReachedReceiver]:
    """The receivers of an incident in the order in which they were chosen; *deliveries* are oldest first.

    The first that was accepted counts: later ones repeat it, and one that was given up may have been sent again.
    """
    results = {EntryState.DONE: "accepted", EntryState.DEAD: "given up", EntryState.WAITING: "waiting"}
    chosen: dict[str, Delivery] = {}
    for one in deliveries:
        if one.status is not NotificationStatus.FIRING:
            continue
        known = chosen.setdefault(one.receiver, one)
        if known.state is not EntryState.DONE and one.state is EntryState.DONE:
            chosen[one.receiver] = one
    return [
        ReachedReceiver(receiver=name, result=results[one.state], at=one.ended_at or one.created_at)
        for name, one in chosen.items()
    ]
