"""References to sent messages, as long as the process lives: for commands that send a few, and for full disks."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from typing_extensions import override

from app.alerting import Notification
from app.delivery.ports import MessageRefs
from app.delivery.unanswered import UnansweredMessages
from app.store.messages import MessageRef


class MemoryMessageRefs(MessageRefs):
    """Which message shows which alerts, in memory."""

    def __init__(self) -> None:
        self.shown: dict[tuple[str, str], tuple[str, str]] = {}
        self._notifications: dict[tuple[str, str], Notification] = {}
        self._unanswered: defaultdict[str, UnansweredMessages] = defaultdict(UnansweredMessages)

    @override
    def recall(self, receiver: str, notification: Notification) -> MessageRef | None:
        incident, handle = self.shown.get((receiver, notification.key), ("", ""))
        if incident != notification.incident:
            return None
        count = sum(name == receiver and other == handle for (name, _), (_, other) in self.shown.items())
        return MessageRef(handle=handle, alerts=count)

    @override
    def firing_in(self, receiver: str, handle: str) -> Sequence[Notification]:
        return [
            self._notifications[receiver, key]
            for (name, key), (_, other) in self.shown.items()
            if name == receiver and other == handle
        ]

    @override
    def remember(self, receiver: str, notifications: Sequence[Notification], *, handle: str, at: datetime) -> None:
        self.shown.update(
            {(receiver, notification.key): (notification.incident, handle) for notification in notifications}
        )
        self._notifications.update({(receiver, notification.key): notification for notification in notifications})

    @override
    def forget(self, receiver: str, notifications: Sequence[Notification]) -> None:
        for notification in notifications:
            self.shown.pop((receiver, notification.key), None)
            self._notifications.pop((receiver, notification.key), None)

    @override
    def note_sent(self, receiver: str, messages: Mapping[str, Sequence[Notification]], *, at: datetime) -> None:
        self._unanswered[receiver].note(messages, at=at)

    @override
    def note_answers(self, receiver: str, *, answered: Collection[str], unsent: Collection[str], at: datetime) -> None:
        self._unanswered[receiver].forget(answered)
        self._unanswered[receiver].forget_unsent(unsent, at=at)

    @override
    def resolve_unanswered(
        self, receiver: str, resolved: Sequence[Notification]
    ) -> Mapping[str, Sequence[Notification]]:
        return self._unanswered[receiver].resolve(resolved)
