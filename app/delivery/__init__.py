"""The outbox to its receivers, each in a module of its own.

May import `app.store`, `app.yamldoc`, the core and `app.clock`; imports httpx. Start at `loop.py`,
which drains the outbox and re-asserts what fires; `degraded.py` puts pages before it while the database cannot be
written. `message.py` puts alerts into words; `alertmanager.py` is the first receiver, `direct.py` what all others have
in common; `outgoing.py` says where requests may go, `outcome.py` what can become of an attempt; `config/` is the file
of receivers and routes, and `ports.py` what this room asks of others.
"""

from app.delivery.alertmanager import Alertmanager, AlertmanagerOptions
from app.delivery.alertmanager_peer import RECEIVER, Reassertion
from app.delivery.config import DeliveryConfig, LoadedConfig, load_config
from app.delivery.degraded import DegradableDeliveries
from app.delivery.final import final_notifications, send_final
from app.delivery.heartbeat import IsHealthy
from app.delivery.loop import DeliveryLoop, DeliveryTiming
from app.delivery.outcome import FailureReason
from app.delivery.ports import Deliveries, DeliveryInstruments, Keeper, NoInstruments, Receiver
from app.delivery.receivers import NotifierContext, Receivers, open_receivers
from app.delivery.remembered import MemoryMessages
from app.delivery.stored import StoredDeliveries, StoredMessages
from app.http.backoff import Backoff

__all__ = [
    "RECEIVER",
    "Alertmanager",
    "AlertmanagerOptions",
    "Backoff",
    "DegradableDeliveries",
    "Deliveries",
    "DeliveryConfig",
    "DeliveryInstruments",
    "DeliveryLoop",
    "DeliveryTiming",
    "FailureReason",
    "IsHealthy",
    "Keeper",
    "LoadedConfig",
    "MemoryMessages",
    "NoInstruments",
    "NotifierContext",
    "Reassertion",
    "Receiver",
    "Receivers",
    "StoredDeliveries",
    "StoredMessages",
    "final_notifications",
    "load_config",
    "open_receivers",
    "send_final",
]
