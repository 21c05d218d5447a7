"""API tokens as they are kept: never the token itself."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from typing_extensions import override

from app.access.scopes import LIMITED_SCOPES, OF_THE_SERVICE, AccessScopes, scope_list
from app.wording.plain_text import one_line

LONGEST_TOKEN_NAME = 100
MOST_TOKEN_SERVICES = 50
LONGEST_LIFE = timedelta(days=3660)
"""Ten years: what is to last longer is made without an end, on purpose."""


class TokenError(ValueError):
    """A token that cannot be made, and why."""


class TokenTakenError(TokenError):
    """It can be made only after another was revoked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """What a token is to be; *services* limits it to these, *expires_at* None is never.

    *tenant* is the one that it belongs to; empty for all.
    """

    name: str
    scopes: AccessScopes
    services: tuple[str, ...] = ()
    expires_at: datetime | None = None
    created_by: str = ""
    tenant: str = ""

    def checked(self, at: datetime) -> "NewToken":
        """The same with its name on one line.

        Raises:
            TokenError: it cannot be made.
        """
        name = one_line(self.name)
        if not name or len(name) > LONGEST_TOKEN_NAME:
            raise TokenError(f"a token needs a name of 1 to {LONGEST_TOKEN_NAME} characters")
        if not self.scopes:
            raise TokenError("a token needs a scope")
        of_all = scope_list(self.scopes & OF_THE_SERVICE) if self.tenant else []
        if of_all:
            raise TokenError(f"{of_all[0]} is about the whole service: a token of a tenant cannot have it")
        too_wide = scope_list(self.scopes - LIMITED_SCOPES)
        if self.services and too_wide:
            allowed = " and ".join(scope_list(LIMITED_SCOPES))
            raise TokenError(f"{too_wide[0]} cannot be limited to services: only {allowed} can")
        if len(self.services) > MOST_TOKEN_SERVICES or not all(self.services):
            raise TokenError(f"a token may be limited to 1 to {MOST_TOKEN_SERVICES} services, each with a name")
        if self.expires_at is not None and not at < self.expires_at <= at + LONGEST_LIFE:
            raise TokenError(f"a token must expire in the future, within {LONGEST_LIFE.days} days, or never")
        return replace(self, name=name, created_by=one_line(self.created_by))


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A token that was made: *hint* is its beginning, *digest* what it is known by."""

    id: str
    name: str
    hint: str
    digest: str
    scopes: AccessScopes
    services: tuple[str, ...]
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    tenant: str = ""

    def is_usable(self, at: datetime) -> bool:
        """Whether it allows anything at a time."""
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeToken:
    """A new token, and its text, which is shown once and kept nowhere."""

    text: str
    token: AccessToken

    @override
    def __repr__(self) -> str:
        """Without the text, which must be in no log."""
        return f"MadeToken(token={self.token!r})"
