"""Draining the outbox: order, retries, digests, dead letters, and the fallback while nothing can be written.

Imports `app.store`, `app.http`, `app.wording`, the core and `app.clock`, and no integration: those implement the ports
of this package. Start at `loop.py`, which drains the outbox; `stored_outbox.py` is the outbox in the database,
`fallback_outbox.py` has pages in memory behind it that could not be written, `message_receiver.py` turns
notifications into messages and digests, `message_refs.py` knows which message shows which alerts, `outcome.py` says
what an attempt comes to.
"""

from app.delivery.fallback_memory import FallbackMemory
from app.delivery.fallback_outbox import FallbackOutbox
from app.delivery.loop import DeliveryLoop, DeliveryTiming
from app.delivery.message_refs import FallbackMessageRefs, MemoryMessageRefs, StoredMessageRefs
from app.delivery.outcome import FailureReason
from app.delivery.ports import DeliveryInstruments, NoInstruments, Outbox, Receiver
from app.delivery.stored_outbox import StoredOutbox
from app.http.backoff import Backoff

__all__ = [
    "Backoff",
    "DeliveryInstruments",
    "DeliveryLoop",
    "DeliveryTiming",
    "FailureReason",
    "FallbackMemory",
    "FallbackMessageRefs",
    "FallbackOutbox",
    "MemoryMessageRefs",
    "NoInstruments",
    "Outbox",
    "Receiver",
    "StoredMessageRefs",
    "StoredOutbox",
]
