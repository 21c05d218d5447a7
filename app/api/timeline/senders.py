"""Who may report changes: bearers of a token with `events`, and webhooks that are signed with the token of events."""

import hashlib
import hmac
from collections.abc import Mapping

from fastapi import Request

from app.access import (
    Access,
    AccessFailure,
    AccessRefusal,
    AccessScope,
    Identity,
    IdentityKind,
    access_in,
    act_as,
    credentials_in,
    is_token_shaped,
)
from app.api.needs import check_allowed, identity_of, refused, unauthorised
from app.changes import Reporter, reporter_of

_SIGNATURE = "sha256="


async def check_sender(request: Request, headers: Mapping[str, str], body: bytes, routing_key: str | None) -> Identity:
    """Who reports a change: a sender that proves that it knows a token.

    *routing_key* is that of a change event of PagerDuty.

    Raises:
        ProblemError: it does not, or there is no token.
    """
    access = access_in(request.scope)
    identity = identity_of(request)
    if identity.allows(AccessScope.EVENTS):
        return check_allowed(identity, request, AccessScope.EVENTS)
    address = credentials_in(request.scope).address
    # A signature is as good for a guess as the token itself.
    if not access.wait_s(address) and _is_signed(access, headers, body):
        signer = Identity(kind=IdentityKind.WEBHOOK, name="GitHub", scopes=frozenset({AccessScope.EVENTS}))
        act_as(signer)
        return check_allowed(signer, request, AccessScope.EVENTS)
    is_gitlab = reporter_of(headers) is Reporter.GITLAB
    given = headers.get("x-gitlab-token") if is_gitlab else routing_key
    # Not one with `admin` only: the secret of a webhook must not allow anything but reports (ADR-0072).
    if given:
        found = await access.by_secret(given, address=address)
        if isinstance(found, AccessRefusal) and (is_token_shaped(given) or found.failure is AccessFailure.TOO_MANY):
            raise refused(found)
        if isinstance(found, Identity) and AccessScope.EVENTS in found.scopes:
            act_as(found)
            return check_allowed(found, request, AccessScope.EVENTS)
    if reporter_of(headers) is not Reporter.ANY and access.has_credentials:
        too_many = None if given else access.failed(address)
        if too_many is not None:
            raise refused(too_many)
        raise unauthorised("the signature or token of the webhook is not that of SLOBURN_EVENTS_TOKEN")
    return check_allowed(identity, request, AccessScope.EVENTS)


def _is_signed(access: Access, headers: Mapping[str, str], body: bytes) -> bool:
    secret, given = access.rules.events_token, headers.get("x-hub-signature-256", "")
    if reporter_of(headers) is not Reporter.GITHUB or not secret or not given.startswith(_SIGNATURE):
        return False
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(given.removeprefix(_SIGNATURE).lower().encode(errors="replace"), expected.encode())
