"""The sessions of browsers in the database, of which those in use are in memory."""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from typing_extensions import override

from app.access import SessionDirectory, WebSession
from app.clock import Clock
from app.http import DetachedCalls, TooManyCallsError
from app.store import Database, StoreError, StoreUnavailableError
from app.store.web_sessions import add_session, find_session, remove_session

_log = structlog.get_logger(__name__)
# How long a session that was ended at another process is still accepted.
_KEPT = timedelta(seconds=5)
# A page and what it loads are some requests each; people have several pages open.
_MOST_KEPT = 1_000
_READ_WITHIN_S = 2.0
_WRITTEN_WITHIN_S = 5.0


class StoredSessions(SessionDirectory):
    """Sessions in the database, each read again when it is used and was read more than 5 seconds ago.

    While the database cannot be read, those in memory are accepted: who was signed in can look at an outage. Who signs
    in during one has a session of this process, which ends with the outage.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._known: OrderedDict[str, tuple[WebSession, datetime]] = OrderedDict()
        self._calls = DetachedCalls()

    @override
    async def find(self, digest: str) -> WebSession | None:
        now = self._clock.now()
        session, read_at = self._known.get(digest, (None, now))
        if session is not None and timedelta(0) <= now - read_at < _KEPT:
            return session
        try:
            found = await self._calls.call(("session", digest), lambda: self._read(digest), within_s=_READ_WITHIN_S)
        except (StoreError, TimeoutError, TooManyCallsError) as error:
            _log.debug("a session was not read; it is accepted if it was known before", error=str(error))
            return session
        self._keep(digest, found)
        return found

    @override
    async def open(self, session: WebSession) -> None:
        def write() -> None:
            with self._database.begin() as transaction:
                add_session(transaction, session)

        try:
            await self._write(write)
        except StoreUnavailableError as error:
            _log.warning("a session was not written; it lasts as long as the database is away", error=str(error))
        self._keep(session.digest, session)

    @override
    async def close(self, digest: str) -> None:
        # First: what is written may fail.
        self._keep(digest, None)

        def write() -> None:
            with self._database.begin() as transaction:
                remove_session(transaction, digest)

        await self._write(write)

    async def _write(self, write: Callable[[], None]) -> None:
        try:
            await self._calls.call(object(), write, within_s=_WRITTEN_WITHIN_S)
        except (TimeoutError, TooManyCallsError) as error:
            raise StoreUnavailableError("the database does not answer") from error

    def _read(self, digest: str) -> WebSession | None:
        with self._database.read() as transaction:
            return find_session(transaction, digest)

    def _keep(self, digest: str, session: WebSession | None) -> None:
        self._known.pop(digest, None)
        if session is not None:
            self._known[digest] = session, self._clock.now()
        while len(self._known) > _MOST_KEPT:
            self._known.popitem(last=False)
