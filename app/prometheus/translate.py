"""Foreign exceptions stop here: each one of httpx's becomes one of ours."""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from app.prometheus.errors import (
    BadAnswerError,
    MisconfiguredError,
    PrometheusError,
    TimedOutError,
    UnreachableError,
    excerpt,
)

# The most specific class that an exception is an instance of decides.
_MEANING: dict[type[Exception], type[PrometheusError]] = {
    httpx.HTTPError: UnreachableError,
    httpx.ConnectTimeout: UnreachableError,
    httpx.TimeoutException: TimedOutError,
    httpx.RemoteProtocolError: BadAnswerError,
    httpx.DecodingError: BadAnswerError,
    httpx.HTTPStatusError: BadAnswerError,
    httpx.TooManyRedirects: BadAnswerError,
    httpx.StreamError: BadAnswerError,
    httpx.CookieConflict: BadAnswerError,
    httpx.LocalProtocolError: MisconfiguredError,
    httpx.UnsupportedProtocol: MisconfiguredError,
    httpx.InvalidURL: MisconfiguredError,
    UnicodeError: MisconfiguredError,
    TimeoutError: TimedOutError,
    OSError: UnreachableError,
}
FOREIGN: tuple[type[Exception], ...] = tuple(_MEANING)
"""The exceptions that `translated_errors` catches, with everything derived from them."""


@contextmanager
def translated_errors(address: str) -> Iterator[None]:
    """Raise our own errors for those of the network and of httpx.

    Args:
        address: the server, for the texts; without credentials.
    """
    try:
        yield
    except FOREIGN as error:
        raise translated(error, address) from None


def translated(error: Exception, address: str) -> PrometheusError:
    """Our error for a foreign one."""
    kind = next(_MEANING[base] for base in type(error).__mro__ if base in _MEANING)
    if kind is MisconfiguredError:
        # The original text may quote a header with its secret.
        return kind(
            f"cannot build a request to {address}: the address, a header or the credentials hold bad characters"
        )
    if kind is TimedOutError:
        return kind(f"{address} gave no whole answer in time")
    if kind is BadAnswerError:
        return kind(f"{address} broke off its answer or does not speak HTTP: {_words(error)}")
    return kind(f"cannot reach {address}: {_words(error)}")


def _words(error: BaseException) -> str:
    """What the operating system said at the bottom of the chain of causes, else what the exception says."""
    said = str(error)
    step: BaseException | None = error
    while step is not None:
        if isinstance(step, OSError) and step.errno is not None:
            # asyncio puts its own words in the place of "Connection refused"; getaddrinfo's numbers are negative.
            said = (
                os.strerror(step.errno) if step.errno > 0 and not isinstance(step, ssl.SSLError) else str(step.strerror)
            )
        step = step.exceptions[0] if isinstance(step, BaseExceptionGroup) else step.__cause__ or step.__context__
    return excerpt(said or type(error).__name__)
