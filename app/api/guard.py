"""The outermost layer: what holds for every request, whichever route answers."""

from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import problem
from app.api.responses import SECURITY_HEADERS

IS_HEAD = "sloburn.is_head"
"""The key of the scope of a request that was HEAD before it became GET: its answer need not go on."""

# The largest body that an operation takes is a note; this bounds what a client can make the server hold.
MAX_BODY_BYTES = 1 << 20
_TOO_LARGE = f"a body may have at most {MAX_BODY_BYTES} bytes"


class Guard:
    """Sets security headers that no route has set, refuses some bodies, and answers HEAD where there is a GET."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if _is_ambiguous(scope):
            detail = "Content-Length and Transfer-Encoding exclude each other"
            refusal = problem(scope, HTTPStatus.BAD_REQUEST, detail, headers={"Connection": "close"})
            await refusal(scope, receive, send_guarded)
            return
        if _body_bytes(scope) > MAX_BODY_BYTES:
            refusal = problem(scope, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_LARGE)
            await refusal(scope, receive, send_guarded)
            return
        # The server leaves out the body of an answer to HEAD by itself.
        inner = {**scope, "method": "GET", IS_HEAD: True} if scope["method"] == "HEAD" else scope
        await self._app(inner, _bounded(receive), send_guarded)


def _is_ambiguous(scope: Scope) -> bool:
    # A proxy that goes by the other header of the two takes the rest of the body for the next client's request.
    headers = Headers(scope=scope)
    return "content-length" in headers and "transfer-encoding" in headers


def _bounded(receive: Receive) -> Receive:
    """The same messages, up to as many bytes as a body may have.

    Raises:
        HTTPException: there are more.
    """
    received = 0

    async def receive_counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_BODY_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_LARGE)
        return message

    return receive_counted


def _body_bytes(scope: Scope) -> int:
    # One that comes in chunks has no length; it is counted while it is read.
    length = Headers(scope=scope).get("content-length", "0")
    return int(length) if length.isdecimal() else 0
