"""Packing the selectors of many SLIs into few queries.

Selectors that differ in one label only become one selector with an alternation, `job=~"cart|checkout"`, which selects
exactly what they select together; so do those that differ in two labels, such as a metric name and a job, but then
the alternations may select more. `matching.py` sorts out which of the answered series belong to which selector.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from app.slo import Matcher, MatchOp, Selector

# What Go's regexp.QuoteMeta escapes, and no more: Prometheus looks an alternation of plain words up in its index, but
# takes any other escape for a real regular expression and tries it on every value of the label.
# https://github.com/prometheus/prometheus/blob/main/model/labels/regexp.go
_QUOTED = str.maketrans({character: "\\" + character for character in r"\.+*?()|[]{}^$"})
Shape = tuple[Selector | None, tuple[str, ...]]
"""What the selectors of a batch share, and the labels in which they differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One selector to ask for, and the indexes of those whose series it brings."""

    selector: Selector
    members: tuple[int, ...]
    shape: Shape

    def moved(self, places: int) -> "Batch":
        """The same batch of selectors that come so many places later."""
        return replace(self, members=tuple(member + places for member in self.members)) if places else self

    def halves(self, selectors: Sequence[Selector]) -> tuple["Batch", "Batch"]:
        """Two smaller batches, to find the member that spoils a query or to halve an answer that is too large."""
        middle = len(self.members) // 2
        left, right = (_batch(self.shape, part, selectors) for part in (self.members[:middle], self.members[middle:]))
        return left, right


def batches(
    selectors: Sequence[Selector],
    *,
    most: int = 200,
    fixed: Collection[str] = (),
    barred: Collection[Shape] = (),
) -> tuple[Batch, ...]:
    """Pack *selectors* into batches of at most *most*; a batch's members are indexes into *selectors*.

    Labels in *fixed* are equal within a batch; shapes in *barred* have proved to bring too much.
    """
    left = set(range(len(selectors)))
    packed: list[Batch] = []
    for differing in (1, 2):
        shapes = {index: _shapes(selectors[index], differing, fixed, barred) for index in left}
        popularity = Counter(shape for of_one in shapes.values() for shape in of_one)
        groups: dict[Shape, list[int]] = defaultdict(list)
        for index, of_one in shapes.items():
            best = max(of_one, key=lambda shape: (popularity[shape], repr(shape[1])), default=None)
            if best is not None and popularity[best] > 1:
                groups[best].append(index)
        for shape, members in groups.items():
            if len(members) > 1:
                packed += (_batch(shape, part, selectors) for part in _parts(sorted(members), most))
                left -= set(members)
    same: dict[Selector, list[int]] = defaultdict(list)
    for index in sorted(left):
        same[selectors[index]].append(index)
    packed += (
        Batch(selector=selector, members=tuple(members), shape=(selector, ())) for selector, members in same.items()
    )
    return tuple(sorted(packed, key=lambda batch: batch.members))


def _shapes(selector: Selector, differing: int, fixed: Collection[str], barred: Collection[Shape]) -> Iterable[Shape]:
    free = [
        matcher
        for matcher in selector.matchers
        if matcher.op is MatchOp.EQUAL and matcher.value and matcher.label not in fixed
    ]
    counts = Counter(matcher.label for matcher in selector.matchers)
    shapes = []
    for chosen in combinations([matcher for matcher in free if counts[matcher.label] == 1], differing):
        rest = tuple(matcher for matcher in selector.matchers if matcher not in chosen)
        shape = (Selector(rest) if rest else None, tuple(matcher.label for matcher in chosen))
        if shape not in barred:
            shapes.append(shape)
    return shapes


def any_of(label: str, values: Sequence[str]) -> Matcher:
    """A matcher for any of some values of a label."""
    if len(values) == 1:
        return Matcher(label, MatchOp.EQUAL, values[0])
    return Matcher(label, MatchOp.REGEX, "|".join(value.translate(_QUOTED) for value in values))


def _batch(shape: Shape, members: Sequence[int], selectors: Sequence[Selector]) -> Batch:
    shared, labels = shape
    matchers = list(shared.matchers) if shared else []
    for label in labels:
        matchers.append(any_of(label, sorted({_value(selectors[index], label) for index in members})))
    return Batch(selector=Selector(tuple(matchers)), members=tuple(members), shape=shape)


def _value(selector: Selector, label: str) -> str:
    return next(matcher.value for matcher in selector.matchers if matcher.label == label)


def _parts(members: Sequence[int], most: int) -> Iterable[Sequence[int]]:
    return (members[start : start + most] for start in range(0, len(members), most))
