"""What an evaluation needs of others."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from app.prometheus import Matrix, MetricSource
from app.slo import DEFAULT_SOURCE


class Source(Protocol):
    """Answers PromQL, or what its kind of source has instead; raises `app.prometheus.PrometheusError`.

    A source that counts in intervals is asked for ranges only: each value is of the interval that ends at its time.
    """

    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        """The value of an expression at a time; for a range selector, its raw samples."""
        ...

    async def range(
        self, expr: str, start: datetime, end: datetime, step: timedelta, *, deadline: float | None = None
    ) -> Matrix:
        """The values of an expression at start, start + step ... up to end."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSource:
    """One source with all that is asked of it.

    What no evaluation waits for (history, contributors) is asked of *background*: slow answers there must not keep
    *live* from being asked, as its circuit breaker would. Types of metrics are asked of *metrics*, if that is given.
    A slot is asked for *later_by*, a number of slots, later than those of other sources; a query may take *timeout*,
    as long as an evaluation says if that is None. Its counts become final after *settle*, as an evaluation says if
    that is None. If it is *metered*, it looks after its own limits, and puts what is asked at once into few requests.
    """

    live: Source
    background: Source
    name: str = DEFAULT_SOURCE
    metrics: MetricSource | None = None
    later_by: timedelta = timedelta(0)
    timeout: timedelta | None = None
    settle: timedelta | None = None
    metered: bool = False


class EvaluationInstruments(Protocol):
    """Counts what evaluations do."""

    def evaluated(self, seconds: float, at: datetime) -> None:
        """An evaluation for the slot *at* has ended after *seconds*."""

    def evaluation_failed(self, reason: str) -> None:
        """Something in an evaluation failed."""

    def missed(self, slots: int) -> None:
        """So many slots had no evaluation of their own."""

    def asked(self, source: str, *, answered_at: datetime | None, at: datetime, seconds: float, failing: int) -> None:
        """In the evaluation of the slot *at* a source had answered up to *answered_at*.

        Its last queries took *seconds*, and *failing* of its SLIs have no answer.
        """

    def asked_only(self, sources: Collection[str]) -> None:
        """From now on there are these sources and no others."""

    def backfill_progress(self, ratio: float) -> None:
        """This share of the history that is wanted of all SLIs has been counted."""
