"""What the series of an SLI look like: which of its selectors match any, and by which labels the others might."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from app.promql.matching import matches
from app.promql.metric_names import NAME, name_of
from app.promql.selector_text import render
from app.slo import Matcher, Selector, Sli, Term

# Values of one label that are remembered; a label with more is not one that tells good from bad.
_MOST_VALUES = 12
# A label for each request would fill memory; good and bad differ in one of the first.
_MOST_LABELS = 50
# An SLI is judged by what it has counted in a day once it has had so many events, since so many seconds: the first
# hours of a service with a bad release would be called swapped selectors, and of few events nearly all may be bad by
# chance.
ESTABLISHED_S = 6 * 3600.0
ESTABLISHED_EVENTS = 20.0
_STATUS_CODE = re.compile("[1-5][0-9]{2}")
_STATUS_CODES = range(100, 600)


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

    @classmethod
    def joined(cls, several: "Sequence[SeriesSeen]") -> "SeriesSeen":
        """What has been seen of one SLI in several sources."""
        found = cls()
        for one in several:
            found.matched |= one.matched
            found.outside |= one.outside
            found.apart |= one.apart
            found.labels |= one.labels
            for label, values in one.values.items():
                found.values.setdefault(label, set()).update(values)
        return found

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
            self._telling = frozenset(matcher.label for term in sli.terms for matcher in own_matchers(sli.terms, term))
        for label in self._telling:
            found = self.values.setdefault(label, set())
            if label in labels and len(found) < _MOST_VALUES:
                found.add(labels[label])


def own_matchers(terms: Sequence[Term], term: Term) -> tuple[Matcher, ...]:
    """The matchers that tell the series of a term from the rest of the total, which is the first of the *terms*."""
    return tuple(matcher for matcher in term.selector.matchers if matcher not in terms[0].selector.matchers)


def misnamed(
    name: str, wanted: Iterable[Matcher], labels: Collection[str], values: Mapping[str, Collection[str]]
) -> str | None:
    """What a selector of the metric *name* names that cannot be matched, in words; None where that is not certain.

    A metric or a label that is not there, and what no status code matches. Another value that is not there may come
    with the first error. *labels* are those of the metric, *values* of some of them.
    """
    if not labels:
        return f"Prometheus has had no metric {name} in the last day"
    for matcher in wanted:
        if matcher.label == NAME or _selects_absent(matcher):
            continue
        if matcher.label not in labels and len(labels) < _MOST_LABELS:
            return _without_label(name, matcher, labels)
        known = values.get(matcher.label, ())
        if known and all(_STATUS_CODE.fullmatch(value) for value in known):
            alone = Selector((matcher,))
            if not any(matches(alone, {matcher.label: str(code)}) for code in _STATUS_CODES):
                return f"{matcher.label} has status codes such as {min(known)}, of which none matches {render(alone)}"
    return None


def _without_label(name: str, matcher: Matcher, labels: Iterable[str]) -> str:
    listed = ", ".join(sorted(label for label in labels if label != NAME))
    return f"no series of {name} has the label {matcher.label}; its labels are {listed}"


def why_unmatched(sli: Sli, term: Term, seen: SeriesSeen) -> str | None:
    """Which matcher of a term keeps it from matching any series of the total; None where that cannot be told.

    Only of a term of the total's own metric: of another metric no series has been seen.
    """
    name = name_of(sli.terms[0].selector)
    if name is None or name != name_of(term.selector) or not seen.labels:
        return None
    return why_none_matches(name, own_matchers(sli.terms, term), seen)


def why_none_matches(name: str, wanted: Iterable[Matcher], seen: SeriesSeen) -> str | None:
    """The first of the *wanted* matchers that no series of the metric *name* fulfils, in words."""
    for matcher in wanted:
        if _selects_absent(matcher):
            continue
        if matcher.label not in seen.labels:
            return _without_label(name, matcher, seen.labels)
        values = seen.values.get(matcher.label, set())
        if not any(matches(Selector((matcher,)), {matcher.label: value}) for value in values):
            known = ", ".join(sorted(values)[:_MOST_VALUES]) + (", ..." if len(values) >= _MOST_VALUES else "")
            return f"the values of {matcher.label} are {known}; none matches {render(Selector((matcher,)))}"
    return None


def _selects_absent(matcher: Matcher) -> bool:
    """Whether a series without the label is selected too."""
    return matches(Selector((matcher,)), {})
