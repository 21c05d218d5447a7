"""What the series of an SLI look like: which of its selectors match any, and by which labels the others might."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from app.promql.matching import matches
from app.promql.metric_names import NAME, name_of
from app.promql.selector_text import render
from app.slo import Matcher, Selector, Sli, Term

# Values of one label that are remembered; a label with more is not one that tells good from bad.
_MOST_VALUES = 12
# A label for each request would fill memory; good and bad differ in one of the first.
_MOST_LABELS = 50


@dataclass(slots=True)
class SeriesSeen:
    """What has been seen of the series of one SLI, each noted once.

    Of the terms, by their positions: those that have *matched* a series; and those without a weight in the total that
    have matched one which no term of the total selects, *outside* if it is of a metric of the total, *apart* if of
    another. *labels* are those of the total's series, *values* those of the labels that tell the other terms apart.
    """

    matched: set[int] = field(default_factory=set)
    outside: set[int] = field(default_factory=set)
    apart: set[int] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)
    values: dict[str, set[str]] = field(default_factory=dict)
    _unmatched: dict[int, str] = field(default_factory=dict)
    _telling: frozenset[str] | None = None

    def unmatched(self, sli: Sli, position: int) -> str:
        """That no series has matched a term so far, and why; in words that change with the series only."""
        if position not in self._unmatched:
            term = sli.terms[position]
            why = why_unmatched(sli, term, self)
            said = f"no series has matched {render(term.selector)} so far"
            self._unmatched[position] = said + (f": {why}" if why else "")
        return self._unmatched[position]

    def note(self, sli: Sli, labels: Mapping[str, str]) -> None:
        """Note one series of the SLI."""
        selecting = [position for position, term in enumerate(sli.terms) if matches(term.selector, labels)]
        self._unmatched.clear()
        self.matched.update(selecting)
        if not any(sli.terms[position].weights.total > 0 for position in selecting):
            names = {name_of(term.selector) for term in sli.terms if term.weights.total > 0}
            (self.outside if labels.get(NAME) in names else self.apart).update(
                position for position in selecting if not sli.terms[position].weights.total
            )
            return
        if len(self.labels) < _MOST_LABELS:
            self.labels.update(labels)
        if self._telling is None:
            self._telling = frozenset(matcher.label for term in sli.terms for matcher in own_matchers(sli, term))
        for label in self._telling:
            found = self.values.setdefault(label, set())
            if label in labels and len(found) < _MOST_VALUES:
                found.add(labels[label])


def own_matchers(sli: Sli, term: Term) -> tuple[Matcher, ...]:
    """The matchers that tell the series of a term from the rest of the total."""
    return tuple(matcher for matcher in term.selector.matchers if matcher not in sli.terms[0].selector.matchers)


def why_unmatched(sli: Sli, term: Term, seen: SeriesSeen) -> str | None:
    """Which matcher of a term keeps it from matching any series of the total; None where that cannot be told.

    Only of a term of the total's own metric: of another metric no series has been seen.
    """
    name = name_of(sli.terms[0].selector)
    if name is None or name != name_of(term.selector) or not seen.labels:
        return None
    return why_none_matches(name, own_matchers(sli, term), seen)


def why_none_matches(name: str, wanted: Iterable[Matcher], seen: SeriesSeen) -> str | None:
    """The first of the *wanted* matchers that no series of the metric *name* fulfils, in words."""
    for matcher in wanted:
        if _selects_absent(matcher):
            continue
        if matcher.label not in seen.labels:
            labels = ", ".join(sorted(seen.labels - {NAME}))
            return f"no series of {name} has the label {matcher.label}; its labels are {labels}"
        values = seen.values.get(matcher.label, set())
        if not any(matches(Selector((matcher,)), {matcher.label: value}) for value in values):
            known = ", ".join(sorted(values)[:_MOST_VALUES]) + (", ..." if len(values) >= _MOST_VALUES else "")
            return f"the values of {matcher.label} are {known}; none matches {render(Selector((matcher,)))}"
    return None


def _selects_absent(matcher: Matcher) -> bool:
    """Whether a series without the label is selected too."""
    return matches(Selector((matcher,)), {})
