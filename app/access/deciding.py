"""The one place where it is decided who sends a request."""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from app.access.identity import AccessFailure, AccessRefusal, Identity, IdentityKind
from app.access.scopes import AccessScope, AccessScopes
from app.access.token_text import is_token_shaped, is_well_formed, token_digest
from app.access.tokens import AccessToken, MadeToken, NewToken

_OPEN: AccessScopes = frozenset({AccessScope.READ})
_UNKNOWN = AccessRefusal(failure=AccessFailure.UNKNOWN, detail="the token is not known")
_MISTYPED = AccessRefusal(
    failure=AccessFailure.MISTYPED, detail="the token is mistyped or cut short: its checksum is wrong"
)


class TokenDirectory(Protocol):
    """The tokens that were made."""

    async def find(self, digest: str) -> AccessToken | None:
        """The token with a digest, also one that was revoked or has expired; notes that it is used."""

    @property
    def is_empty(self) -> bool:
        """Whether no token that was made can be used."""

    async def make(self, wanted: NewToken) -> MadeToken:
        """Make a token.

        Raises:
            TokenError: it cannot be.
        """

    async def listed(self) -> Sequence[AccessToken]:
        """All tokens, the newest first."""

    async def revoke(self, id_: str) -> AccessToken | None:
        """Let a token be accepted no more; None if there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRules:
    """What the settings say: *api_token* allows everything, *events_token* reports of changes."""

    api_token: str | None = field(default=None, repr=False)
    events_token: str | None = field(default=None, repr=False)


class Access:
    """Decides who sends a request."""

    def __init__(self, rules: AccessRules, tokens: TokenDirectory, *, now: Callable[[], datetime]) -> None:
        self.rules = rules
        self.tokens = tokens
        self.now = now
        self._anonymous = Identity(kind=IdentityKind.ANONYMOUS, scopes=_OPEN)
        self._of_settings = [
            (token, Identity(kind=IdentityKind.SETTING, name=name, scopes=frozenset({scope})))
            for token, name, scope in (
                (rules.api_token, "SLOBURN_API_TOKEN", AccessScope.ADMIN),
                (rules.events_token, "SLOBURN_EVENTS_TOKEN", AccessScope.EVENTS),
            )
            if token
        ]

    @property
    def has_credentials(self) -> bool:
        """Whether there is anything by which a request could prove an identity."""
        return bool(self._of_settings) or not self.tokens.is_empty

    async def identify(self, authorization: Sequence[str]) -> Identity | AccessRefusal:
        """Who sends a request with these headers ``Authorization``.

        What is no token of ours, such as the login at a proxy, leaves a request anonymous: it may be refused later,
        for what it wants.
        """
        given = [token for header in authorization if (token := _bearer(header))]
        if not given:
            return self._anonymous
        if len(given) > 1:
            return AccessRefusal(failure=AccessFailure.UNKNOWN, detail="there is more than one token")
        found = await self.by_secret(given[0])
        if isinstance(found, AccessRefusal) and not is_token_shaped(given[0]):
            return self._anonymous
        return found

    async def by_secret(self, text: str) -> Identity | AccessRefusal:
        """Who a token belongs to, however it was sent."""
        found: Identity | AccessRefusal = _UNKNOWN
        # Every one is compared, so that the time says nothing about which of them is near.
        for token, identity in self._of_settings:
            if _same(text, token):
                found = identity
        if isinstance(found, Identity) or not is_token_shaped(text):
            return found
        if not is_well_formed(text):
            return _MISTYPED
        known = await self.tokens.find(token_digest(text))
        if known is None:
            return _UNKNOWN
        return _refusal(known, self.now()) or Identity(
            kind=IdentityKind.TOKEN, name=known.name, scopes=known.scopes, services=known.services
        )


def _refusal(token: AccessToken, at: datetime) -> AccessRefusal | None:
    """Why a token is not accepted at a time, if so; its bearer is shown it, who looks at a pipeline that fails."""
    if token.revoked_at is not None:
        detail = f"the token {token.name!r} was revoked at {token.revoked_at:%Y-%m-%dT%H:%M:%SZ}"
        return AccessRefusal(failure=AccessFailure.REVOKED, detail=detail)
    if token.expires_at is not None and token.expires_at <= at:
        detail = f"the token {token.name!r} expired at {token.expires_at:%Y-%m-%dT%H:%M:%SZ}"
        return AccessRefusal(failure=AccessFailure.EXPIRED, detail=detail)
    return None


def _bearer(header: str) -> str:
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _same(given: str, token: str) -> bool:
    # Headers are read as latin-1, bodies as UTF-8; what neither can encode is no token.
    return hmac.compare_digest(given.encode(errors="replace"), token.encode())
