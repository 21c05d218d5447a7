"""The path of the external URL in front of every route: behind a proxy that strips it, and behind one that keeps it."""

from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send


def path_prefix(external_url: str) -> str:
    """The path of the URL without a slash at its end; empty if there is none.

    >>> path_prefix("https://ops.example.org/slo/"), path_prefix("https://slo.example.org")
    ('/slo', '')
    """
    return urlsplit(external_url).path.rstrip("/")


class PathPrefix:
    """Serves every route below *prefix* too."""

    def __init__(self, app: ASGIApp, *, prefix: str, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._encoded = prefix.encode()
        self._prefix = unquote(prefix)
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await self._app(self._without_prefix(scope) or scope, receive, send)

    def _without_prefix(self, scope: Scope) -> Scope | None:
        """The request as it would be without the prefix; None if it has none."""
        if scope["type"] != "http":
            return None
        path = scope["path"].removeprefix(self._prefix) or "/"
        if path == scope["path"] or not path.startswith("/"):
            return None
        raw_path = scope.get("raw_path", b"").removeprefix(self._encoded) or b"/"
        inner = {**scope, "path": path, "raw_path": raw_path}
        # A prefix such as /api or /slos may also be the beginning of a path that a proxy has stripped.
        found = any(route.matches(inner)[0] is not Match.NONE for route in self._routes)
        return inner if found else None
