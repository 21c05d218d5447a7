"""What tests of direct receivers share: a message book in memory, and a receiver of any messenger."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from typing_extensions import override

from app.alerting import Notice
from app.delivery.direct import Direct, Manners, Messenger
from app.delivery.outcome import Outcome
from app.delivery.outgoing import Outgoing, OutgoingOptions
from app.delivery.ports import Messages
from app.delivery.words import Writer
from app.store.messages import Shown
from tests.delivery.fakes import Remembered

T = TypeVar("T")
EXTERNAL_URL = "https://slo.example"
WRITER = Writer(external_url=EXTERNAL_URL)


class Book(Messages):
    """Messages in memory."""

    def __init__(self) -> None:
        self.shown: dict[tuple[str, str], tuple[str, str]] = {}

    @override
    def recall(self, receiver: str, notice: Notice) -> Shown | None:
        incident, handle = self.shown.get((receiver, notice.key), ("", ""))
        if incident != notice.incident:
            return None
        return Shown(handle=handle, alerts=[one for _, one in self.shown.values()].count(handle))

    @override
    def remember(self, receiver: str, notices: Sequence[Notice], *, handle: str, at: datetime) -> None:
        self.shown.update({(receiver, notice.key): (notice.incident, handle) for notice in notices})

    @override
    def forget(self, receiver: str, notices: Sequence[Notice]) -> None:
        for notice in notices:
            self.shown.pop((receiver, notice.key), None)


def outgoing(deadline_s: float = 3.0) -> Outgoing:
    return Outgoing(OutgoingOptions(deadline=timedelta(seconds=deadline_s)))


def now() -> datetime:
    return datetime.now(tz=UTC)


def deliver(
    make: Callable[[], Messenger],
    *batches: Sequence[Notice],
    book: Book | None = None,
    manners: Manners | None = None,
    instruments: Remembered | None = None,
) -> list[list[Outcome]]:
    """The outcomes of batches that are delivered one after the other."""

    async def play() -> list[list[Outcome]]:
        messenger = make()
        receiver = Direct(
            "team",
            messenger,
            messages=book or Book(),
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
