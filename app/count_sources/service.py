"""What a client needs of a service: how many queries and intervals one request may have, and what it looks like."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.count_sources import datadog, newrelic
from app.count_sources.ranges import Answer, Intervals


@dataclass(frozen=True, slots=True, kw_only=True)
class CountService:
    """One service.

    Attributes:
        name: what people call it.
        path: of its queries, below the address.
        most_queries: in one request.
        most_intervals: in one answer.
        request: the body that asks some queries about some intervals.
        answers: what came of each query, from the body of an answer.
        words: what the body of an answer with an error status says.
    """

    name: str
    path: str
    most_queries: int
    most_intervals: int
    request: Callable[[Sequence[str], Intervals], Mapping[str, Any]]
    answers: Callable[[Mapping[str, Any], Sequence[str], Intervals], list[Answer]]
    words: Callable[[Mapping[str, Any]], str | None]


def datadog_service() -> CountService:
    """Datadog's query of timeseries."""
    return CountService(
        name="Datadog",
        path=datadog.PATH,
        most_queries=datadog.MOST_QUERIES,
        most_intervals=datadog.MOST_INTERVALS,
        request=datadog.request,
        answers=datadog.counts_in_answer,
        words=datadog.error_words,
    )


def newrelic_service(account: int) -> CountService:
    """NRQL of one account of New Relic, through NerdGraph."""
    return CountService(
        name="New Relic",
        path=newrelic.PATH,
        most_queries=newrelic.MOST_QUERIES,
        most_intervals=newrelic.MOST_INTERVALS,
        request=lambda queries, intervals: newrelic.request(account, queries, intervals),
        answers=newrelic.counts_in_answer,
        words=newrelic.error_words,
    )
