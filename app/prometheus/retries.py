"""When to ask again: only what may pass, only while there is time, spread by chance, and as the server says."""

import random
from datetime import timedelta

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_before_delay
from tenacity.wait import wait_base
from typing_extensions import override

from app.http.backoff import Backoff
from app.prometheus.errors import PrometheusError

# Queries of one evaluation retry within its deadline: soon, and spread over the whole time, since all fail at once.
_BACKOFF = Backoff(base=timedelta(seconds=0.125), cap=timedelta(seconds=5), least=timedelta(0))


def retrying(seconds: float) -> AsyncRetrying:
    """A retry loop that starts no attempt later than *seconds* from now, and raises the last error unchanged."""
    return AsyncRetrying(
        retry=retry_if_exception(_may_pass), wait=_FullJitter(), stop=stop_before_delay(seconds), reraise=True
    )


class _FullJitter(wait_base):
    """A random part of an exponentially growing time, on top of what the server asks for in `Retry-After`.

    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    @override
    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        asked = error.retry_after if isinstance(error, PrometheusError) else None
        pause = _BACKOFF.delay(retry_state.attempt_number, random.uniform)
        return (asked or 0.0) + pause.total_seconds()


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, PrometheusError) and error.retryable
