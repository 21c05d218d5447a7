"""The changes in the database, the newest also in memory for evaluations."""

from collections.abc import Sequence

from typing_extensions import override

from app.changes import Change
from app.clock import Clock
from app.status.change_log import ChangeLog
from app.status.recent_changes import RECENT, RecentChanges
from app.store import Database
from app.store.changes import ChangeFilter, find_change, list_changes, save_change

# A start reads no more: the newest of busy services.
_MOST_RECENT = 10_000


class StoredChanges(ChangeLog):
    """The changes in the database; new ones are also noted for evaluations."""

    def __init__(self, database: Database, recent: RecentChanges, clock: Clock) -> None:
        self._database = database
        self._recent = recent
        self._clock = clock

    def note_recent(self) -> None:
        """Let evaluations know what was reported before the start."""
        now = self._clock.now()
        with self._database.read() as transaction:
            known = list_changes(transaction, ChangeFilter(since=now - RECENT), limit=_MOST_RECENT)
        self._recent.add(reversed(known), at=now)

    @override
    def add(self, change: Change) -> tuple[Change, bool]:
        with self._database.begin() as transaction:
            kept, is_new = save_change(transaction, change)
        self._recent.add([kept], at=self._clock.now())
        return kept, is_new

    @override
    def listed(self, wanted: ChangeFilter, *, limit: int, before: tuple[float, str] | None = None) -> Sequence[Change]:
        with self._database.read() as transaction:
            return list_changes(transaction, wanted, limit=limit, before=before)

    @override
    def find(self, change: str) -> Change | None:
        with self._database.read() as transaction:
            return find_change(transaction, change)
