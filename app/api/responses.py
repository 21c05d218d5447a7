"""Responses that orjson writes: NaN becomes null, times end in Z."""

from datetime import UTC, datetime
from typing import Any, overload

import orjson
from starlette.responses import JSONResponse
from typing_extensions import override

SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    # With no-referrer, browsers send forms with the origin `null`, also to this service itself.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class JsonResponse(JSONResponse):
    """JSON of plain values and UTC times; of a subclass of this name FastAPI knows that it is no text."""

    @override
    def render(self, content: Any) -> bytes:
        # Settings may hold paths and the like; str is what an operator wants to see of them.
        return orjson.dumps(content, default=str, option=orjson.OPT_UTC_Z)


class ProblemResponse(JsonResponse):
    """Problem details (RFC 9457)."""

    media_type = "application/problem+json"


@overload
def utc(at: datetime) -> datetime: ...
@overload
def utc(at: None) -> None: ...
@overload
def utc(at: datetime | None) -> datetime | None: ...
def utc(at: datetime | None) -> datetime | None:
    """The same instant in UTC; what has no instant stays None."""
    return None if at is None else at.astimezone(UTC)
