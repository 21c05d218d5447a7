"""Looking at the metrics behind SLIs, apart from evaluations: what is no counter is refused, buckets are listed."""

import asyncio
import heapq
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

import structlog
from typing_extensions import override

from app.ingest.queries.selector_inspection import SelectorInspection
from app.ingest.series.tracked_slis import TrackedSli
from app.prometheus import KindVerdict, Matrix, MetricKind, MetricSource, PrometheusError, kind_of
from app.promql.metric_names import BUCKET, looks_like_counter, name_of
from app.promql.probe import bucket_bounds, sorted_bounds
from app.promql.selector_text import render
from app.slo import Selector, Sli
from app.status import ProblemCode

_log = structlog.get_logger(__name__)
# Types of metrics change with deployments only.
_AGAIN = timedelta(hours=6)
# Many SLIs share a metric, and its type changes with a deployment at most.
_TYPES_KEPT = timedelta(hours=1)
# A server that does not answer is asked again after some slots, not in every one.
_AFTER_FAILURE = timedelta(minutes=1)
# Somebody who adds a bucket looks whether it is seen.
_BUCKETS_AGAIN = timedelta(minutes=10)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
# Evaluations have the connections first.
_AT_ONCE = 4
# It is no part of an evaluation, and may take longer than one waits for an answer there.
_DEADLINE_S = 10.0


class _TypesOnce(MetricSource):
    """Asks for the types of each metric once an hour: thousands of SLIs are over a few metrics."""

    def __init__(self, source: MetricSource) -> None:
        self._source = source
        self._types: dict[str, frozenset[str]] = {}
        self._since = _LONG_AGO

    @override
    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        return await self._source.instant(expr, at, deadline=deadline)

    @override
    async def metric_types(self, metric: str, *, deadline: float | None = None) -> frozenset[str]:
        if metric not in self._types:
            self._types[metric] = await self._source.metric_types(metric, deadline=deadline)
        return self._types[metric]

    @override
    async def label_names(
        self, selector: str, start: datetime, end: datetime, *, deadline: float | None = None
    ) -> tuple[str, ...]:
        return await self._source.label_names(selector, start, end, deadline=deadline)

    def forget_old(self, now: datetime) -> None:
        """Forget what was asked more than an hour ago."""
        if now - self._since >= _TYPES_KEPT:
            self._types.clear()
            self._since = now


class Inspection:
    """When each SLI was looked at; results are noted on the SLIs."""

    def __init__(self, tracked_slis: Sequence[TrackedSli], source: MetricSource) -> None:
        self._source = _TypesOnce(source)
        # A heap, in which the order of SLIs decides between those that are due at the same time.
        self._order = count()
        # A name that does not end like a counter's is most likely to be a gauge.
        self._kinds_due = [
            (_LONG_AGO, next(self._order), tracked) for tracked in sorted(tracked_slis, key=_looks_like_counters)
        ]
        self._selectors = SelectorInspection(tracked_slis, source)
        self._buckets_due: dict[str, datetime] = {}
        self._tracked_slis = tuple(tracked_slis)

    async def step(self, now: datetime) -> bool:
        """Look at a few SLIs that are due; False if none is."""
        self._source.forget_old(now)
        due = self._take_due(now)
        # After the kinds of all SLIs: to find these few, all are looked through.
        lacking = [] if len(due) == _AT_ONCE else self._lacking_buckets(now)
        await asyncio.gather(
            *(self._look_at_kinds(tracked, now) for tracked in due),
            *(self._look_at_buckets(tracked, now) for tracked in lacking),
        )
        return await self._selectors.step(now) or bool(due or lacking)

    def _take_due(self, now: datetime) -> list[TrackedSli]:
        """The first few SLIs whose kinds are due, which are not waited for any more."""
        due: list[TrackedSli] = []
        while len(due) < _AT_ONCE and self._kinds_due and self._kinds_due[0][0] <= now:
            due.append(heapq.heappop(self._kinds_due)[2])
        return due

    def _lacking_buckets(self, now: datetime) -> list[TrackedSli]:
        return [
            tracked
            for tracked in self._tracked_slis
            if tracked.unmeasured and self._buckets_due.get(tracked.key, _LONG_AGO) <= now
        ][:_AT_ONCE]

    async def _look_at_kinds(self, tracked: TrackedSli, now: datetime) -> None:
        rest = _AGAIN
        try:
            refusal = await self._refusal(tracked, now)
        except PrometheusError:
            rest = _AFTER_FAILURE
        else:
            if refusal is not None and tracked.refusal is None:
                _log.error("an SLI is refused: its metric is of another type", query=tracked.query, reason=refusal)
            elif refusal is None and tracked.refusal is not None:
                _log.info("an SLI is not refused any more", query=tracked.query)
            tracked.refusal = refusal
        heapq.heappush(self._kinds_due, (now + rest, next(self._order), tracked))

    async def _refusal(self, tracked: TrackedSli, now: datetime) -> str | None:
        for selector in _selectors(tracked):
            verdict = await kind_of(selector, self._source, now, deadline=_DEADLINE_S)
            found = refusal_of(tracked.sli, selector, verdict)
            if found is not None:
                return "; ".join(found)
        return None

    async def _look_at_buckets(self, tracked: TrackedSli, now: datetime) -> None:
        self._buckets_due[tracked.key] = now + _BUCKETS_AGAIN
        try:
            answer = await self._source.instant(bucket_bounds(tracked.sli.buckets[0]), now, deadline=_DEADLINE_S)
        except PrometheusError:
            self._buckets_due[tracked.key] = now + _AFTER_FAILURE
            return
        tracked.buckets = sorted_bounds(labels.get(BUCKET, "") for labels in answer.labels)


def refusal_of(sli: Sli, selector: Selector, verdict: KindVerdict) -> tuple[str, str] | None:
    """Why the selector of an SLI is of the wrong type of metric, and what to write instead; None if it is not."""
    name = name_of(selector) or render(selector)
    if sli.samples_are_events:
        if verdict.kind is not MetricKind.COUNTER:
            return None
        problem = f"{name} is a counter ({verdict.why}), and each sample of a gauge is an event by itself"
        return problem, "write total: and bad: for counters"
    if verdict.kind is not MetricKind.GAUGE:
        return None
    problem = f"{name} is a gauge ({verdict.why}), and only counters can be counted"
    return problem, f'write gauge: {name} and when it is good, such as good_when: "== 1", or a counter of events'


def wrong_type(sli: Sli) -> ProblemCode:
    """The code of a metric that is of another type than its SLI takes it for."""
    return ProblemCode.COUNTER if sli.samples_are_events else ProblemCode.GAUGE


def _looks_like_counters(tracked: TrackedSli) -> bool:
    return all(looks_like_counter(name_of(selector) or "") for selector in _selectors(tracked))


def _selectors(tracked: TrackedSli) -> tuple[Selector, ...]:
    return tuple(term.selector for term in tracked.sli.terms)
