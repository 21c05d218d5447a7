"""Notes who sends each request, before anything is done for it."""

import structlog
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access import Access, RateLimiter, SentCredentials, client_key, is_cross_site, note_sender

_log = structlog.get_logger(__name__)
_WARNINGS_PER_MINUTE = 1


class Identification:
    """Decides by `Access` who sends a request, once; routes ask for what it may do."""

    def __init__(self, app: ASGIApp, *, access: Access) -> None:
        self._app = app
        self._access = access
        # Anybody can send such a header as often as they like, and the log is for others too.
        self._warnings = RateLimiter(_WARNINGS_PER_MINUTE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            credentials = _credentials(HTTPConnection(scope), self._access)
            if credentials.users and not self._access.rules.forward.trusts(credentials.peer):
                self._warn(credentials.peer)
            note_sender(scope, credentials, await self._access.identify(credentials))
        await self._app(scope, receive, send)

    def _warn(self, peer: str) -> None:
        if not self._warnings.take(client_key(peer), self._access.now().timestamp()):
            _log.warning("a header of who asks is ignored: its sender is not in a network of the proxy", peer=peer)


def _credentials(request: HTTPConnection, access: Access) -> SentCredentials:
    headers, forward = request.headers, access.rules.forward
    peer = request.client.host if request.client else ""
    return SentCredentials(
        authorization=headers.getlist("authorization"),
        session=request.cookies.get(access.rules.session_cookie, ""),
        peer=peer,
        address=forward.client(peer, headers.getlist("x-forwarded-for")),
        users=headers.getlist(forward.user_header),
        groups=headers.getlist(forward.groups_header),
        is_cross_site=is_cross_site(
            request.scope["method"],
            fetch_site=headers.get("sec-fetch-site"),
            origin=headers.get("origin"),
            host=headers.get("host"),
            own_url=access.rules.url,
        ),
    )
