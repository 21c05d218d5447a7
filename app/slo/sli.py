"""What an SLO asks of its SLI; the kinds of SLIs are in `app.sli`.

An SLI is a weighted sum: it has some terms, each a selector of counters with a weight in `total` and one in `bad`. The
events of an SLI are the increments of all its series, each multiplied by the weights of the terms that select it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from app.slo.selector import Selector


class Events(StrEnum):
    """Which events a term of an SLI selects; also its key in a document."""

    TOTAL = "total"
    GOOD = "good"
    BAD = "bad"

    @property
    def words(self) -> str:
        """The events in words, such as ``bad events``."""
        return "all events" if self is Events.TOTAL else f"{self.value} events"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What one increment of a counter adds to the total and to the bad events."""

    total: float
    bad: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One selector of an SLI, and what the series that it selects count for."""

    events: Events
    selector: Selector
    weights: Weights


class Sli(Protocol):
    """What is counted; frozen, and equal to another exactly if it counts the same in the same way."""

    @property
    def by(self) -> tuple[str, ...]:
        """The labels whose values identify the members of the group; empty without groups."""

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms of the sum, that of all events first."""

    @property
    def total(self) -> Selector:
        """The selector of all events."""

    @property
    def part(self) -> Term:
        """The term that separates good events from bad ones."""

    @property
    def key(self) -> str:
        """The identity of its history: the same for the same queries and groups, however they were written."""

    @property
    def queries(self) -> tuple[Selector, ...]:
        """The fewest selectors to ask for that bring every series."""

    @property
    def buckets(self) -> tuple[Selector, ...]:
        """The buckets of histograms that are counted beside the count, or a larger bucket, of the same histogram."""

    @property
    def threshold(self) -> str | None:
        """The bound of the histogram bucket that holds the good events; None where they are no bucket's.

        Where it is given, a count without the bucket beside it is not measured (ADR-0029).
        """

    def weights(self, labels: Mapping[str, str]) -> Weights | None:
        """What a series with these labels counts for; None if it is none of this SLI."""

    def bad_share(self, part_share: float) -> float:
        """The share of bad events, where the events of the part are *part_share* of the total."""

    def error_ratio(self, window: timedelta) -> str:
        """The PromQL of the share of bad events in the window, for Prometheus rules."""
