"""Asking for the samples of many SLIs in few queries, and telling whose fault a failure is."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from app.ingest.queries.partitioning import LabelQueries, too_large
from app.ingest.series.buckets import Unmeasured
from app.ingest.series.series_index import SeriesIndex
from app.ingest.series.tracked_slis import TrackedSli, in_turns
from app.ledger import Samples
from app.prometheus import (
    BadQueryError,
    Matrix,
    PrometheusError,
    TooLargeError,
    UnsupportedResultError,
    not_expected,
    partial_data,
)
from app.promql.metric_names import NAME
from app.promql.plan import Batch, Shape, batches
from app.promql.selector_text import render
from app.slo import MatchOp, Selector
from app.slo.arrays import each_once

Ask = Callable[[str], Awaitable[Matrix]]
"""Asks one query for a selector that is given as text."""

# The alternations of several labels select their product: where most of it is not wanted...
_WASTEFUL = 4
# ...and is more than some kilobytes, selectors of that shape are asked for one by one.
_WASTE_ALLOWED = 1000
# Live slots and what is settled, in ten turns, history at three resolutions: a few sets of SLIs at a time.
_PACKED_KEPT = 64
# Parts in which one selector is read: each takes seconds to read and count, and an evaluation has a slot for all.
_MOST_PARTS = 8
# ADR-0030: what was too large in all its parts is not read again in every slot.
_REFUSED_FOR_S = 600.0


@dataclass(slots=True)
class QueryResults:
    """What came of asking: the SLIs that were answered, their samples, and why the others were not.

    *partial* says of which of those that were answered data is missing, by key, in the server's words.
    *impossible* are the keys of the SLIs of which samples were left out that no counter can have, *nan* those that have
    series of nothing but NaN, *unmeasured* the
    counts of histograms that were left out since they lack the bucket at their threshold.
    """

    answered: list[TrackedSli]
    failed: list[tuple[TrackedSli, PrometheusError]]
    samples: Samples
    impossible: set[str] = field(default_factory=set)
    nan: set[str] = field(default_factory=set)
    unmeasured: Unmeasured | None = None
    partial: dict[str, str] = field(default_factory=dict)

    @classmethod
    def joined(cls, parts: Sequence["QueryResults"]) -> "QueryResults":
        """What came of asking for several sets of SLIs, of which one at most has histograms."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            answered=[tracked for part in parts for tracked in part.answered],
            failed=[failure for part in parts for failure in part.failed],
            samples=Samples.joined([part.samples for part in parts]),
            impossible={key for part in parts for key in part.impossible},
            nan={key for part in parts for key in part.nan},
            unmeasured=next((part.unmeasured for part in parts if part.unmeasured is not None), None),
            partial={key: said for part in parts for key, said in part.partial.items()},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Questions:
    """What is asked at once: the selectors of some SLIs, and how."""

    tracked_slis: Sequence[TrackedSli]
    selectors: tuple[Selector, ...]
    ask: Ask
    labels: LabelQueries
    most: int
    nameless: bool
    partial: bool
    as_given: bool
    native: frozenset[str]

    async def answer(self, selector: Selector) -> Matrix:
        """What Prometheus says of one selector.

        Raises:
            PrometheusError: it does not say, or not all, and all is wanted.
        """
        text = render(selector)
        matrix = await self.ask(text)
        if any(series.labels.get(NAME) not in self.native for series in matrix.histograms):
            raise not_expected(matrix.histograms, text)
        if not matrix.whole and not self.partial:
            raise partial_data(matrix.warnings, text)
        return matrix


@dataclass(slots=True)
class _Found:
    """What was answered so far, which selectors were not, and what is said to be missing of the others."""

    samples: list[Samples] = field(default_factory=list)
    native: list[Samples] = field(default_factory=list)
    failures: dict[Selector, PrometheusError] = field(default_factory=dict)
    missing: dict[Selector, str] = field(default_factory=dict)
    impossible: set[str] = field(default_factory=set)
    nan: set[str] = field(default_factory=set)
    broken: dict[int, float] = field(default_factory=dict)


@dataclass(slots=True)
class _LargeSelector:
    """A selector that is read in parts.

    *refused_until* is when to try again to read as long a time as *refused_span_ms*, in the time of the event loop.
    """

    parts: list[Selector]
    refused_until: float = 0.0
    refused_span_ms: int = 0

    def may_be_whole(self, span_ms: int) -> bool:
        """Whether so short a time may be read at once: there are no parts, and more was refused."""
        return len(self.parts) == 1 and span_ms < self.refused_span_ms


@dataclass(slots=True)
class QueryBatcher:
    """Packs, asks and unpacks; remembers which ways of packing bring too many series that no SLI wants, or too much.

    Unpacking admits new series, so it waits for its *turn*: an evaluation may be writing what is known in another
    thread.
    """

    series_index: SeriesIndex
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    barred: set[Shape] = field(default_factory=set)
    _packed: dict[tuple[tuple[TrackedSli, ...], int, bool], tuple[tuple[Selector, ...], tuple[Batch, ...]]] = field(
        default_factory=dict
    )
    _too_large: set[tuple[Selector, int]] = field(default_factory=set)
    _large: dict[tuple[Selector, int], _LargeSelector] = field(default_factory=dict)

    async def samples(
        self,
        tracked_slis: Sequence[TrackedSli],
        ask: Ask,
        *,
        labels: LabelQueries,
        most: int = 200,
        nameless: bool = False,
        partial: bool = False,
        as_given: bool = False,
    ) -> QueryResults:
        """Ask for every selector of *tracked_slis*; an SLI counts as answered if all of its selectors were.

        *labels* are asked where the answer of one selector is too large: it is read in parts then, within the time that
        one query may take. *nameless*: the query drops the metric's name, as functions do; each batch is then of one
        name, which is put back. *partial*: an answer of which data is missing is an answer too, else it is an error.
        *as_given*: the values are those of the answer also where samples are events themselves.
        """
        selectors, packed = self._pack(tracked_slis, most, nameless=nameless)
        questions = _Questions(
            tracked_slis=tracked_slis,
            selectors=selectors,
            ask=ask,
            labels=labels,
            most=most,
            nameless=nameless,
            partial=partial,
            as_given=as_given,
            native=self.series_index.native.names,
        )
        found = _Found()
        await asyncio.gather(*(self._ask(batch, questions, found) for batch in packed))
        async with self.turn:
            samples = Samples.joined(found.samples)
            if found.native:
                samples = self.series_index.native.beside(samples, Samples.joined(found.native))
            if found.broken and not as_given:
                samples = self.series_index.until_broken(samples, found.broken)
            sorted_out = _sorted_out(tracked_slis, found.failures, samples, self.series_index)
            sorted_out.samples, sorted_out.unmeasured = self.series_index.measured(sorted_out.samples)
        sorted_out.impossible, sorted_out.nan = found.impossible, found.nan
        if found.missing:
            sorted_out.partial = {
                tracked.key: found.missing[selector]
                for tracked in sorted_out.answered
                for selector in tracked.selectors
                if selector in found.missing
            }
        return sorted_out

    def _pack(
        self, tracked_slis: Sequence[TrackedSli], most: int, *, nameless: bool
    ) -> tuple[tuple[Selector, ...], tuple[Batch, ...]]:
        """The selectors of some SLIs, and the batches in which they are asked.

        Those of each turn are packed for themselves, so that the same queries are sent with any other SLIs beside them.
        """
        selectors: list[Selector] = []
        packed: list[Batch] = []
        for some in in_turns(tracked_slis):
            of_some, batches_of_some = self._pack_together(some, most, nameless=nameless)
            packed += (batch.moved(len(selectors)) for batch in batches_of_some)
            selectors += of_some
        return tuple(selectors), tuple(packed)

    def _pack_together(
        self, tracked_slis: tuple[TrackedSli, ...], most: int, *, nameless: bool
    ) -> tuple[tuple[Selector, ...], tuple[Batch, ...]]:
        """The selectors of some SLIs, each once, and the batches in which they are asked."""
        # Every evaluation asks the same of the same SLIs.
        key = (tracked_slis, most, nameless)
        packed = self._packed.get(key)
        if packed is None:
            if len(self._packed) >= _PACKED_KEPT:
                self._packed.clear()
                self._too_large.clear()
            selectors = tuple(dict.fromkeys(selector for tracked in tracked_slis for selector in tracked.selectors))
            fixed = (NAME,) if nameless else ()
            packed = selectors, batches(selectors, most=most, fixed=fixed, barred=self.barred)
            self._packed[key] = packed
        return packed

    async def _ask(self, batch: Batch, questions: _Questions, found: _Found) -> None:
        if len(batch.members) == 1:
            await self._ask_one(batch, questions, found)
        elif self._too_large and (batch.selector, questions.most) in self._too_large:
            await self._ask_halves(batch, questions, found)
        else:
            await self._ask_many(batch, questions, found)

    async def _ask_many(self, batch: Batch, questions: _Questions, found: _Found) -> None:
        try:
            matrix = await questions.answer(batch.selector)
        except (BadQueryError, TooLargeError, UnsupportedResultError) as error:
            if isinstance(error, TooLargeError):
                # Read once more in every slot, it would cost its bytes in vain each time.
                self._too_large.add((batch.selector, questions.most))
            await self._ask_halves(batch, questions, found)
        except PrometheusError as error:
            found.failures |= {questions.selectors[member]: error for member in batch.members}
        else:
            await self._unpack(matrix, batch, questions, found)

    async def _ask_halves(self, batch: Batch, questions: _Questions, found: _Found) -> None:
        """Ask for each half: one member may spoil it for all, and is blamed alone in the end."""
        await asyncio.gather(*(self._ask(half, questions, found) for half in batch.halves(questions.selectors)))

    async def _ask_one(self, batch: Batch, questions: _Questions, found: _Found) -> None:
        selector = questions.selectors[batch.members[0]]
        large = self._large.get((selector, questions.most))
        try:
            if large is None or large.may_be_whole(questions.labels.span_ms):
                await self._unpack(await questions.answer(selector), batch, questions, found)
                return
        except TooLargeError:
            large = self._large[selector, questions.most] = _LargeSelector([selector])
        except PrometheusError as error:
            found.failures[selector] = error
            return
        try:
            async with asyncio.timeout(questions.labels.deadline):
                await self._ask_parts(large, batch, questions, found)
        except PrometheusError as error:
            found.failures[selector] = error
        except TimeoutError:
            found.failures[selector] = too_large(selector, len(large.parts))

    async def _ask_parts(self, large: _LargeSelector, batch: Batch, questions: _Questions, found: _Found) -> None:
        """Read the parts of a large selector one after another, so that other queries have room.

        Raises:
            PrometheusError: a part is not answered, or there would be too many parts.
        """
        now, span_ms = asyncio.get_running_loop().time(), questions.labels.span_ms
        selector = questions.selectors[batch.members[0]]
        if now < large.refused_until and span_ms >= large.refused_span_ms:
            raise too_large(selector, len(large.parts))
        read = 0
        while read < len(large.parts):
            part = large.parts[read]
            matrix = None if part == selector else await _unless_too_large(questions.answer(part))
            if matrix is not None:
                await self._unpack(matrix, batch, questions, found)
                read += 1
                continue
            halves = await questions.labels.halve(part) if len(large.parts) < _MOST_PARTS else None
            if halves is None:
                large.refused_until, large.refused_span_ms = now + _REFUSED_FOR_S, span_ms
                raise too_large(selector, len(large.parts))
            large.parts[read : read + 1] = halves

    async def _unpack(self, matrix: Matrix, batch: Batch, questions: _Questions, found: _Found) -> None:
        if questions.nameless:
            matrix = _named(matrix, batch.selector)
        async with self.turn:
            self._judge(batch, matrix)
            found.samples.append(self.series_index.samples(matrix, questions.tracked_slis, as_given=questions.as_given))
            native = self.series_index.native.answer(matrix, resets=questions.nameless)
            if native is not None:
                found.native.append(
                    self.series_index.native_samples(native, questions.tracked_slis, as_given=questions.as_given)
                )
            if matrix.impossible:
                found.impossible |= self.series_index.owners(matrix, matrix.impossible)
            if matrix.negative:
                found.impossible |= self.series_index.owners_of_counters(matrix, matrix.negative)
            if matrix.broken:
                found.broken |= self.series_index.broken(matrix)
            if matrix.invalid:
                found.nan |= self.series_index.owners(matrix, matrix.without_numbers)
        if not matrix.whole:
            said = str(partial_data(matrix.warnings, None))
            found.missing |= {questions.selectors[member]: said for member in batch.members}

    def _judge(self, batch: Batch, matrix: Matrix) -> None:
        if len(batch.shape[1]) < 2:  # noqa: PLR2004  alternations of one label bring wanted series only
            return
        series, _ = self.series_index.counters(matrix)
        wanted = len(each_once(series))
        if len(matrix) - wanted > _WASTEFUL * wanted + _WASTE_ALLOWED:
            self.barred.add(batch.shape)
            self._packed.clear()


async def _unless_too_large(asked: Awaitable[Matrix]) -> Matrix | None:
    try:
        return await asked
    except TooLargeError:
        return None


def _named(matrix: Matrix, selector: Selector) -> Matrix:
    """The answer with the metric's name put back; as it is where the selector does not tell it."""
    for matcher in selector.matchers:
        if matcher.label == NAME and matcher.op is MatchOp.EQUAL:
            return replace(matrix, labels=tuple({NAME: matcher.value, **labels} for labels in matrix.labels))
    return matrix


def _sorted_out(
    tracked_slis: Sequence[TrackedSli],
    failures: dict[Selector, PrometheusError],
    samples: Samples,
    series_index: SeriesIndex,
) -> QueryResults:
    if not failures:
        return QueryResults(answered=list(tracked_slis), failed=[], samples=samples)
    failed = []
    answered = []
    for tracked in tracked_slis:
        error = next((failures[selector] for selector in tracked.selectors if selector in failures), None)
        if error is None:
            answered.append(tracked)
        else:
            failed.append((tracked, error))
    if failed:
        samples = series_index.only(samples, answered)
    return QueryResults(answered=answered, failed=failed, samples=samples)
