"""Sessions of browsers: somebody has signed in with a token and sends a cookie instead of it."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

SESSION_LENGTH = timedelta(hours=12)
"""One shift on call: a laptop that is left behind allows nothing on the next day."""
# 256 bits, as many as `secrets` recommends.
_SECRET_BYTES = 32
_SHAPE = re.compile(r"[0-9A-Za-z_-]{43}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSession:
    """A session as it is kept: never what its cookie holds.

    Attributes:
        digest: what it is found by.
        token_digest: that of the token of the database that it was opened with; empty for one of the settings.
        proof: binds it to its token without a trace of it: it cannot be computed from the database alone.
    """

    digest: str
    token_digest: str
    proof: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSession:
    """A new session, and the *secret* for its cookie."""

    secret: str = field(repr=False)
    session: WebSession


def new_session(token: str, *, token_digest: str, at: datetime) -> OpenedSession:
    """A session that no other has the secret of."""
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    session = WebSession(
        digest=session_digest(secret),
        token_digest=token_digest,
        proof=session_proof(secret, token),
        created_at=at,
        expires_at=at + SESSION_LENGTH,
    )
    return OpenedSession(secret=secret, session=session)


def is_session_shaped(text: str) -> bool:
    """Whether a cookie can be that of a session, so that what is none costs no look into the database."""
    return _SHAPE.fullmatch(text) is not None


def session_digest(secret: str) -> str:
    """What a session is stored as and found by: its SHA-256 in hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()


def session_proof(secret: str, token: str) -> str:
    """What only somebody can compute who has both the cookie of a session and the token that it was opened with."""
    return hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()
