"""The one place where it is decided who sends a request."""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from app.access.auditing import act_as
from app.access.credentials import SentCredentials
from app.access.forwarding import ForwardRules
from app.access.identity import AccessFailure, AccessRefusal, Identity, IdentityKind
from app.access.rate_limits import RateLimiter, client_key
from app.access.scopes import OF_THE_SERVICE, AccessScope, AccessScopes
from app.access.sessions import (
    OpenedSession,
    WebSession,
    is_session_shaped,
    new_session,
    session_digest,
    session_proof,
)
from app.access.signed import SignedClaims, SignedTokens, is_signed_shaped
from app.access.token_text import is_token_shaped, is_well_formed, token_digest
from app.access.tokens import AccessToken, MadeToken, NewToken
from app.slo import Tenant

_UNKNOWN = AccessRefusal(failure=AccessFailure.UNKNOWN, detail="the token is not known")
_MISTYPED = AccessRefusal(
    failure=AccessFailure.MISTYPED, detail="the token is mistyped or cut short: its checksum is wrong"
)
_CROSS_SITE = AccessRefusal(
    failure=AccessFailure.CROSS_SITE,
    detail="a change by somebody who is signed in must come from a page of this service; programs send a token",
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


class SessionDirectory(Protocol):
    """The sessions of browsers."""

    async def find(self, digest: str) -> WebSession | None:
        """The session with a digest, also one that has expired."""

    async def open(self, session: WebSession) -> None:
        """Keep a new session."""

    async def close(self, digest: str) -> None:
        """Forget a session, if there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRules:
    """What the settings say.

    Attributes:
        api_token: allows everything.
        events_token: allows reports of changes.
        anonymous: what everybody may do who reaches the port.
        anonymous_beside_tenants: the same where there are tenants.
        url: where people reach the service.
        forward: which proxy is believed who asks, and what groups may do.
        signed: what JSON Web Tokens say of who asks, where they are accepted.
        failures_per_minute: tokens that are not accepted, from each client; None is no limit.
        changes_per_minute: by each identity; None is no limit.
    """

    api_token: str | None = field(default=None, repr=False)
    events_token: str | None = field(default=None, repr=False)
    anonymous: AccessScopes = frozenset({AccessScope.READ, AccessScope.METRICS})
    anonymous_beside_tenants: AccessScopes = frozenset()
    url: str = ""
    forward: ForwardRules = field(default_factory=ForwardRules)
    signed: SignedClaims = field(default_factory=SignedClaims)
    # A person mistypes a few; a guess at three random words of 7,776 takes 45,000 years from one address.
    failures_per_minute: int | None = 20
    # A script that reports the deploys of a year is done in some minutes.
    changes_per_minute: int | None = 300

    @property
    def session_cookie(self) -> str:
        """The name of the cookie of sessions."""
        # Browsers keep one that begins so only over TLS, and let no other host of the domain set it.
        return "__Host-sloburn" if self.has_tls else "sloburn"

    @property
    def has_tls(self) -> bool:
        """Whether people reach the service by TLS, which a proxy adds."""
        return self.url.startswith("https:")


class Access:
    """Decides who sends a request."""

    def __init__(
        self,
        rules: AccessRules,
        tokens: TokenDirectory,
        sessions: SessionDirectory,
        *,
        now: Callable[[], datetime],
        tenants: Callable[[], Sequence[Tenant]] = tuple,
        signed: SignedTokens | None = None,
    ) -> None:
        self.rules = rules
        self.tokens = tokens
        self.now = now
        self.tenants = tenants
        self._sessions = sessions
        self._signed = signed
        self._failures = RateLimiter(rules.failures_per_minute)
        self._changes = RateLimiter(rules.changes_per_minute)
        self._requests: dict[str, tuple[int, RateLimiter]] = {}
        self._open = Identity(kind=IdentityKind.ANONYMOUS, scopes=rules.anonymous)
        # Everything, for /metrics if that is open: nothing else that this identity may read shows a name.
        seen = None if AccessScope.METRICS in rules.anonymous_beside_tenants else frozenset[str]()
        self._closed = Identity(kind=IdentityKind.ANONYMOUS, scopes=rules.anonymous_beside_tenants, tenants=seen)
        self._of_settings = [
            (token, Identity(kind=IdentityKind.SETTING, name=name, scopes=frozenset({scope})))
            for token, name, scope in (
                (rules.api_token, "SLOBURN_API_TOKEN", AccessScope.ADMIN),
                (rules.events_token, "SLOBURN_EVENTS_TOKEN", AccessScope.EVENTS),
            )
            if token
        ]

    @property
    def _anonymous(self) -> Identity:
        return self._closed if self.tenants() else self._open

    @property
    def has_credentials(self) -> bool:
        """Whether there is anything by which a request could prove an identity."""
        return bool(self._of_settings) or not self.tokens.is_empty

    async def identify(self, given: SentCredentials, *, counts: bool = True) -> Identity | AccessRefusal:
        """Who sends a request; a token that is not accepted *counts* as one of its address.

        A bearer that is no token of ours, such as the login at a proxy, and a session that is over leave a request
        anonymous: it may be refused later, for what it wants.
        """
        tokens = [token for header in given.authorization if (token := _bearer(header))]
        if len(tokens) > 1:
            return AccessRefusal(failure=AccessFailure.UNKNOWN, detail="there is more than one token")
        if tokens:
            is_ours = is_token_shaped(tokens[0])
            found = await self.by_secret(tokens[0], address=given.address, counts=counts and is_ours)
            if isinstance(found, Identity) or is_ours:
                return found
        signed = await self._by_signature(tokens[0]) if tokens else None
        found = signed or await self._by_session(given.session) or self._by_proxy(given) or self._anonymous
        is_ambient = isinstance(found, Identity) and found.is_ambient
        return _CROSS_SITE if is_ambient and given.is_cross_site else found

    async def _by_signature(self, token: str) -> Identity | AccessRefusal | None:
        """Who a JSON Web Token is of; None for another bearer, and where none are accepted.

        One that is refused is not counted as a guess: a signature cannot be found by trying, and all requests
        through a proxy have its address.
        """
        if self._signed is None or not is_signed_shaped(token):
            return None
        claims = await self._signed.claims(token)
        if isinstance(claims, str):
            return AccessRefusal(failure=AccessFailure.UNKNOWN, detail=f"the JWT is not accepted: {claims}")
        user, groups = self.rules.signed.user_in(claims), self.rules.signed.groups_in(claims)
        found = self.rules.forward.member(user, groups, self.tenants(), kind=IdentityKind.JWT)
        if found is None:
            return AccessRefusal(failure=AccessFailure.UNKNOWN, detail="the JWT is not accepted: it has no user name")
        return self._with_anonymous(found)

    def _by_proxy(self, given: SentCredentials) -> Identity | AccessRefusal | None:
        if not given.users or not self.rules.forward.trusts(given.peer):
            return None
        found = self.rules.forward.identity(given.users, given.groups, self.tenants())
        return self._with_anonymous(found) if isinstance(found, Identity) else found

    async def by_secret(self, text: str, *, address: str, counts: bool = True) -> Identity | AccessRefusal:
        """Who a token belongs to, however it was sent from an address; one that is not accepted *counts* there.

        From where too many came, tokens of the settings are not looked at: they may be short enough to be guessed.
        Those that were made cannot be, so that no client keeps others behind the same address from them.
        """
        found = _UNKNOWN if self.wait_s(address) else self._of_setting(text)
        if isinstance(found, Identity):
            return found
        if is_token_shaped(text):
            found = await self._by_digest(token_digest(text)) if is_well_formed(text) else _MISTYPED
        if isinstance(found, AccessRefusal) and counts:
            return self.failed(address) or found
        return found

    def failed(self, address: str) -> AccessRefusal | None:
        """Count a proof of an identity from an address that was not accepted; the refusal if there were too many."""
        wait_s = self._failures.take(client_key(address), self.now().timestamp())
        if not wait_s:
            return None
        detail = "too many tokens that are not accepted were sent from this address; wait a little"
        return AccessRefusal(failure=AccessFailure.TOO_MANY, detail=detail, wait_s=wait_s)

    def wait_s(self, address: str) -> float:
        """Seconds until another token of an address is looked at, after too many; 0 if it is now."""
        return self._failures.wait_s(client_key(address), self.now().timestamp())

    def changed(self, identity: Identity) -> float:
        """Count a change; seconds until it is allowed if there were too many, else 0."""
        return self._changes.take(f"{identity.kind} {identity.name}", self.now().timestamp())

    def requested(self, identity: Identity) -> tuple[str, float]:
        """Count a request; the tenant that has made too many, and seconds until it may make one, else 0."""
        for tenant in self.tenants() if identity.tenants else ():
            limit = tenant.requests_per_minute
            if limit is None or tenant.name not in (identity.tenants or ()):
                continue
            # Another limit after a reload is another count.
            if tenant.name not in self._requests or self._requests[tenant.name][0] != limit:
                self._requests[tenant.name] = limit, RateLimiter(limit)
            wait_s = self._requests[tenant.name][1].take(tenant.name, self.now().timestamp())
            if wait_s:
                return tenant.name, wait_s
        return "", 0.0

    async def sign_in(self, token: str, *, address: str) -> OpenedSession | AccessRefusal:
        """Open a session for the bearer of a token: always a new one, also where the browser has a cookie.

        Raises:
            StoreError: sessions cannot be written.
        """
        found = await self.by_secret(token, address=address)
        if isinstance(found, AccessRefusal):
            return found
        made = token_digest(token) if found.kind is IdentityKind.TOKEN else ""
        opened = new_session(token, token_digest=made, at=self.now())
        act_as(found)
        await self._sessions.open(opened.session)
        return opened

    async def sign_out(self, secret: str) -> None:
        """End a session.

        Raises:
            StoreError: sessions cannot be written.
        """
        if is_session_shaped(secret):
            await self._sessions.close(session_digest(secret))

    async def _by_session(self, secret: str) -> Identity | None:
        if not is_session_shaped(secret):
            return None
        session = await self._sessions.find(session_digest(secret))
        if session is None or session.expires_at <= self.now():
            return None
        # It ends with its token.
        found = await self._by_digest(session.token_digest) if session.token_digest else self._by_proof(session, secret)
        if not isinstance(found, Identity):
            return None
        return self._with_anonymous(replace(found, kind=IdentityKind.SESSION))

    def _with_anonymous(self, found: Identity) -> Identity:
        """A reader who is signed in can still do what everybody can."""
        return replace(found, scopes=found.scopes | self._anonymous.scopes)

    def _of_setting(self, text: str) -> Identity | AccessRefusal:
        found: Identity | AccessRefusal = _UNKNOWN
        # Every one is compared, so that the time says nothing about which of them is near.
        for token, identity in self._of_settings:
            if _same(text, token):
                found = identity
        return found

    def _by_proof(self, session: WebSession, secret: str) -> Identity | None:
        """Whose token of the settings a session was opened with, if it is still set."""
        of_token = (one for token, one in self._of_settings if _same(session.proof, session_proof(secret, token)))
        return next(of_token, None)

    async def _by_digest(self, digest: str) -> Identity | AccessRefusal:
        known = await self.tokens.find(digest)
        if known is None:
            return _UNKNOWN
        return _refusal(known, self.now()) or self._of_token(known)

    def _of_token(self, known: AccessToken) -> Identity | AccessRefusal:
        found = Identity(kind=IdentityKind.TOKEN, name=known.name, scopes=known.scopes, services=known.services)
        if not known.tenant:
            return found
        if all(tenant.name != known.tenant for tenant in self.tenants()):
            # Without tenants, what it would see is everything.
            detail = f"the token {known.name!r} is for the tenant {known.tenant}, which is not declared"
            return AccessRefusal(failure=AccessFailure.NO_TENANT, detail=detail)
        return replace(found, scopes=found.scopes - OF_THE_SERVICE, tenants=frozenset({known.tenant}))


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
