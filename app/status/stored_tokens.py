"""The API tokens of the database, in memory for the requests that send them."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from secrets import token_hex

import structlog
from typing_extensions import override

from app.access import (
    AccessToken,
    MadeToken,
    NewToken,
    TokenDirectory,
    new_token,
    note_unchanged,
    scope_list,
    token_digest,
    token_hint,
)
from app.clock import Clock
from app.http import DetachedCalls, TooManyCallsError
from app.store import Database, StoreError, Transaction
from app.store.api_tokens import add_token, load_tokens, note_use, revoke_token
from app.store.audit import record_change

_log = structlog.get_logger(__name__)
# How long a token that was revoked by another process is still accepted.
_READ_EVERY = timedelta(seconds=5)
# How long a token that another process just made may be refused; guessing costs five small reads a second.
_READ_FOR_UNKNOWN = timedelta(seconds=0.2)
# A database that hangs must not keep a pipeline from the gate: after this what is known counts.
_READ_WITHIN_S = 2.0
# How exact the last use of a token is: a write for each request would cost more than the request.
_USE_NOTED_EVERY = timedelta(minutes=10)


class StoredTokens(TokenDirectory):
    """The tokens in the database, read again when a request has one and what is known is older than 5 seconds.

    While the database cannot be read, those that were read last are accepted: a pipeline that could ask the gate before
    an outage can ask it meanwhile.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[str, AccessToken] = {}
        self._read_at: datetime | None = None
        self._failed = False
        self._noted: dict[str, datetime] = {}
        self._calls = DetachedCalls()
        self._writes: set[asyncio.Task[None]] = set()

    def load(self) -> None:
        """Read the tokens; in the calling thread.

        Raises:
            StoreError: they cannot be read.
        """
        with self._database.read() as transaction:
            found = load_tokens(transaction)
        self._known = {token.digest: token for token in found}
        self._read_at = self._clock.now()

    @override
    async def find(self, digest: str) -> AccessToken | None:
        now = self._clock.now()
        if not self._is_read_within(_READ_EVERY if digest in self._known else _READ_FOR_UNKNOWN, now):
            await self._read()
        found = self._known.get(digest)
        if found is not None and found.is_usable(now):
            self._note_use(found, now)
        return found

    @property
    @override
    def is_empty(self) -> bool:
        now = self._clock.now()
        return not any(token.is_usable(now) for token in self._known.values())

    @override
    async def make(self, wanted: NewToken) -> MadeToken:
        made = made_token(wanted, at=self._clock.now())

        def write() -> None:
            with self._database.begin() as transaction:
                add_token(transaction, made.token)
                record_made(transaction, made.token)
            self.load()

        await asyncio.to_thread(write)
        return made

    @override
    async def listed(self) -> Sequence[AccessToken]:
        await asyncio.to_thread(self.load)
        return [*self._known.values()]

    @override
    async def revoke(self, id_: str) -> AccessToken | None:
        def write() -> AccessToken | None:
            with self._database.begin() as transaction:
                found = revoke_recorded(transaction, id_, at=self._clock.now())
            self.load()
            return found

        return await asyncio.to_thread(write)

    def _is_read_within(self, length: timedelta, now: datetime) -> bool:
        return self._read_at is not None and timedelta(0) <= now - self._read_at < length

    async def _read(self) -> None:
        try:
            # Not in a reader's thread: these may all be busy with charts.
            await self._calls.call("tokens", self.load, within_s=_READ_WITHIN_S)
        except (StoreError, TimeoutError, TooManyCallsError) as error:
            if not self._failed:
                _log.warning("API tokens cannot be read; those known before are accepted", error=str(error))
            self._failed = True
            return
        self._failed = False

    def _note_use(self, token: AccessToken, now: datetime) -> None:
        before = self._noted.get(token.id) or token.last_used_at
        if before is not None and now - before < _USE_NOTED_EVERY:
            return
        self._noted[token.id] = now
        # The request does not wait for it, and is answered where it cannot be written.
        write = asyncio.create_task(asyncio.to_thread(self._write_use, token.id, now))
        self._writes.add(write)
        write.add_done_callback(self._writes.discard)

    def _write_use(self, id_: str, at: datetime) -> None:
        try:
            with self._database.begin() as transaction:
                note_use(transaction, {id_: at})
        except StoreError as error:
            _log.debug("the use of a token was not noted", error=str(error))


def record_made(transaction: Transaction, token: AccessToken) -> None:
    """Write into the audit that a token was made."""
    record_change(transaction, action="createToken", target=token.id, at=token.created_at, after=_shown(token))


def revoke_recorded(transaction: Transaction, id_: str, *, at: datetime) -> AccessToken | None:
    """Let a token be accepted no more, and write that into the audit; None if there is none."""
    found = revoke_token(transaction, id_, at=at)
    if found is not None and found.revoked_at == at:
        record_change(transaction, action="revokeToken", target=id_, at=at, before=_shown(found))
    else:
        note_unchanged()
    return found


def _shown(token: AccessToken) -> dict[str, object]:
    """A token as the audit has it: nothing that it could be tried by."""
    return {
        "name": token.name,
        "scopes": scope_list(token.scopes),
        "services": token.services,
        "expires_at": token.expires_at,
        "created_by": token.created_by,
        **({"tenant": token.tenant} if token.tenant else {}),
    }


def made_token(wanted: NewToken, *, at: datetime) -> MadeToken:
    """A new token.

    Raises:
        TokenError: it cannot be made.
    """
    wanted = wanted.checked(at)
    text = new_token()
    return MadeToken(
        text=text,
        token=AccessToken(
            id=token_hex(4),
            name=wanted.name,
            hint=token_hint(text),
            digest=token_digest(text),
            scopes=wanted.scopes,
            services=wanted.services,
            created_at=at,
            created_by=wanted.created_by,
            expires_at=wanted.expires_at,
            tenant=wanted.tenant,
        ),
    )
