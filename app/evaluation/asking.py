"""Asking for the samples of many SLIs in few queries, and telling whose fault a failure is."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from app.evaluation.buckets import Unmeasured
from app.evaluation.intake import Intake
from app.evaluation.watch import Watch
from app.ledger import Samples
from app.prometheus import (
    BadQueryError,
    Matrix,
    PrometheusError,
    TooLargeError,
    UnsupportedResultError,
    partial_data,
)
from app.promql.metric_names import NAME
from app.promql.plan import Batch, Shape, batches
from app.promql.selector_text import render
from app.slo import MatchOp, Selector

Ask = Callable[[str], Awaitable[Matrix]]
"""Asks one query for a selector that is given as text."""

_WASTEFUL = 4
_WASTE_ALLOWED = 1000
_PACKED_KEPT = 16


@dataclass(slots=True)
class Answers:
    """What came of asking: the SLIs that were answered, their samples, and why the others were not.

    *partial* says of which of those that were answered data is missing, by key, in the server's words.
    *impossible* are the keys of the SLIs of which samples were left out that no counter can have, *unmeasured* the
    counts of histograms that were left out since they lack the bucket at their threshold.
    """

    answered: list[Watch]
    failed: list[tuple[Watch, PrometheusError]]
    samples: Samples
    impossible: set[str] = field(default_factory=set)
    unmeasured: Unmeasured | None = None
    partial: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Parts:
    """What some queries brought: answers, errors by selector, and by selector what is said to be missing."""

    matrices: list[Matrix] = field(default_factory=list)
    errors: dict[Selector, PrometheusError] = field(default_factory=dict)
    missing: dict[Selector, str] = field(default_factory=dict)

    def add(self, other: "_Parts") -> None:
        """Take over what other queries brought."""
        self.matrices += other.matrices
        self.errors |= other.errors
        self.missing |= other.missing


@dataclass(slots=True)
class Asker:
    """Packs, asks and unpacks; remembers which ways of packing bring too many series that nobody wants.

    Unpacking admits new series, so it waits for its *turn*: a tick may be writing what is known in another thread.
    """

    intake: Intake
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    barred: set[Shape] = field(default_factory=set)
    _packed: dict[tuple[tuple[Selector, ...], int, bool], tuple[Batch, ...]] = field(default_factory=dict)

    async def samples(
        self, watches: Sequence[Watch], ask: Ask, *, most: int = 200, nameless: bool = False, partial: bool = False
    ) -> Answers:
        """Ask for every selector of *watches*; an SLI counts as answered if all of its selectors were.

        *nameless*: the query drops the metric's name, as functions do; each batch is then of one name, which is put
        back. *partial*: an answer of which data is missing is an answer too, else it is an error.
        """
        selectors = tuple(dict.fromkeys(selector for watch in watches for selector in watch.selectors))
        packed = self._pack(selectors, most, nameless=nameless)
        asking = (self._ask(batch, selectors, ask, nameless=nameless, partial=partial) for batch in packed)
        answers = _Parts()
        for of_batch in await asyncio.gather(*asking):
            answers.add(of_batch)
        impossible: set[str] = set()
        async with self.turn:
            parts = [self.intake.samples(matrix, watches) for matrix in answers.matrices]
            for matrix in answers.matrices:
                impossible |= self.intake.owners(matrix, matrix.impossible) if matrix.impossible else set()
            sorted_out = _sorted_out(watches, answers.errors, Samples.joined(parts), self.intake)
            sorted_out.samples, sorted_out.unmeasured = self.intake.measured(sorted_out.samples)
        sorted_out.impossible = impossible
        sorted_out.partial = {
            watch.key: answers.missing[selector]
            for watch in sorted_out.answered
            for selector in watch.selectors
            if selector in answers.missing
        }
        return sorted_out

    def _pack(self, selectors: tuple[Selector, ...], most: int, *, nameless: bool) -> tuple[Batch, ...]:
        # Tick after tick asks the same selectors.
        key = (selectors, most, nameless)
        packed = self._packed.get(key)
        if packed is None:
            if len(self._packed) >= _PACKED_KEPT:
                self._packed.clear()
            packed = batches(selectors, most=most, fixed=(NAME,) if nameless else (), barred=self.barred)
            self._packed[key] = packed
        return packed

    async def _ask(
        self, batch: Batch, selectors: Sequence[Selector], ask: Ask, *, nameless: bool, partial: bool
    ) -> _Parts:
        try:
            matrix = await ask(render(batch.selector))
            if not matrix.whole and not partial:
                raise partial_data(matrix.warnings, render(batch.selector))
        except (BadQueryError, TooLargeError, UnsupportedResultError) as error:
            if len(batch.members) == 1:
                return _Parts(errors={selectors[batch.members[0]]: error})
            # One member may spoil it for all: halve it until the right one is blamed.
            left, right = await asyncio.gather(
                *(
                    self._ask(half, selectors, ask, nameless=nameless, partial=partial)
                    for half in batch.halves(selectors)
                )
            )
            left.add(right)
            return left
        except PrometheusError as error:
            return _Parts(errors={selectors[member]: error for member in batch.members})
        if nameless:
            matrix = _named(matrix, batch.selector)
        async with self.turn:
            self._judge(batch, matrix)
        if matrix.whole:
            return _Parts(matrices=[matrix])
        said = str(partial_data(matrix.warnings, None))
        return _Parts(matrices=[matrix], missing={selectors[member]: said for member in batch.members})

    def _judge(self, batch: Batch, matrix: Matrix) -> None:
        if len(batch.shape[1]) < 2:  # noqa: PLR2004  alternations of one label bring nothing that nobody wants
            return
        series, _ = self.intake.counters(matrix)
        wanted = len(np.unique(series))
        if len(matrix) - wanted > _WASTEFUL * wanted + _WASTE_ALLOWED:
            self.barred.add(batch.shape)
            self._packed.clear()


def _named(matrix: Matrix, selector: Selector) -> Matrix:
    """The answer with the metric's name put back; as it is where the selector does not tell it."""
    for matcher in selector.matchers:
        if matcher.label == NAME and matcher.op is MatchOp.EQUAL:
            return replace(matrix, labels=tuple({NAME: matcher.value, **labels} for labels in matrix.labels))
    return matrix


def _sorted_out(
    watches: Sequence[Watch], failures: dict[Selector, PrometheusError], samples: Samples, intake: Intake
) -> Answers:
    failed = []
    answered = []
    for watch in watches:
        error = next((failures[selector] for selector in watch.selectors if selector in failures), None)
        if error is None:
            answered.append(watch)
        else:
            failed.append((watch, error))
    if failed:
        samples = intake.only(samples, answered)
    return Answers(answered=answered, failed=failed, samples=samples)
