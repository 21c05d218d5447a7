"""The outbox to its receivers, each in a module of its own.

May import `app.store`, the core and `app.clock`; one of two rooms that import httpx. Start at `loop.py`, which drains
the outbox and re-asserts what fires; `message.py` puts alerts into words, `alertmanager.py` is the first receiver,
`outcome.py` what can become of an attempt, and `ports.py` what this room asks of others.
"""

from app.delivery.alertmanager import Alertmanager, AlertmanagerOptions
from app.delivery.alertmanager_peer import RECEIVER, Reassertion
from app.delivery.backoff import Backoff
from app.delivery.loop import DeliveryLoop, Pace
from app.delivery.outcome import FailureReason
from app.delivery.ports import Deliveries, DeliveryInstruments, Keeper, NoInstruments, Receiver
from app.delivery.stored import StoredDeliveries

__all__ = [
    "RECEIVER",
    "Alertmanager",
    "AlertmanagerOptions",
    "Backoff",
    "Deliveries",
    "DeliveryInstruments",
    "DeliveryLoop",
    "FailureReason",
    "Keeper",
    "NoInstruments",
    "Pace",
    "Reassertion",
    "Receiver",
    "StoredDeliveries",
]
