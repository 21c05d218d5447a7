"""Credentials that are looked up elsewhere: how long that may take, and what it means if they are not there."""

from collections.abc import Callable
from typing import TypeVar

from app.http.detached import DetachedCalls
from app.prometheus.cloud.options import CloudLogin
from app.prometheus.errors import AccessDeniedError

T = TypeVar("T")
# Of a query's deadline: a role of AWS is assumed by two requests, a token comes by one.
WITHIN_S = 8.0
_UNAUTHORIZED = 401
_CALLS = DetachedCalls()


async def looked_up(login: CloudLogin, look_up: Callable[[], T], *, late: str) -> T:
    """What a library that blocks finds for a login, in a thread of its own; *late* begins the error of a timeout.

    Raises:
        AccessDeniedError: it takes too long.
    """
    try:
        return await _CALLS.call(login, look_up, within_s=WITHIN_S)
    except (TimeoutError, OSError) as error:
        raise denied(f"{late} within {WITHIN_S:g} s") from error


def denied(why: str) -> AccessDeniedError:
    """There are no credentials now; in a moment there may be, as when a metadata service starts."""
    return AccessDeniedError(why, status=_UNAUTHORIZED, retryable=True)
