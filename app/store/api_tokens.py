"""The table of API tokens: digests, never the tokens themselves."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Connection, Row, String, Table, delete, func, insert, or_, select, update

from app.access import AccessScope, AccessToken, TokenTakenError, scope_list
from app.store.json_text import storable
from app.store.moments import Moment
from app.store.schema import metadata

api_token = Table(
    "api_token",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("hint", String, nullable=False),
    Column("digest", String, nullable=False, unique=True),
    Column("scopes", JSON, nullable=False),
    Column("services", JSON, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("created_by", String, nullable=False),
    Column("expires_at", Moment),
    Column("last_used_at", Moment),
    Column("revoked_at", Moment),
    # Empty for all: a token that was made before there were tenants.
    Column("tenant", String, nullable=False),
)
MOST_TOKENS = 1_000
"""Tokens that are kept, also those that allow nothing any more: every process has all of them in memory."""


def add_token(connection: Connection, token: AccessToken) -> None:
    """Keep a new token; the oldest that are over make room for it.

    Raises:
        TokenTakenError: one that can be used has the same name, or there are too many.
    """
    usable = api_token.c.revoked_at.is_(None) & or_(
        api_token.c.expires_at.is_(None), api_token.c.expires_at > token.created_at
    )
    # By its name a token is found in the audit, and revoked at three in the morning.
    if connection.execute(select(api_token.c.id).where(usable, api_token.c.name == token.name)).first() is not None:
        raise TokenTakenError(f"there is a token {token.name!r} already: give another name, or revoke it first")
    kept = connection.execute(select(func.count()).select_from(api_token)).scalar_one()
    if kept >= MOST_TOKENS:
        over = select(api_token.c.id).where(~usable).order_by(api_token.c.created_at).limit(kept - MOST_TOKENS + 1)
        gone = list(connection.execute(over).scalars())
        if not gone:
            raise TokenTakenError(f"there are {MOST_TOKENS} tokens already: revoke those that are not used")
        connection.execute(delete(api_token).where(api_token.c.id.in_(gone)))
    connection.execute(
        insert(api_token).values(
            id=token.id,
            name=token.name,
            hint=token.hint,
            digest=token.digest,
            scopes=scope_list(token.scopes),
            services=list(token.services),
            created_at=token.created_at,
            created_by=token.created_by,
            expires_at=token.expires_at,
            tenant=token.tenant,
        )
    )


def load_tokens(connection: Connection) -> tuple[AccessToken, ...]:
    """All tokens, the newest first."""
    newest = select(api_token).order_by(api_token.c.created_at.desc(), api_token.c.id)
    return tuple(_token(row) for row in connection.execute(newest))


def revoke_token(connection: Connection, id_: str, *, at: datetime) -> AccessToken | None:
    """Let a token be accepted no more; as it is then, None if there is none."""
    mine = api_token.c.id.in_(storable([id_]))
    connection.execute(update(api_token).where(mine, api_token.c.revoked_at.is_(None)).values(revoked_at=at))
    row = connection.execute(select(api_token).where(mine)).one_or_none()
    return None if row is None else _token(row)


def note_use(connection: Connection, used_at: Mapping[str, datetime]) -> None:
    """Note when tokens were last used, by their ids."""
    for id_, at in used_at.items():
        # Of several processes the newest use counts.
        older = or_(api_token.c.last_used_at.is_(None), api_token.c.last_used_at < at)
        connection.execute(update(api_token).where(api_token.c.id == id_, older).values(last_used_at=at))


def _token(row: Row[Any]) -> AccessToken:
    return AccessToken(
        id=row.id,
        name=row.name,
        hint=row.hint,
        digest=row.digest,
        scopes=_scopes(row.scopes or ()),
        services=tuple(row.services or ()),
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
        tenant=row.tenant,
    )


def _scopes(names: Iterable[str]) -> frozenset[AccessScope]:
    # One that a newer version knows allows nothing here.
    known = {scope.value for scope in AccessScope}
    return frozenset(AccessScope(name) for name in names if name in known)
