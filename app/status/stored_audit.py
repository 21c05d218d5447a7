"""The audit in the database, for who reads it, and for entries that belong to no transaction."""

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import structlog
from typing_extensions import override

from app.access import AuditEntry, AuditTrail
from app.http import DetachedCalls, TooManyCallsError
from app.store import Database, StoreError
from app.store.audit import AuditFilter, append_audit, list_audit, prune_audit

_log = structlog.get_logger(__name__)
# Refusals that wait to be written: a client that sends thousands a second fills neither memory nor the disk.
_MOST_WAITING = 1_000
_WRITTEN_EVERY_S = 1.0
_WRITE_WITHIN_S = 5.0
# Between two looks whether there are too many entries, so many writes: refusals may come faster than the evaluations
# prune.
_PRUNED_EVERY = 100


class AuditLog(AuditTrail, Protocol):
    """Reads the audit, too."""

    def listed(self, wanted: AuditFilter, *, limit: int, before: int | None = None) -> Sequence[tuple[int, AuditEntry]]:
        """The newest entries, newest first, with their numbers; those *before* a number for the next page.

        Raises:
            StoreError: they cannot be read.
        """


class StoredAudit(AuditLog):
    """Entries in the database; those that are noted are written within a second, together."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[AuditEntry] = deque()
        self._left_out = 0
        self._writing = threading.Lock()
        self._writes = 0
        self._calls = DetachedCalls()

    @override
    def note(self, entry: AuditEntry) -> None:
        if len(self._waiting) < _MOST_WAITING:
            self._waiting.append(entry)
        else:
            # The first of a flood say as much as the last.
            self._left_out += 1

    @override
    def listed(self, wanted: AuditFilter, *, limit: int, before: int | None = None) -> Sequence[tuple[int, AuditEntry]]:
        # What waits belongs in the answer; where the disk is full, the rest is still read.
        self._write_or_log()
        with self._database.read() as transaction:
            return list_audit(transaction, wanted, limit=limit, before=before)

    def _write(self) -> None:
        """Write what waits.

        Raises:
            StoreError: it cannot be written, and goes on waiting.
        """
        with self._writing:
            entries, left_out = tuple(self._waiting), self._left_out
            if not entries:
                return
            with self._database.begin() as transaction:
                append_audit(transaction, entries)
                if self._writes % _PRUNED_EVERY == 0:
                    prune_audit(transaction)
            self._writes += 1
            for _ in entries:
                self._waiting.popleft()
            self._left_out -= left_out
        if left_out:
            _log.warning("refused requests came faster than the audit is written; it lacks some", count=left_out)

    async def run(self) -> None:
        """Write what waits again and again, and once more at the end."""
        try:
            while True:
                await asyncio.sleep(_WRITTEN_EVERY_S)
                if self._waiting:
                    await self._write_beside()
        finally:
            if self._waiting:
                # At the end nothing is awaited any more.
                self._calls.call_now("audit", self._write_or_log, within_s=_WRITE_WITHIN_S)

    async def _write_beside(self) -> None:
        try:
            await self._calls.call("audit", self._write_or_log, within_s=_WRITE_WITHIN_S)
        except (TimeoutError, TooManyCallsError):
            _log.debug("the audit waits for the database")

    def _write_or_log(self) -> None:
        try:
            self._write()
        except StoreError as error:
            _log.warning("refused requests are not in the audit yet: the database cannot be written", error=str(error))
