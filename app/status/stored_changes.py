"""The changes in the database, the newest also in memory for evaluations."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from typing_extensions import override

from app.access import note_unchanged
from app.changes import FOUND_SOURCE, SAME_DEPLOY, SEEN_WITHIN, Change, is_same_deploy
from app.clock import Clock
from app.status.change_log import ChangeLog, OtherServiceError
from app.status.recent_changes import RECENT, RecentChanges
from app.store import Database, Transaction
from app.store.audit import record_change
from app.store.changes import ChangeFilter, delete_changes, find_change, list_changes, save_change

# A start reads no more: the newest of busy services.
_MOST_RECENT = 10_000
# Clocks of replicas differ by seconds, and a transaction ends after the time that it writes.
_NOTED_LATE = timedelta(minutes=2)
# Of one service, around a deploy.
_MOST_NEAR = 500


class StoredChanges(ChangeLog):
    """The changes in the database; new ones are also noted for evaluations."""

    def __init__(self, database: Database, recent: RecentChanges, clock: Clock) -> None:
        self._database = database
        self._recent = recent
        self._clock = clock
        self._noted_until: datetime | None = None

    def note_recent(self) -> None:
        """Let evaluations know what was reported before the start, and after it by others: each time what is new."""
        now, since = self._clock.now(), None if self._noted_until is None else self._noted_until - _NOTED_LATE
        with self._database.read() as transaction:
            known = list_changes(transaction, ChangeFilter(since=now - RECENT, noted_since=since), limit=_MOST_RECENT)
        self._recent.add(reversed(known), at=now)
        self._noted_until = now

    @override
    def add(self, change: Change, *, allows: Callable[[str], bool] | None = None) -> tuple[Change, bool]:
        with self._database.begin() as transaction:
            kept, known = save_change(transaction, change, at=self._clock.now())
            if known is not None and allows is not None and not allows(known.service):
                # Ids are made by senders: by one that others use, a change would be taken from their service.
                raise OtherServiceError
            if kept != known:
                before = None if known is None else asdict(known)
                now = self._clock.now()
                record_change(
                    transaction, action="reportEvent", target=kept.id, at=now, before=before, after=asdict(kept)
                )
            else:
                note_unchanged()
            # What a tool reports says more than what was found of the same deploy.
            if kept.source != FOUND_SOURCE:
                near = _near(transaction, kept)
                found = [one.id for one in near if one.source == FOUND_SOURCE and is_same_deploy(one, kept)]
                delete_changes(transaction, found)
        self._recent.add([kept], at=self._clock.now())
        return kept, known is None

    def add_found(self, change: Change) -> bool:
        """Keep a deploy that was found; False if it is known already.

        Raises:
            StoreError: it cannot be kept.
        """
        with self._database.begin() as transaction:
            if any(is_same_deploy(change, one) for one in _near(transaction, change)):
                return False
            kept, known = save_change(transaction, change, at=self._clock.now())
        self._recent.add([kept], at=self._clock.now())
        return known is None

    @override
    def listed(self, wanted: ChangeFilter, *, limit: int, before: tuple[float, str] | None = None) -> Sequence[Change]:
        with self._database.read() as transaction:
            return list_changes(transaction, wanted, limit=limit, before=before)

    @override
    def find(self, change: str) -> Change | None:
        with self._database.read() as transaction:
            return find_change(transaction, change)


def _near(transaction: Transaction, change: Change) -> Sequence[Change]:
    """The changes of a service that may be the same deploy."""
    wanted = ChangeFilter(
        services=frozenset({change.service}),
        since=change.started_at - SEEN_WITHIN,
        until=change.ended_at + SAME_DEPLOY,
    )
    return list_changes(transaction, wanted, limit=_MOST_NEAR)
