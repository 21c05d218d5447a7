"""Notes who sends each request, before anything is done for it."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access import IDENTITY, Access


class Identification:
    """Decides by `Access` who sends a request, once; routes ask for what it may do."""

    def __init__(self, app: ASGIApp, *, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            identity = await self._access.identify(headers.getlist("authorization"))
            scope.setdefault("state", {})[IDENTITY] = identity
        await self._app(scope, receive, send)
