"""Requests of the query API as values: path and parameters, times exact to the millisecond."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

from app.prometheus.decode import PartialPolicy

MOST_POINTS = 11_000
"""Prometheus answers no range query with more points in a series."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_CLASSIC_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)

# Without nocache VictoriaMetrics answers from its cache and moves the end of a query 30 s back; the other two make
# VictoriaMetrics and Thanos fail where they would leave out data. Prometheus ignores what it does not know.
_WHOLE = {"nocache": "1", "deny_partial_response": "1", "partial_response": "false"}
_WHAT_THERE_IS = {"nocache": "1", "partial_response": "true"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """A path below the address of the server, and its parameters."""

    path: str
    params: Mapping[str, str]

    @property
    def expr(self) -> str | None:
        """The expression asked; None where it is not a query."""
        return self.params.get("query")

    def form(self, *, timeout: float) -> str:
        """The parameters, form-encoded, with the time that the server may take."""
        return urlencode({**self.params, "timeout": f"{max(int(timeout * 1000), 1)}ms"})


def instant_request(expr: str, at: datetime, partial: PartialPolicy) -> ApiRequest:
    """The expression evaluated at one moment."""
    return ApiRequest(path="/api/v1/query", params={"query": expr, "time": timestamp(at), **_extras(partial)})


def range_request(expr: str, start: datetime, end: datetime, step: timedelta, partial: PartialPolicy) -> ApiRequest:
    """The expression evaluated at every *step* from *start* to *end*, both included.

    Raises:
        ValueError: the range is empty, or has more than `MOST_POINTS` points.
    """
    if step < _MS or end < start:
        raise ValueError(f"a range needs a positive step and start <= end, not {start} to {end} by {step}")
    points = (end - start) // step + 1
    if points > MOST_POINTS:
        raise ValueError(f"{points} points are more than the {MOST_POINTS} that Prometheus answers at once")
    times = {"start": timestamp(start), "end": timestamp(end), "step": _seconds(step // _MS)}
    return ApiRequest(path="/api/v1/query_range", params={"query": expr, **times, **_extras(partial)})


def labels_request(selector: str, start: datetime, end: datetime, partial: PartialPolicy) -> ApiRequest:
    """The names of the labels of the series of a selector."""
    times = {"start": timestamp(start), "end": timestamp(end)}
    return ApiRequest(path="/api/v1/labels", params={"match[]": selector, **times, **_extras(partial)})


def label_values_request(
    label: str, selector: str | None, start: datetime, end: datetime, partial: PartialPolicy
) -> ApiRequest:
    """The values of a label, of the series of a selector or of all."""
    times = {"start": timestamp(start), "end": timestamp(end)}
    matching = {} if selector is None else {"match[]": selector}
    path = f"/api/v1/label/{quote(in_path(label), safe='')}/values"
    return ApiRequest(path=path, params={**matching, **times, **_extras(partial)})


def in_path(label: str) -> str:
    """A label's name as a part of a path: what is not letter, digit or underscore is escaped as Prometheus 3 expects.

    Source: https://prometheus.io/docs/prometheus/latest/querying/api/#querying-label-values

    >>> in_path("job"), in_path("http.route")
    ('job', 'U__http_2e_route')
    """
    if _CLASSIC_NAME.fullmatch(label):
        return label
    escaped = (
        char if char.isascii() and char.isalnum() else "__" if char == "_" else f"_{ord(char):x}_" for char in label
    )
    return f"U__{''.join(escaped)}"


def timestamp(at: datetime) -> str:
    """Unix seconds with three decimals; what is below a millisecond is cut off.

    >>> timestamp(datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC))
    '1767225630.000'

    Raises:
        ValueError: the moment has no time zone.
    """
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone")
    return _seconds((at - _EPOCH) // _MS)


def _seconds(ms: int) -> str:
    # By integers: the float of a unix time in milliseconds can print one millisecond off.
    return f"{'-' if ms < 0 else ''}{abs(ms) // 1000}.{abs(ms) % 1000:03d}"


def _extras(partial: PartialPolicy) -> Mapping[str, str]:
    return _WHOLE if partial is PartialPolicy.REJECT else _WHAT_THERE_IS
