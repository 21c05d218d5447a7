"""Looking whether Prometheus has what a selector names that no series has matched, apart from evaluations."""

import asyncio
import heapq
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from app.ingest.series.matched_series import misnamed, own_matchers
from app.ingest.series.tracked_slis import TrackedSli
from app.prometheus import MetricSource, PrometheusError
from app.promql.metric_names import NAME, name_of
from app.promql.probe import label_values, name_only
from app.promql.selector_text import render
from app.sli import named_terms
from app.slo import Matcher, Selector, Term

# What a selector names changes with deployments only.
_AGAIN = timedelta(hours=6)
# Until there is something to look at, and after a failure: some slots.
_LATER = timedelta(minutes=5)
# Many SLIs share a metric of errors.
_LABELS_KEPT = timedelta(hours=1)
# As far as `sloburn check --live` looks back: long enough for services that sleep at night.
_LOOK_BACK = timedelta(days=1)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
# Evaluations have the connections first.
_AT_ONCE = 4
_DEADLINE_S = 10.0


class SelectorInspection:
    """When the selectors of each SLI were looked at; results are noted on the SLIs.

    A selector of the total's own metric costs no query: the labels of its series are known. For another metric, and
    for slices of time and expressions, Prometheus is asked for names of labels, which it answers from its index without
    any sample, and for the values of the labels of what matches nothing.
    """

    def __init__(self, tracked_slis: Sequence[TrackedSli], source: MetricSource) -> None:
        self._tracked_slis = tuple(tracked_slis)
        self._source = source
        self._due = [
            (_LONG_AGO, place) for place, tracked in enumerate(tracked_slis) if _may_be_unmatched(_terms(tracked))
        ]
        self._labels: dict[str, frozenset[str]] = {}
        self._labels_since = _LONG_AGO

    async def step(self, now: datetime) -> bool:
        """Look at a few SLIs that are due; False if none is."""
        if now - self._labels_since >= _LABELS_KEPT:
            self._labels.clear()
            self._labels_since = now
        places: list[int] = []
        while self._due and self._due[0][0] <= now and len(places) < _AT_ONCE:
            place = heapq.heappop(self._due)[1]
            if self._tracked_slis[place].backfilled:
                places.append(place)
            else:
                heapq.heappush(self._due, (now + _LATER, place))
        for place, rest in zip(
            places, await asyncio.gather(*(self._look(place, now) for place in places)), strict=True
        ):
            heapq.heappush(self._due, (now + rest, place))
        return bool(places)

    async def _look(self, place: int, now: datetime) -> timedelta:
        """Look at the selectors of one SLI; how long to rest after that."""
        tracked = self._tracked_slis[place]
        try:
            tracked.unmatched = await self._unmatched(tracked, now)
            tracked.misnamed = await self._misnamed(tracked, now)
        except PrometheusError:
            return _LATER
        return _AGAIN

    async def _unmatched(self, tracked: TrackedSli, now: datetime) -> frozenset[int]:
        """The positions of terms that no series has matched."""
        terms = _terms(tracked)
        positions = _may_be_unmatched(terms)
        if tracked.sli.terms:
            return frozenset(positions) - tracked.seen.matched
        # Of slices and expressions only values are known. What has matched once is not looked at any more.
        positions = [position for position in positions if tracked.unmatched is None or position in tracked.unmatched]
        found = [await self._names(terms[position].selector, now) for position in positions]
        return frozenset(position for position, names in zip(positions, found, strict=True) if not names)

    async def _misnamed(self, tracked: TrackedSli, now: datetime) -> dict[int, str]:
        terms, found = _terms(tracked), {}
        for position in sorted(tracked.unmatched or ()):
            selector = terms[position].selector
            name = name_of(selector)
            if name is None:
                continue
            own = own_matchers(terms, terms[position])
            if tracked.sli.terms and name == name_of(terms[0].selector) and tracked.seen.labels:
                why = misnamed(name, own, tracked.seen.labels, tracked.seen.values)
            else:
                whole = name_only(selector)
                why = misnamed(name, own, await self._names(whole, now), await self._values(whole, own, now))
            if why is not None:
                found[position] = why
        return found

    async def _values(self, whole: Selector, wanted: Sequence[Matcher], now: datetime) -> Mapping[str, frozenset[str]]:
        """The values that the *wanted* labels of a metric have had in the last day."""
        found = {}
        for label in {matcher.label for matcher in wanted if matcher.label != NAME}:
            answer = await self._source.instant(label_values(whole, label), now, deadline=_DEADLINE_S)
            found[label] = frozenset(labels[label] for labels in answer.labels if labels.get(label))
        return found

    async def _names(self, selector: Selector, now: datetime) -> frozenset[str]:
        """The names of labels that the series of a selector have had in the last day; none where there were none."""
        text = render(selector)
        if text not in self._labels:
            names = await self._source.label_names(text, now - _LOOK_BACK, now, deadline=_DEADLINE_S)
            self._labels[text] = frozenset(names)
        return self._labels[text]


def _terms(tracked: TrackedSli) -> Sequence[Term]:
    return named_terms(tracked.sli)


def _may_be_unmatched(terms: Sequence[Term]) -> list[int]:
    """The positions of the terms to be looked at; without the first one of all events there would be no data."""
    first = int(bool(terms) and terms[0].weights.total > 0)
    return [position for position in range(first, len(terms)) if terms[position].weights.total >= 0]
