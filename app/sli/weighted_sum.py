"""An SLI as a weighted sum of counters: what all kinds share."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import blake2b

from app.promql.matching import implied_by, matches
from app.promql.selector_text import render
from app.slo import Selector, Term, Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedSum(ABC):
    """An SLI of two terms: all events, and a part of them that separates good from bad.

    Subclasses are frozen dataclasses with the fields *total*, *by* and one for the part.
    """

    total: Selector
    by: tuple[str, ...]
    # Made once: every new series is compared with the terms of every SLI that it may belong to.
    terms: tuple[Term, Term] = field(init=False, repr=False, compare=False)
    """The terms of the sum, that of all events first."""

    _both: Weights = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        total, part = self._terms()
        both = Weights(total=total.weights.total + part.weights.total, bad=total.weights.bad + part.weights.bad)
        object.__setattr__(self, "terms", (total, part))
        object.__setattr__(self, "_both", both)

    @abstractmethod
    def _terms(self) -> tuple[Term, Term]:
        """The terms by the fields of the kind."""

    @abstractmethod
    def error_ratio(self, window: timedelta) -> str:
        """The PromQL of the share of bad events in the window, for Prometheus rules."""

    @property
    def part(self) -> Term:
        """The term that separates good events from bad ones."""
        return self.terms[1]

    @property
    def threshold(self) -> str | None:
        """None: the good events are no bucket's."""
        return None

    @property
    def key(self) -> str:
        """A hash of the queries and groups."""
        lines = [f"{term.events} {render(term.selector)}" for term in self.terms]
        text = "\n".join((*lines, "by " + ",".join(sorted(self.by))))
        return blake2b(text.encode(), digest_size=16).hexdigest()

    @property
    def queries(self) -> tuple[Selector, ...]:
        """The selectors of the terms without those whose series another one brings along."""
        total, part = (term.selector for term in self.terms)
        if implied_by(total, part):
            return (total,)
        return (part,) if implied_by(part, total) else (total, part)

    def weights(self, labels: Mapping[str, str]) -> Weights | None:
        """The sum of the weights of the terms that select a series with these labels; None if none does."""
        total, part = (matches(term.selector, labels) for term in self.terms)
        if not part:
            return self.terms[0].weights if total else None
        return self._both if total else self.terms[1].weights

    def bad_share(self, part_share: float) -> float:
        """The share of bad events, where the events of the part are *part_share* of the total."""
        total, part = self.terms
        return total.weights.bad + part.weights.bad * part_share
