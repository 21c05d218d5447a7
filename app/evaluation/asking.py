"""Asking for the samples of many SLIs in few queries, and telling whose fault a failure is."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from app.evaluation.buckets import Unmeasured
from app.evaluation.intake import Intake
from app.evaluation.watch import Watch
from app.ledger import Samples
from app.prometheus import BadQueryError, Matrix, PrometheusError, TooLargeError, UnsupportedResultError
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
    """What came of asking: the SLIs that were answered whole, their samples, and why the others were not.

    *impossible* are the keys of the SLIs of which samples were left out that no counter can have, *unmeasured* the
    counts of histograms that were left out since they lack the bucket at their threshold.
    """

    answered: list[Watch]
    failed: list[tuple[Watch, PrometheusError]]
    samples: Samples
    impossible: set[str] = field(default_factory=set)
    unmeasured: Unmeasured | None = None


@dataclass(slots=True)
class Asker:
    """Packs, asks and unpacks; remembers which ways of packing bring too many series that nobody wants.

    Unpacking admits new series, so it waits for its *turn*: a tick may be writing what is known in another thread.
    """

    intake: Intake
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    barred: set[Shape] = field(default_factory=set)
    _packed: dict[tuple[tuple[Selector, ...], int, bool], tuple[Batch, ...]] = field(default_factory=dict)

    async def samples(self, watches: Sequence[Watch], ask: Ask, *, most: int = 200, nameless: bool = False) -> Answers:
        """Ask for every selector of *watches*; an SLI counts as answered if all of its selectors were.

        *nameless*: the query drops the metric's name, as functions do; each batch is then of one name, which is put
        back.
        """
        selectors = tuple(dict.fromkeys(selector for watch in watches for selector in watch.selectors))
        packed = self._pack(selectors, most, nameless=nameless)
        answers = await asyncio.gather(*(self._ask(batch, selectors, ask, nameless=nameless) for batch in packed))
        parts: list[Samples] = []
        failures: dict[Selector, PrometheusError] = {}
        impossible: set[str] = set()
        async with self.turn:
            for matrices, errors in answers:
                parts += (self.intake.samples(matrix, watches) for matrix in matrices)
                for matrix in matrices:
                    impossible |= self.intake.owners(matrix, matrix.impossible) if matrix.impossible else set()
                failures |= errors
            sorted_out = _sorted_out(watches, failures, Samples.joined(parts), self.intake)
            sorted_out.samples, sorted_out.unmeasured = self.intake.measured(sorted_out.samples)
        sorted_out.impossible = impossible
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
        self, batch: Batch, selectors: Sequence[Selector], ask: Ask, *, nameless: bool
    ) -> tuple[list[Matrix], dict[Selector, PrometheusError]]:
        try:
            matrix = await ask(render(batch.selector))
        except (BadQueryError, TooLargeError, UnsupportedResultError) as error:
            if len(batch.members) == 1:
                return [], {selectors[batch.members[0]]: error}
            # One member may spoil it for all: halve it until the right one is blamed.
            left, right = await asyncio.gather(
                *(self._ask(half, selectors, ask, nameless=nameless) for half in batch.halves(selectors))
            )
            return left[0] + right[0], left[1] | right[1]
        except PrometheusError as error:
            return [], {selectors[member]: error for member in batch.members}
        if nameless:
            matrix = _named(matrix, batch.selector)
        async with self.turn:
            self._judge(batch, matrix)
        return [matrix], {}

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
