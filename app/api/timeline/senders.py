"""Who may report changes: bearers of a token, and webhooks that are signed with it."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from app.api.problems import ProblemError
from app.changes import Reporter, reporter_of

_SIGNATURE = "sha256="


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTokens:
    """The tokens that are configured: *events* allows reports only and is what webhooks are signed with."""

    events: str | None = None
    api: str | None = None

    def check(self, headers: Mapping[str, str], body: bytes, routing_key: str | None) -> None:
        """Let a request pass that proves that its sender knows a token.

        *routing_key* is that of a change event of PagerDuty.

        Raises:
            ProblemError: it does not, or there is no token.
        """
        if not (self.events or self.api):
            detail = "reports of changes are off: set SLOBURN_EVENTS_TOKEN"
            raise ProblemError(HTTPStatus.FORBIDDEN, detail)
        if self._is_bearer(headers) or self._is_signed(headers, body) or self._knows(routing_key):
            return
        if reporter_of(headers) is Reporter.ANY:
            detail = "send the configured token as 'Authorization: Bearer <token>'"
        else:
            detail = "the signature or token of the webhook is not that of SLOBURN_EVENTS_TOKEN"
        raise ProblemError(HTTPStatus.UNAUTHORIZED, detail, headers={"WWW-Authenticate": "Bearer"})

    def _is_bearer(self, headers: Mapping[str, str]) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        return any(_same(given.strip(), token) for token in (self.events, self.api) if token)

    def _is_signed(self, headers: Mapping[str, str], body: bytes) -> bool:
        match reporter_of(headers):
            case Reporter.GITHUB:
                # Never by the API's token: the secret of a webhook must not allow anything but reports (ADR-0072).
                given = headers.get("x-hub-signature-256", "")
                if not self.events or not given.startswith(_SIGNATURE):
                    return False
                expected = hmac.new(self.events.encode(), body, hashlib.sha256).hexdigest()
                return _same(given.removeprefix(_SIGNATURE).lower(), expected)
            case Reporter.GITLAB:
                return self._knows(headers.get("x-gitlab-token"))
        return False

    def _knows(self, given: str | None) -> bool:
        return bool(given and self.events and _same(given, self.events))


def _same(given: str, token: str) -> bool:
    # Headers are read as latin-1, bodies as UTF-8; what neither can encode is no token.
    return hmac.compare_digest(given.encode(errors="replace"), token.encode())
