"""What an evaluation needs of others."""

from datetime import datetime, timedelta
from typing import Protocol

from app.prometheus import Matrix


class Source(Protocol):
    """Answers PromQL; raises `app.prometheus.PrometheusError`."""

    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        """The value of an expression at a time; for a range selector, its raw samples."""
        ...

    async def range(
        self, expr: str, start: datetime, end: datetime, step: timedelta, *, deadline: float | None = None
    ) -> Matrix:
        """The values of an expression at start, start + step ... up to end."""
        ...


class EvaluationInstruments(Protocol):
    """Counts what evaluations do."""

    def evaluated(self, seconds: float, at: datetime) -> None:
        """An evaluation for the slot *at* has ended after *seconds*."""

    def evaluation_failed(self, reason: str) -> None:
        """Something in an evaluation failed."""

    def missed(self, slots: int) -> None:
        """So many slots had no evaluation of their own."""

    def backfill_progress(self, ratio: float) -> None:
        """This share of the history that is wanted of all SLIs has been counted."""
