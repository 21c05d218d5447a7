"""What the series of an SLI look like: whether its good or bad selector matches any, and by which labels it might."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from app.promql.matching import matches
from app.promql.metric_names import NAME, name_of
from app.promql.selector_text import render
from app.slo import Matcher, Selector, Sli

_MOST_VALUES = 12
"""Values of one label that are remembered; a label with more is not one that tells good from bad."""
_MOST_LABELS = 50


@dataclass(slots=True)
class SeriesSeen:
    """What has been seen of the series of one SLI, each noted once.

    *part*: its good or bad selector has matched; *outside*: it has matched a series of the total's metric that the
    total does not select, *apart*: one of another metric. *labels* are those of the total's series, *values* those of
    the labels that tell the part apart.
    """

    part: bool = False
    outside: bool = False
    apart: bool = False
    labels: set[str] = field(default_factory=set)
    values: dict[str, set[str]] = field(default_factory=dict)
    _unmatched: str | None = None

    def unmatched(self, sli: Sli) -> str:
        """That no series has matched the part so far, and why; in words that change with the series only."""
        if self._unmatched is None:
            why = why_unmatched(sli, self)
            self._unmatched = f"no series has matched {render(sli.part.selector)} so far" + (f": {why}" if why else "")
        return self._unmatched

    def note(self, sli: Sli, labels: Mapping[str, str], *, in_total: bool) -> None:
        """Note one series that the total or the part selects."""
        part, self._unmatched = sli.part.selector, None
        if matches(part, labels):
            self.part = True
            same_metric = labels.get(NAME) == name_of(sli.total)
            self.outside |= not in_total and same_metric
            self.apart |= not in_total and not same_metric
        if not in_total:
            return
        if len(self.labels) < _MOST_LABELS:
            self.labels.update(labels)
        for matcher in own_matchers(sli):
            found = self.values.setdefault(matcher.label, set())
            if matcher.label in labels and len(found) < _MOST_VALUES:
                found.add(labels[matcher.label])


def own_matchers(sli: Sli) -> tuple[Matcher, ...]:
    """The matchers that tell the part from the rest of the total."""
    return tuple(matcher for matcher in sli.part.selector.matchers if matcher not in sli.total.matchers)


def why_unmatched(sli: Sli, seen: SeriesSeen) -> str | None:
    """Which matcher of the part keeps it from matching any series of the total; None where that cannot be told.

    Only of a part of the total's own metric: of another metric no series has been seen.
    """
    name = name_of(sli.total)
    if name is None or name != name_of(sli.part.selector) or not seen.labels:
        return None
    return why_none_matches(name, own_matchers(sli), seen)


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
