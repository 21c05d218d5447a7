"""What tests of direct receivers share: a receiver of any notifier, told in batches."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from app.alerting import Notification
from app.delivery.message_receiver import MessageReceiver, RateLimit
from app.delivery.message_refs import MemoryMessageRefs
from app.delivery.notifier import Notifier
from app.delivery.outcome import Outcome
from app.http.client import CheckedClient, ClientOptions
from app.wording.messages import MessageWriter
from tests.support.fake_receivers import RecordingInstruments

T = TypeVar("T")
EXTERNAL_URL = "https://slo.example"
WRITER = MessageWriter(external_url=EXTERNAL_URL)


def outgoing(deadline_s: float = 60.0) -> CheckedClient:
    return CheckedClient(ClientOptions(deadline=timedelta(seconds=deadline_s)))


def now() -> datetime:
    return datetime.now(tz=UTC)


def deliver(
    make: Callable[[], Notifier],
    *batches: Sequence[Notification],
    book: MemoryMessageRefs | None = None,
    rate_limit: RateLimit | None = None,
    instruments: RecordingInstruments | None = None,
) -> list[list[Outcome]]:
    """The outcomes of batches that are delivered one after the other."""

    async def play() -> list[list[Outcome]]:
        notifier = make()
        receiver = MessageReceiver(
            "team",
            notifier,
            message_refs=book or MemoryMessageRefs(),
            instruments=instruments or RecordingInstruments(),
            rate_limit=rate_limit or RateLimit(),
        )
        try:
            return [list(await receiver.deliver(batch, at=now())) for batch in batches]
        finally:
            await receiver.aclose()

    return run(play)


def run(play: Callable[[], Awaitable[T]]) -> T:
    async def whole() -> T:
        return await play()

    return asyncio.run(whole())
