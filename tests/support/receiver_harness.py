"""What tests of direct receivers share: a receiver of any messenger, told in batches."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from app.alerting import Notification
from app.delivery.message_receiver import Direct, Manners, Messenger
from app.delivery.message_refs import MemoryMessages
from app.delivery.outcome import Outcome
from app.http.client import Outgoing, OutgoingOptions
from app.wording.messages import Writer
from tests.support.fake_receivers import Remembered

T = TypeVar("T")
EXTERNAL_URL = "https://slo.example"
WRITER = Writer(external_url=EXTERNAL_URL)


def outgoing(deadline_s: float = 60.0) -> Outgoing:
    return Outgoing(OutgoingOptions(deadline=timedelta(seconds=deadline_s)))


def now() -> datetime:
    return datetime.now(tz=UTC)


def deliver(
    make: Callable[[], Messenger],
    *batches: Sequence[Notification],
    book: MemoryMessages | None = None,
    manners: Manners | None = None,
    instruments: Remembered | None = None,
) -> list[list[Outcome]]:
    """The outcomes of batches that are delivered one after the other."""

    async def play() -> list[list[Outcome]]:
        messenger = make()
        receiver = Direct(
            "team",
            messenger,
            messages=book or MemoryMessages(),
            instruments=instruments or Remembered(),
            manners=manners or Manners(),
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
