"""Everything that can go wrong between us and Prometheus, as types.

    PrometheusError
    ├── UnreachableError         no connection, or it broke before an answer began
    │   └── CircuitOpenError     not even tried: it was unreachable a moment ago
    ├── TimedOutError            no whole answer in time, by our clock or by the server's
    ├── HttpStatusError          a status that says nothing about the query: 500, 502, 404 ...
    │   ├── RateLimitedError     429; `retry_after` says when to come back
    │   └── AccessDeniedError    401, 403, or credentials that cannot be read
    ├── BadQueryError            400: the expression is at fault
    │   └── ExecutionError       422: it parses, and cannot be carried out
    ├── UnsupportedResultError   an answer of a kind we cannot count: strings, native histograms
    ├── BadAnswerError           200, and not what a Prometheus answers: HTML, truncated, wrong shape
    ├── TooLargeError            an answer above the size limit
    ├── PartialDataError         an answer that says itself that data is missing
    └── MisconfiguredError       a request that cannot even be built: address, header, certificate

`retryable` says whether asking again may help; `reason` is a closed set that doubles as the value of a metric label.
"""

from enum import StrEnum

# A query of 200 packed selectors has many thousand characters; the start identifies it in a log line.
_QUERY_SHOWN = 300


class Reason(StrEnum):
    """Why a request failed."""

    UNREACHABLE = "unreachable"
    CIRCUIT_OPEN = "circuit_open"
    TIMEOUT = "timeout"
    HTTP_STATUS = "http_status"
    RATE_LIMITED = "rate_limited"
    ACCESS_DENIED = "access_denied"
    BAD_QUERY = "bad_query"
    EXECUTION = "execution"
    UNSUPPORTED = "unsupported"
    BAD_ANSWER = "bad_answer"
    TOO_LARGE = "too_large"
    PARTIAL = "partial"
    MISCONFIGURED = "misconfigured"


class PrometheusError(Exception):
    """A request to Prometheus that failed; the text says why in plain words.

    Attributes:
        reason: why, as a metric label.
        retryable: whether the same request may succeed a moment later.
        retry_after: seconds that the server asks us to wait; None if it does not say.
        query: the expression asked, where it matters to the failure.
    """

    reason: Reason
    retryable: bool = False

    def __init__(self, message: str, *, query: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message if query is None else f"{message} (query: {excerpt(query)})")
        self.query = query
        self.retry_after = retry_after


class UnreachableError(PrometheusError):
    """No connection, or one that broke before an answer began."""

    reason = Reason.UNREACHABLE
    retryable = True


class CircuitOpenError(UnreachableError):
    """Not tried, because Prometheus was unreachable a moment ago."""

    reason = Reason.CIRCUIT_OPEN
    retryable = False


class TimedOutError(PrometheusError):
    """No whole answer in time."""

    reason = Reason.TIMEOUT
    retryable = True


class HttpStatusError(PrometheusError):
    """A status that says nothing about the query."""

    reason = Reason.HTTP_STATUS

    def __init__(self, message: str, *, status: int, retryable: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.status = status
        self.retryable = retryable


class RateLimitedError(HttpStatusError):
    """Too many requests, says the server."""

    reason = Reason.RATE_LIMITED


class AccessDeniedError(HttpStatusError):
    """The server does not accept our credentials, or we cannot read them."""

    reason = Reason.ACCESS_DENIED


class BadQueryError(PrometheusError):
    """The expression is at fault; asking again cannot help."""

    reason = Reason.BAD_QUERY


class ExecutionError(BadQueryError):
    """The expression parses and cannot be carried out: too many samples, many-to-many matching."""

    reason = Reason.EXECUTION


class UnsupportedResultError(PrometheusError):
    """An answer of a kind whose events we cannot count."""

    reason = Reason.UNSUPPORTED


class BadAnswerError(PrometheusError):
    """A success by its status, and not what a Prometheus answers."""

    reason = Reason.BAD_ANSWER
    retryable = True


class TooLargeError(PrometheusError):
    """An answer above the size limit, as sent or once decompressed."""

    reason = Reason.TOO_LARGE


class PartialDataError(PrometheusError):
    """An answer that says itself that data is missing."""

    reason = Reason.PARTIAL
    retryable = True


class MisconfiguredError(PrometheusError):
    """A request that cannot even be built."""

    reason = Reason.MISCONFIGURED


def without_traceback(error: PrometheusError) -> PrometheusError:
    """The error without its traceback and what it came from: their frames hold the bytes of the answer.

    Errors and frames form cycles, which are collected late (ADR-0009), and refused answers are large.
    """
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def excerpt(text: str, limit: int = _QUERY_SHOWN) -> str:
    """The text on one line, cut at *limit* characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 3] + "..."
