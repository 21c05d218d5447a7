"""Asking when processes and series began, where samples alone do not tell: one small query, and no answer is needed."""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
import structlog

from app.ingest.counting.ledger_writer import LedgerWriter
from app.ingest.ports import Source
from app.ledger import Samples, fingerprint, unproven_since, unproven_within
from app.prometheus import Matrix, PrometheusError
from app.promql.metric_names import BUCKET, NAME, PROCESS_START, created_name
from app.promql.samples import start_times
from app.slo import DEFAULT_SOURCE, SOURCE_LABEL
from app.slo.arrays import Ints

_log = structlog.get_logger(__name__)
# An evaluation waits no longer for evidence that it can do without.
_DEADLINE_S = 2.0
# ADR-0035: one query must stay small; of more targets samples alone decide.
_MOST_TARGETS = 100
# Created timestamps are as many as counters: of more, only the starts of processes are asked for.
_MOST_SERIES = 2_000
# Prometheus's own: a process that was scraped at all is seen at one of the steps.
_LOOKBACK_S = 300
# Timestamps are of the target's clock and of Prometheus's.
_SKEW_S = 1.0


class StartTimes:
    """Finds which targets are in doubt, asks when their processes and series began, and notes it for counting.

    *past* is the source that leaves room for evaluations. Only counters of the source of this *name* are asked for.
    """

    def __init__(
        self, ledger_writer: LedgerWriter, source: Source, *, past: Source, name: str = DEFAULT_SOURCE
    ) -> None:
        self._ledger_writer = ledger_writer
        self._source = source
        self._past = past
        self._name = name

    async def look_up_live(self, samples: Samples, at: datetime) -> None:
        """Ask for what is in doubt among the samples of one slot."""
        writer = self._ledger_writer
        unproven = unproven_since(samples, writer.live, writer.series_index.registry)
        await self._ask(self._source, samples, unproven, at, at)

    async def look_up_unsettled(self, samples: Samples, since_s: float, at: datetime) -> None:
        """Ask for what is in doubt among samples that are counted again, from a time on.

        It was asked for when they were counted first, but by a process that may be no more, or without an answer.
        """
        writer = self._ledger_writer
        unproven = unproven_since(samples, writer.settled, writer.series_index.registry)
        await self._ask(self._source, samples, unproven, datetime.fromtimestamp(since_s, UTC), at)

    async def look_up_past(self, samples: Samples, since_s: float, until_s: float) -> None:
        """Ask for what is in doubt in a stretch of history."""
        since, until = (datetime.fromtimestamp(edge, UTC) for edge in (since_s, until_s))
        await self._ask(self._past, samples, unproven_within(samples), since, until)

    async def _ask(self, source: Source, samples: Samples, unproven: Ints, start: datetime, end: datetime) -> None:
        registry = self._ledger_writer.series_index.registry
        targets: dict[tuple[str, str], None] = {}
        by_created: dict[_Key, list[int]] = {}
        for counter in unproven.tolist():
            labels = dict(registry.labels_of(counter) or ())
            if labels.get(SOURCE_LABEL, DEFAULT_SOURCE) != self._name:
                continue
            if "instance" not in labels or (len(targets) >= _MOST_TARGETS and _target(labels) not in targets):
                continue
            targets[_target(labels)] = None
            by_created.setdefault(_created_key(labels), []).append(registry.counter_keys[counter][1].series)
        if not targets:
            return
        names = {name for name, _ in by_created} if len(by_created) <= _MOST_SERIES else set()
        query = start_times(names, targets, _LOOKBACK_S)
        # The steps end where the samples do: what has just begun is seen at the last one.
        start = end - timedelta(seconds=math.ceil((end - start).total_seconds() / _LOOKBACK_S) * _LOOKBACK_S)
        try:
            answer = await source.range(query, start, end, timedelta(seconds=_LOOKBACK_S), deadline=_DEADLINE_S)
        except PrometheusError as error:
            _log.debug("start times are not known; counters are judged by their samples", error=str(error))
            return
        self._note(answer, by_created, self._wrong_targets(answer, by_created, samples))

    def _wrong_targets(
        self, answer: Matrix, by_created: Mapping["_Key", object], samples: Samples
    ) -> frozenset[tuple[str, str]]:
        """The targets that tell of a counter that goes on that it was created since: by the time of each scrape."""
        ends = np.cumsum(answer.lengths).tolist()
        told = {
            _key(labels.get(NAME, ""), labels): float(answer.values[end - length : end].max())
            for labels, length, end in zip(answer.labels, answer.lengths.tolist(), ends, strict=True)
            if length and labels.get(NAME) != PROCESS_START
        }
        told = {key: created for key, created in told.items() if key not in by_created}
        if not told:
            return frozenset()
        registry, cursor = self._ledger_writer.series_index.registry, self._ledger_writer.live
        wrong = set()
        counters, places = np.unique(samples.counter, return_index=True)
        for counter, first_s in zip(counters.tolist(), samples.time[places].tolist(), strict=True):
            labels = dict(registry.labels_of(counter) or ())
            before_s = cursor.time[counter] if counter < len(cursor.time) else math.nan
            seen_s = min(first_s, before_s)
            if told.get(_created_key(labels), -math.inf) > seen_s + _SKEW_S:
                wrong.add(_target(labels))
        return frozenset(wrong)

    def _note(
        self, answer: Matrix, by_created: Mapping["_Key", Iterable[int]], wrong: frozenset[tuple[str, str]]
    ) -> None:
        starts, first = self._ledger_writer.starts, 0
        for labels, length in zip(answer.labels, answer.lengths.tolist(), strict=True):
            for value in set(answer.values[first : first + length].tolist()):
                if labels.get(NAME) == PROCESS_START:
                    starts.note_process(fingerprint(labels).target, value)
                for series in by_created.get(_key(labels.get(NAME, ""), labels), ()):
                    if _target(labels) not in wrong:
                        starts.note_series(series, value)
            first += length


# The name of a series of created timestamps and its other labels.
_Key = tuple[str, frozenset[tuple[str, str]]]


def _target(labels: Mapping[str, str]) -> tuple[str, str]:
    return labels.get("job", ""), labels["instance"]


def _created_key(labels: Mapping[str, str]) -> _Key:
    return _key(created_name(labels.get(NAME, "")), labels)


def _key(name: str, labels: Mapping[str, str]) -> _Key:
    return name, frozenset((label, value) for label, value in labels.items() if label not in (NAME, BUCKET))
