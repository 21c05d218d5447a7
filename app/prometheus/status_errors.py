"""What an HTTP status other than 200 means, with the server's own words where it has some.

Source: https://prometheus.io/docs/prometheus/latest/querying/api/#format-overview
"""

import re
from http import HTTPStatus

import orjson

from app.prometheus.errors import (
    AccessDeniedError,
    BadQueryError,
    ExecutionError,
    HttpStatusError,
    PrometheusError,
    RateLimitedError,
    TimedOutError,
    excerpt,
)

_TRANSIENT_4XX = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})
_FOR_GOOD_5XX = frozenset({HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.HTTP_VERSION_NOT_SUPPORTED})
# A metric's name in braces, or a label's before its operator, in PromQL's quotes.
_QUOTED_NAME = re.compile(r'[{,(]\s*"(?:[^"\\]|\\.)*"\s*(?:[=!,})])')
_MULTIPLE_CHOICES = 300
_BAD_REQUEST = 400
_SERVER_ERROR = 500

# A query that was cancelled while it fetched series answers 422, as if the expression were at fault; so do Thanos
# and VictoriaMetrics when a store behind them fails.
_TRANSIENT_EXECUTION = (
    "context deadline exceeded",
    "context canceled",
    "query timed out",
    "timeout exceeded",
    "rpc error: code =",
)


def error_of_status(
    status: int,
    body: bytes,
    *,
    query: str | None = None,
    retry_after: float | None = None,
    location: str | None = None,
    url: str | None = None,
) -> PrometheusError:
    """The error for an answer with an error status.

    Args:
        status: the HTTP status, not 200.
        body: the answer; read for the server's own words.
        query: the expression asked, for the text.
        retry_after: seconds, from the header of that name.
        location: where a redirect leads, without credentials.
        url: what was asked, without its query.
    """
    kind, words = _server_words(body)
    match status:
        case HTTPStatus.BAD_REQUEST | HTTPStatus.UNPROCESSABLE_ENTITY if words is not None:
            return _query_error(status, words, query)
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return AccessDeniedError(_said(status, words), status=status)
        case HTTPStatus.TOO_MANY_REQUESTS:
            return RateLimitedError(_said(status, words), status=status, retryable=True, retry_after=retry_after)
        case HTTPStatus.SERVICE_UNAVAILABLE if kind == "timeout":
            return TimedOutError(f"Prometheus gives up on the query: {words}", query=query)
        case _ if _MULTIPLE_CHOICES <= status < _BAD_REQUEST:
            where = f" to {location}" if location else ""
            return HttpStatusError(f"the server redirects{where}; give the final address", status=status)
    text = _said(status, words)
    if words is None and not _may_pass(status):
        # Not Prometheus's own words: a wrong path (404), or another server (405, 501, 400 of a port with TLS).
        text = f"{text}; is {url or 'its URL'} the address of a Prometheus API?"
    return HttpStatusError(text, status=status, retryable=_may_pass(status), retry_after=retry_after)


def _query_error(status: int, words: str, query: str | None) -> PrometheusError:
    if any(sign in words for sign in _TRANSIENT_EXECUTION):
        return TimedOutError(f"Prometheus broke off the query: {words}", query=query)
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        return ExecutionError(f"Prometheus cannot carry out the query: {words}", query=query)
    hint = ""
    if query is not None and _QUOTED_NAME.search(query) and "parse error" in words:
        hint = "; names in quotes, such as those of OpenTelemetry with dots, are read by Prometheus 3 and later"
    return BadQueryError(f"Prometheus refuses the query: {words}{hint}", query=query)


def _may_pass(status: int) -> bool:
    return status in _TRANSIENT_4XX or (status >= _SERVER_ERROR and status not in _FOR_GOOD_5XX)


def _said(status: int, words: str | None) -> str:
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "unknown status"
    return f"the server answers {status} {phrase}" + (f": {words}" if words else "")


def _server_words(body: bytes) -> tuple[str | None, str | None]:
    """`errorType` and `error` of a Prometheus error; None and None for anything else."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None, None
    if not isinstance(answer, dict) or answer.get("status") != "error":
        return None, None
    return str(answer.get("errorType", "")), excerpt(str(answer.get("error", "no reason given")))
