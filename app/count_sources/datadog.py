"""Datadog's query of timeseries, version 2: many metric queries and formulas in one request.

Source: https://docs.datadoghq.com/api/latest/metrics/#query-timeseries-data-across-multiple-products
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.count_queries import CountQueryError, DatadogCount, label_of_tag, read_datadog
from app.count_sources.ranges import Answer, Counted, Intervals, matrix_of
from app.prometheus import BadAnswerError, BadQueryError, ExecutionError

PATH: Final = "/api/v2/query/timeseries"
# Not documented; one request with few queries is answered soon, and one that is refused is asked for in halves.
MOST_QUERIES: Final = 20
# Datadog answers up to 1,500 points of a series, and makes intervals longer without a word where there would be more.
MOST_INTERVALS: Final = 1_480


def request(queries: Sequence[str], intervals: Intervals) -> Mapping[str, Any]:
    """The body that asks for some queries: a formula for each, of the metrics in it.

    Raises:
        BadQueryError: one of them is no count.
    """
    metrics: dict[str, str] = {}
    formulas = []
    for text in queries:
        count = _read(text)
        names = [metrics.setdefault(term, f"q{len(metrics)}") for term in count.rolled_up(intervals.every_s)]
        formulas.append({"formula": count.formula_of(names)})
    attributes = {
        "from": intervals.since_ms,
        "to": intervals.until_ms,
        "interval": intervals.every_s * 1000,
        "queries": [{"data_source": "metrics", "name": name, "query": term} for term, name in metrics.items()],
        "formulas": formulas,
    }
    return {"data": {"type": "timeseries_request", "attributes": attributes}}


def counts_in_answer(body: Mapping[str, Any], queries: Sequence[str], intervals: Intervals) -> list[Answer]:
    """The numbers of each query.

    Raises:
        BadAnswerError: it is not what Datadog answers.
        BadQueryError: it says that a query is at fault.
        ExecutionError: its intervals are others than those that were asked for.
    """
    errors = body.get("errors")
    if errors:
        raise BadQueryError(f"Datadog refuses the query: {_said(errors)}")
    try:
        attributes = body["data"]["attributes"]
        times = [int(at) // 1000 for at in attributes["times"]]
        pairs = list(zip(attributes["series"], attributes["values"], strict=True))
        found: list[list[Counted]] = [[] for _ in queries]
        for series, values in pairs:
            labels = _labels(series.get("group_tags") or ())
            there = [(at, value) for at, value in zip(times, values, strict=True) if value is not None]
            ends = [float(at + intervals.every_s) for at, _ in there]
            found[int(series["query_index"])].append(Counted(labels, ends, [float(value) for _, value in there]))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BadAnswerError(f"the answer is not one of Datadog: {type(error).__name__} {error}"[:200]) from None
    _check_intervals(times, intervals)
    return [matrix_of(counted) for counted in found]


def error_words(body: Mapping[str, Any]) -> str | None:
    """What Datadog says in the body of an answer with an error status."""
    errors = body.get("errors")
    return _said(errors) if errors else None


def _read(text: str) -> DatadogCount:
    try:
        return read_datadog(text)
    except CountQueryError as error:
        raise BadQueryError(str(error), query=text) from None


def _check_intervals(times: Sequence[int], intervals: Intervals) -> None:
    """Whether the numbers are of intervals that can be those that were asked for.

    Others would be counted in a wrong place. Longer ones that are multiples cannot be told from few events.
    """
    odd = next((at for at in times if at % intervals.every_s), None)
    if odd is not None:
        problem = (
            f"Datadog answers an interval that begins at {odd}, where those of {intervals.every_s} s were asked for"
        )
        raise ExecutionError(problem)


def _labels(tags: Sequence[str]) -> Mapping[str, str]:
    pairs = (tag.partition(":") for tag in tags)
    return {label_of_tag(name): value for name, _, value in pairs}


def _said(errors: Any) -> str:
    texts = errors if isinstance(errors, list) else [errors]
    return "; ".join(str(one.get("detail", one) if isinstance(one, Mapping) else one) for one in texts)[:300]
