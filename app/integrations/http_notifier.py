"""What notifiers over HTTP have in common: what they are configured with, their client, and who writes their texts."""

from typing import Generic, TypeVar

from typing_extensions import override

from app.delivery.notifier import Notifier, OutgoingMessage
from app.http.client import CheckedClient
from app.wording.messages import MessageWriter

Target = TypeVar("Target")


class HttpNotifier(Notifier, Generic[Target]):
    """A notifier for a *target*, whose requests go through *outgoing*; it closes that client."""

    def __init__(self, target: Target, *, outgoing: CheckedClient, writer: MessageWriter) -> None:
        self._target = target
        self._outgoing = outgoing
        self._writer = writer

    @override
    def opens(self, message: OutgoingMessage) -> str | None:
        return None

    @override
    async def aclose(self) -> None:
        await self._outgoing.aclose()
