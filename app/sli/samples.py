"""What SLIs share whose events are samples."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import timedelta

from app.promql.selector_text import render
from app.slo import CellFunction, Contribution, Evaluated, Selector, SliKind, Term, Weights


class OfSamples(ABC):
    """An SLI that counts samples as they are; subclasses are frozen dataclasses with the field *by*."""

    __slots__ = ()

    by: tuple[str, ...]

    @property
    @abstractmethod
    def kind(self) -> SliKind:
        """What its events are."""

    @property
    @abstractmethod
    def terms(self) -> tuple[Term, ...]:
        """What is counted as all events, and what as bad ones."""

    @property
    @abstractmethod
    def key(self) -> str:
        """A hash of what is counted and of the groups."""

    @property
    @abstractmethod
    def queries(self) -> tuple[Selector, ...]:
        """The fewest selectors to ask for that bring every series."""

    @property
    @abstractmethod
    def cell_functions(self) -> tuple[CellFunction, ...]:
        """What is to be asked of cells of history."""

    @property
    @abstractmethod
    def description(self) -> tuple[tuple[str, str], ...]:
        """What is counted, for people: pairs of what it is and its PromQL."""

    @abstractmethod
    def contributions(self, labels: Mapping[str, str]) -> tuple[Contribution, ...]:
        """How a series with these labels counts; empty if it is none of this SLI."""

    @abstractmethod
    def event_queries(self, group: tuple[tuple[str, str], ...], window: timedelta) -> tuple[tuple[str, Weights], ...]:
        """PromQL of the events of each series of one member in a window, with their weights."""

    @abstractmethod
    def in_slice(self, length: timedelta) -> tuple[tuple[str, Weights], ...]:
        """PromQL of the events of each member in the slice of time that ends now, with their weights."""

    @abstractmethod
    def error_ratio(self, window: timedelta) -> str:
        """The PromQL of the share of bad events in the window, for Prometheus rules."""

    @property
    def query(self) -> str:
        """The selector of all events."""
        return render(self.terms[0].selector)

    @property
    def buckets(self) -> tuple[Selector, ...]:
        """None: no bucket of a histogram is counted."""
        return ()

    @property
    def evaluated(self) -> Evaluated | None:
        """None: samples are read."""
        return None

    @property
    def samples_are_events(self) -> bool:
        """True: each sample is so many events."""
        return True
