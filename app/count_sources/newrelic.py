"""NRQL through New Relic's NerdGraph: many queries of one account in one request.

Source: https://docs.newrelic.com/docs/apis/nerdgraph/examples/nerdgraph-nrql-tutorial/
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from app.count_queries import EVENTS, in_intervals
from app.count_sources.ranges import Answer, Counted, Intervals, matrix_of
from app.prometheus import AccessDeniedError, BadAnswerError, BadQueryError, PrometheusError, TimedOutError

PATH: Final = "/graphql"
# Not documented; each is a query of its own for New Relic, which has 10 s for it.
MOST_QUERIES: Final = 10
# NRQL answers up to 366 buckets.
MOST_INTERVALS: Final = 360
# Seconds that New Relic may take for one query.
_TIMEOUT_S = 10
# Signs in the words of errors, which have classes only sometimes.
_TIMED_OUT = ("timeout", "timed out")
_DENIED = ("access denied", "forbidden", "unauthorized", "not authorized", "api key")


def request(account: int, queries: Sequence[str], intervals: Intervals) -> Mapping[str, Any]:
    """The body that asks some queries of an account, each under a name of its own."""
    asked = (in_intervals(text, intervals.since_ms, intervals.until_ms, intervals.every) for text in queries)
    # GraphQL quotes strings as JSON does.
    fields = (
        f"q{place}: nrql(query: {orjson.dumps(text).decode()}, timeout: {_TIMEOUT_S}) {{ results }}"
        for place, text in enumerate(asked)
    )
    return {"query": f"{{ actor {{ account(id: {account}) {{ {' '.join(fields)} }} }} }}"}


def counts_in_answer(body: Mapping[str, Any], queries: Sequence[str], intervals: Intervals) -> list[Answer]:
    """What came of each query: some may fail while others are answered.

    Raises:
        PrometheusError: it is not what NerdGraph answers, or an error that is of no single query.
    """
    errors = _listed(body.get("errors"))
    failed = {name: error for error in errors if (name := _name_of(error)) is not None}
    if errors and not failed:
        raise _error(errors[0])
    try:
        account = body["data"]["actor"]["account"]
    except (KeyError, TypeError):
        raise _error(errors[0]) if errors else BadAnswerError("the answer is not one of NerdGraph") from None
    found: list[Answer] = []
    for place, text in enumerate(queries):
        name = f"q{place}"
        if name in failed:
            found.append(_error(failed[name], query=text))
            continue
        try:
            found.append(matrix_of(_counted(account[name]["results"], intervals)))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            # A query that NRQL understands otherwise than we do is no reason not to count the others.
            problem = f"the answer is not one of NerdGraph: {type(error).__name__} {error}"[:200]
            found.append(BadAnswerError(problem, query=text))
    return found


def error_words(body: Mapping[str, Any]) -> str | None:
    """What New Relic says in the body of an answer with an error status."""
    errors = _listed(body.get("errors") or body.get("error"))
    return _said(errors[0]) if errors else None


def _listed(errors: Any) -> Sequence[Any]:
    """Errors as a list: what is before the service, such as a gateway, writes a text or a single one."""
    return errors if isinstance(errors, list) else [errors] if errors else []


def _counted(results: Sequence[Mapping[str, Any]], intervals: Intervals) -> list[Counted]:
    """The numbers of each facet; none are none or no data, which New Relic does not tell apart."""
    by_facet: dict[tuple[tuple[str, str], ...], tuple[list[float], list[float]]] = {}
    for one in results:
        value = one[EVENTS]
        begin_s, end_s = int(one["beginTimeSeconds"]), int(one["endTimeSeconds"])
        if end_s - begin_s != intervals.every_s or end_s % intervals.every_s:
            raise ValueError(f"an interval from {begin_s} to {end_s}")
        ends, values = by_facet.setdefault(_labels(one), ([], []))
        if value:
            ends.append(float(end_s))
            values.append(float(value))
    return [Counted(dict(labels), ends, values) for labels, (ends, values) in by_facet.items() if ends]


def _labels(result: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The attributes of a facet, which an answer has beside what is known to be none."""
    if "facet" not in result:
        return ()
    known = {"facet", EVENTS, "beginTimeSeconds", "endTimeSeconds", "inspectedCount"}
    return tuple(sorted((name, str(value)) for name, value in result.items() if name not in known))


def _name_of(error: Any) -> str | None:
    """The name of the query that an error is of: ``actor``, ``account``, and its name."""
    path = error.get("path") if isinstance(error, Mapping) else None
    steps = path if isinstance(path, list) else ()
    return next((step for step in steps if isinstance(step, str) and step[:1] == "q" and step[1:].isdigit()), None)


def _error(error: Any, query: str | None = None) -> PrometheusError:
    said = _said(error)
    lower = said.lower()
    if any(sign in lower for sign in _TIMED_OUT):
        return TimedOutError(f"New Relic breaks off the query: {said}", query=query)
    if any(sign in lower for sign in _DENIED):
        return AccessDeniedError(f"New Relic: {said}", status=200)
    return BadQueryError(f"New Relic refuses the query: {said}", query=query)


def _said(error: Any) -> str:
    if not isinstance(error, Mapping):
        return str(error)[:300]
    extensions = error.get("extensions")
    kind = extensions.get("errorClass") if isinstance(extensions, Mapping) else None
    return f"{error.get('message') or error.get('title')}{f' ({kind})' if kind else ''}"[:300]
