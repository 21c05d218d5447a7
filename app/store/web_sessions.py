"""The table of sessions of browsers: digests, never what their cookies hold."""

from datetime import datetime

from sqlalchemy import Column, Connection, Index, String, Table, delete, func, insert, select

from app.access import WebSession
from app.store.json_text import storable
from app.store.moments import Moment
from app.store.schema import metadata

web_session = Table(
    "web_session",
    metadata,
    Column("digest", String, primary_key=True),
    Column("token_digest", String, nullable=False),
    Column("proof", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Index("web_session_by_creation", "created_at"),
)
MOST_SESSIONS = 10_000
"""More than people work with one service; who signs in again and again fills no disk."""


def add_session(connection: Connection, session: WebSession) -> None:
    """Keep a new session; those that are over, and the oldest where there are too many, go."""
    connection.execute(delete(web_session).where(web_session.c.expires_at <= session.created_at))
    kept = connection.execute(select(func.count()).select_from(web_session)).scalar_one()
    if kept >= MOST_SESSIONS:
        oldest = select(web_session.c.digest).order_by(web_session.c.created_at).limit(kept - MOST_SESSIONS + 1)
        gone = list(connection.execute(oldest).scalars())
        connection.execute(delete(web_session).where(web_session.c.digest.in_(gone)))
    connection.execute(
        insert(web_session).values(
            digest=session.digest,
            token_digest=session.token_digest,
            proof=session.proof,
            created_at=session.created_at,
            expires_at=session.expires_at,
        )
    )


def find_session(connection: Connection, digest: str) -> WebSession | None:
    """The session with a digest; None if there is none."""
    row = connection.execute(select(web_session).where(web_session.c.digest.in_(storable([digest])))).one_or_none()
    if row is None:
        return None
    created_at: datetime = row.created_at
    return WebSession(
        digest=row.digest,
        token_digest=row.token_digest,
        proof=row.proof,
        created_at=created_at,
        expires_at=row.expires_at,
    )


def remove_session(connection: Connection, digest: str) -> None:
    """Forget a session, if there is one."""
    connection.execute(delete(web_session).where(web_session.c.digest.in_(storable([digest]))))
