"""What outboxes keep in memory while the database cannot be used: one for all receivers of a process."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from threading import RLock

from app.store import Database, open_database_in_memory
from app.store.outbox import OutboxEntry
from app.store.outbox_copies import OWN_FROM


@dataclass(slots=True, kw_only=True)
class FallbackMemory:
    """Entries in a *database* in memory, and what outboxes that follow each other, as receivers change, must share.

    A page that one of them is sending, or has sent, must not be sent again by the next. *held* are the idempotency keys
    of what evaluations have decided and not written; *in_use* says whether there are entries; *under_way* by which
    outbox each entry is being sent, by receiver and idempotency key. *comparing* is held while memory is changed by
    what was read from the other database.
    """

    database: Database = field(default_factory=open_database_in_memory)
    ids: Iterator[int] = field(default_factory=lambda: count(OWN_FROM))
    comparing: RLock = field(default_factory=RLock)
    held: frozenset[str] = frozenset()
    in_use: bool = False
    under_way: dict[tuple[str, str], object] = field(default_factory=dict)

    def begin(self, entries: list[OutboxEntry], outbox: object) -> list[OutboxEntry]:
        """Those of the entries that no other outbox is sending; they are under way in this one from now on."""
        with self.comparing:
            free = [entry for entry in entries if self.under_way.get(_key(entry), outbox) is outbox]
            self.under_way |= {_key(entry): outbox for entry in free}
        return free

    def end(self, entry: OutboxEntry) -> None:
        """Note that an entry is not under way any more."""
        self.under_way.pop(_key(entry), None)

    def abandon(self, outbox: object) -> None:
        """Forget what an outbox had under way: its outcome is not known, and another may try again."""
        with self.comparing:
            self.under_way = {key: sending for key, sending in self.under_way.items() if sending is not outbox}

    def is_sending_elsewhere(self, receiver: str, outbox: object) -> bool:
        """Whether another outbox is sending something to a receiver."""
        with self.comparing:
            return any(name == receiver and sending is not outbox for (name, _), sending in self.under_way.items())


def _key(entry: OutboxEntry) -> tuple[str, str]:
    return entry.receiver, entry.idempotency_key
