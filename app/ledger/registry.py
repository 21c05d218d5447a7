"""Who is who: rows of the ledger, the scrape targets seen in them, and the counters of those targets.

A *row* is one SLI, or one member of its group. A *counter* is one series as one row sees it, with its weights: how
its increments add to the row's total and bad events. A *target* is what is scraped at once, told by `job` and
`instance`: whether a counter is new or merely new to us is decided for the target as a whole.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from app.ledger.seen_spans import SeenSpans
from app.slo import SOURCE_LABEL, GroupKey, Weights
from app.slo.arrays import Bools, Floats, Ints

# What Prometheus itself adds to every series of a scrape; two sources may scrape targets of the same names.
_TARGET_LABELS = ("instance", "job", SOURCE_LABEL)
# Labels by which copies of one series differ: what Thanos, Mimir and the Prometheus Operator deduplicate by.
# Source: https://thanos.io/tip/components/query.md/#deduplication
REPLICA_LABELS = frozenset(
    {"prometheus_replica", "replica", "__replica__", "prometheus", "receive_replica", "rule_replica", "ruler_replica"}
)
Labels = tuple[tuple[str, str], ...]
"""All labels of a series, in any order."""
Change = frozenset[tuple[str, frozenset[str]]]
"""Names of labels in which two series differ, each with both values; empty where a series does not have it."""


class RowKey(NamedTuple):
    """What a row counts: the key of the SLI's queries, and the group's values."""

    sli: str
    group: GroupKey


class CounterKey(NamedTuple):
    """A counter's identity within a row: hashes of its labels and of its target's."""

    series: int
    target: int


def fingerprint(labels: Mapping[str, str]) -> CounterKey:
    """The identity of a series; `le="1"` and `le="1.0"` are one bucket, however the server's version writes it."""
    pairs = sorted((name, _canonical(name, value)) for name, value in labels.items())
    target = [pair for pair in pairs if pair[0] in _TARGET_LABELS]
    return CounterKey(_hash(pairs), _hash(target))


def _canonical(name: str, value: str) -> str:
    if name != "le":
        return value
    try:
        return repr(float(value))
    except ValueError:
        return value


def _differing(one: Labels, other: Labels) -> frozenset[str]:
    """The names of the labels in which two series differ."""
    return frozenset(name for name, _ in set(one) ^ set(other))


def _hash(pairs: list[tuple[str, str]]) -> int:
    text = "\xff".join(f"{name}\xfe{value}" for name, value in pairs)
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big", signed=True)


@dataclass(slots=True)
class Agreement:
    """Two counters agreed in so many *samples* since they deviated last, and deviated so often.

    Compared were samples from *since_s* to *until_s*: live counting goes on behind them, history before them.
    """

    samples: int = 0
    since_s: float = np.inf
    until_s: float = -np.inf
    deviations: int = 0

    def agree(self, times: Floats) -> None:
        """Note that they agreed in samples of these *times*, of which some may be known."""
        self.samples += int(((times > self.until_s) | (times < self.since_s)).sum())
        self.since_s = min(self.since_s, float(times.min()))
        self.until_s = max(self.until_s, float(times.max()))

    def deviate(self) -> None:
        """Note that they differed by more than chance explains."""
        self.samples = 0
        self.deviations += 1


class Registry:
    """Hands out the indexes of rows, targets and counters; they are never reused while it lives.

    Series that prove to be one counter are united: *stream* says under which index each is counted; *unions* are pairs
    of which the first went on as the second, in order, and *moved* all that had been counted as the first, itself at
    the beginning; *partings* are pairs of which the second, once united with the first, proved to be another counter.
    *uncompared* are the counters that have not been compared with
    others of their target yet; *small* are those that were, and showed too little to prove anything. *whole_rows* are
    rows of which no older history is to be read.
    """

    def __init__(self) -> None:
        self.rows: list[RowKey] = []
        self.counter_keys: list[tuple[int, CounterKey]] = []
        self._row_index: dict[RowKey, int] = {}
        self._target_index: dict[tuple[int, int], int] = {}
        self._counter_index: dict[tuple[int, int], int] = {}
        self._target_row: list[int] = []
        self._counter_target: list[int] = []
        self._weights: list[Weights] = []
        self._labels: list[Labels | None] = []
        self._stream: list[int] = []
        self._target_alias: list[int] = []
        self._members: dict[int, list[int]] = {}
        self.unions: list[tuple[int, int]] = []
        self.moved: list[tuple[int, ...]] = []
        self.partings: list[tuple[int, int]] = []
        self._apart: set[frozenset[int]] = set()
        self._targets_apart: set[frozenset[int]] = set()
        self._relabelled: dict[int, list[float]] = {}
        self._by_base: dict[tuple[int, int], list[int]] = {}
        self._copies: dict[int, int] = {}
        self._copy_labels: dict[int, frozenset[str]] = {}
        self._copy_changes: dict[int, set[Change]] = {}
        self.uncompared: set[int] = set()
        self.small: set[int] = set()
        self.whole_rows: set[int] = set()
        self.seen = SeenSpans()
        self._sampled_rows: set[int] = set()
        self._agreements: dict[tuple[int, int], Agreement] = {}
        self._arrays: CounterArrays | None = None

    def row(self, key: RowKey) -> int:
        """The index of a row, new if it was not known."""
        index = self._row_index.setdefault(key, len(self.rows))
        if index == len(self.rows):
            self.rows.append(key)
        return index

    def note_sampled(self, row: int) -> None:
        """Note that each sample of a row's series is so many events as its value: they are no counters."""
        self._sampled_rows.add(row)
        self._arrays = None

    @property
    def sampled_rows(self) -> Ints:
        """The rows whose samples are events themselves."""
        return np.array(sorted(self._sampled_rows), dtype=np.int64)

    def find_row(self, key: RowKey) -> int | None:
        """The index of a row if it is known."""
        return self._row_index.get(key)

    def target(self, row: int, target: int) -> int:
        """The index of a row's target, new if it was not known."""
        index = self._target_index.setdefault((row, target), len(self._target_row))
        if index == len(self._target_row):
            self._target_row.append(row)
            self._target_alias.append(index)
            self._arrays = None
        return self._target_alias[index]

    def counter(self, row: int, key: CounterKey, weights: Weights, labels: Labels | None = None) -> int:
        """The index of a row's counter, new if it was not known; with its *labels* it may prove to be another one.

        A series whose samples are events has an index as well, and never proves to be another one.
        """
        index = self._counter_index.setdefault((row, key.series), len(self._weights))
        if index == len(self._weights):
            self._weights.append(weights)
            self._counter_target.append(self.target(row, key.target))
            self.counter_keys.append((row, key))
            self._labels.append(None)
            self._stream.append(index)
            self._arrays = None
        if labels is not None and self._labels[index] is None and row not in self._sampled_rows:
            self._labels[index] = labels
            self.uncompared.add(index)
            self._compare_by_labels(row, index, labels)
        return index

    def _compare_by_labels(self, row: int, index: int, labels: Labels) -> None:
        """Unite a new counter with one that it differs from as known copies do, or note that it may be a replica's."""
        alike = self._by_base.setdefault(self._base(row, labels), [])
        if any(self._stream[other] == self._stream[index] for other in alike):
            return
        copied = next((other for other in alike if self._differ_as_copies(index, other)), None)
        replicated = next(
            (other for other in alike if _differing(labels, self._labels[other] or ()) <= REPLICA_LABELS), None
        )
        alike.append(index)
        if copied is not None:
            self.unite(index, copied)
        elif replicated is not None:
            self._copies[index] = replicated

    def learn_copies(self, new: int, old: int) -> tuple[tuple[int, int], ...]:
        """Note that two counters are one, and how copies in their row differ; gives further such pairs.

        One that went on under other labels had the labels of each of its series.
        """
        row = self.counter_keys[new][0]
        known = self._copy_changes.setdefault(row, set())
        pairs = [(new, old)]
        if self._stream[new] != self._stream[old]:
            pairs = [(one, other) for one in self._labelled(new) for other in self._labelled(old)]
        changes = {self._change(*pair) for pair in pairs} - known - {frozenset()}
        if not changes:
            return ()
        known |= changes
        self._copy_labels[row] = self._copy_labels.get(row, frozenset()) | {
            name for change in changes for name, _ in change
        }
        found = []
        bases = [base for base in self._by_base if base[0] == row]
        for base in bases:
            del self._by_base[base]
        for index, labels in enumerate(self._labels):
            if labels is not None and self.counter_keys[index][0] == row:
                alike = self._by_base.setdefault(self._base(row, labels), [])
                found += [
                    (self._stream[index], self._stream[other])
                    for other in alike
                    if self._stream[other] != self._stream[index] and self._differ_as_copies(index, other)
                ][:1]
                alike.append(index)
        return tuple(found)

    def _labelled(self, counter: int) -> list[int]:
        """The series of a counter whose labels are known."""
        members = self._members.get(self._stream[counter], [counter])
        return [member for member in members if self._labels[member] is not None]

    def were_compared(self, counters: Iterable[int]) -> None:
        """Note that counters have been compared with others of their target."""
        self.uncompared.difference_update(counters)

    @property
    def has_uncompared(self) -> bool:
        """Whether some counters may prove to be copies by what they have counted so far."""
        return bool(self.copies or self.uncompared)

    def wait_until_large(self, counters: Iterable[int]) -> None:
        """Note that counters are to be compared again once they have counted more."""
        self.small.update(counters)

    def are_large(self, counters: Iterable[int]) -> None:
        """Note which counters can be compared, of those that waited for it."""
        large = self.small.intersection(counters)
        self.small -= large
        self.uncompared |= large

    def note_history(self, rows: Iterable[int], *, whole: bool) -> None:
        """Note of some rows that all of their history has been read, or that it has not."""
        if whole:
            self.whole_rows.update(rows)
        else:
            self.whole_rows.difference_update(rows)

    def agreement(self, new: int, old: int) -> "Agreement":
        """In how many samples two counters agreed so far."""
        return self._agreements.setdefault((new, old), Agreement())

    def forget_agreement(self, new: int, old: int) -> None:
        """Note that two counters differ, or are known to be one."""
        self._agreements.pop((new, old), None)

    def _base(self, row: int, labels: Labels) -> tuple[int, int]:
        """What copies have in common."""
        names = REPLICA_LABELS | self._copy_labels.get(row, frozenset())
        return row, _hash(sorted(pair for pair in labels if pair[0] not in names))

    def _differ_as_copies(self, one: int, other: int) -> bool:
        """Whether two counters of a row differ as series of it that proved to be copies."""
        return self._change(one, other) in self._copy_changes.get(self.counter_keys[one][0], ())

    def _change(self, one: int, other: int) -> Change:
        mine, theirs = (dict(self._labels[counter] or ()) for counter in (one, other))
        names = _differing(tuple(mine.items()), tuple(theirs.items()))
        return frozenset((name, frozenset((mine.get(name, ""), theirs.get(name, "")))) for name in names)

    def labels_of(self, counter: int) -> Labels | None:
        """The labels of a counter, None if it was not seen since the service started.

        Where it goes on under other labels, and only these were seen since, they are its labels.
        """
        labels = self._labels[counter]
        return self.newest_labels_of(counter) if labels is None else labels

    def own_labels_of(self, counter: int) -> Labels | None:
        """The labels of a counter, but for those in which copies of series differ in its row.

        Which of its copies came first is chance, and so is what it has of these labels.
        """
        labels, copied = self.labels_of(counter), self._copy_labels.get(self.counter_keys[counter][0])
        if labels is None or not copied:
            return labels
        return tuple(pair for pair in labels if pair[0] not in copied)

    def newest_labels_of(self, counter: int) -> Labels | None:
        """The labels that a counter has gone on under, None if it was not seen since the service started."""
        members = self._labelled(counter)
        return self._labels[members[-1]] if members else None

    def unite(self, new: int, old: int) -> tuple[int, int] | None:
        """Count *new* and all that was counted with it as *old* from now on, and their targets as one.

        Gives the counters that they were counted as until now; None if that was one already, or if they proved to be
        two before.
        """
        new, old = self._stream[new], self._stream[old]
        if new == old or self.are_apart(new, old):
            return None
        self.unions.append((new, old))
        moved = self._members.pop(new, [new])
        self.moved.append(tuple(moved))
        for counter in moved:
            self._stream[counter] = old
        self._members.setdefault(old, [old]).extend(moved)
        gone, kept = (self._target_alias[self._counter_target[counter]] for counter in (new, old))
        if gone != kept:
            self._target_alias = [kept if alias == gone else alias for alias in self._target_alias]
        self._arrays = None
        return new, old

    def are_apart(self, one: int, other: int) -> bool:
        """Whether two counters were united once, and have proved to be two."""
        if not self._apart and not self._targets_apart:
            return False
        mine, theirs = (self._members.get(self._stream[each], [each]) for each in (one, other))
        target = self._counter_target
        return any(
            frozenset((a, b)) in self._apart or frozenset((target[a], target[b])) in self._targets_apart
            for a in mine
            for b in theirs
        )

    def part(self, one: int, other: int) -> None:
        """Count two series apart from now on that were united, and show different values at the same times.

        Of two targets of which one series each proves it, all series are apart.
        """
        targets = self._counter_target[one], self._counter_target[other]
        if targets[0] == targets[1]:
            self._apart.add(frozenset((one, other)))
            self._leave(self._stream[one], [one if other == self._stream[one] else other])
        else:
            self._targets_apart.add(frozenset(targets))
            for root, members in list(self._members.items()):
                of_target = [[each for each in members if self._counter_target[each] == target] for target in targets]
                if all(of_target):
                    self._leave(root, of_target[0] if self._counter_target[root] == targets[1] else of_target[1])
        self._target_alias = list(range(len(self._target_row)))
        for root, members in self._members.items():
            for member in members:
                gone, kept = (self._target_alias[self._counter_target[each]] for each in (member, root))
                if gone != kept:
                    self._target_alias = [kept if alias == gone else alias for alias in self._target_alias]
        self._arrays = None

    def _leave(self, root: int, leaving: Sequence[int]) -> None:
        """Count some of those that are counted as *root* as the first of them."""
        kept = [each for each in self._members.pop(root) if each not in leaving]
        for counter in leaving:
            self._stream[counter] = leaving[0]
        self._members |= {each[0]: list(each) for each in (kept, leaving) if len(each) > 1}
        self.partings.append((root, leaving[0]))

    def are_copies(self, one: int, other: int) -> bool:
        """Whether two series differ as copies do: by labels of replicas, or as others of which it is known."""
        labels = [self._labels[counter] for counter in (one, other)]
        if None in labels:
            return True
        return self._differ_as_copies(one, other) or _differing(*(each or () for each in labels)) <= REPLICA_LABELS

    @contextmanager
    def counted_apart(self, moved: Iterable[Sequence[int]]) -> Iterator[None]:
        """Count those that have *moved* as they were before, meanwhile; they have the same targets now."""
        united = self._stream
        self._stream, self._arrays = united.copy(), None
        for counters in moved:
            for counter in counters:
                self._stream[counter] = counters[0]
        try:
            yield
        finally:
            self._stream, self._arrays = united, None

    def note_relabelling(self, counter: int, at: float) -> None:
        """Note that a *counter* went on under other labels at a time."""
        times = self._relabelled.setdefault(self._target_alias[self._counter_target[counter]], [])
        if at not in times:
            times.append(at)

    def was_relabelled(self, target: int, at: float, *, within_s: float) -> bool:
        """Whether counters of a target went on under other labels near a time, as far as it was seen."""
        return any(abs(time - at) <= within_s for time in self._relabelled.get(target, ()))

    @property
    def copies(self) -> tuple[tuple[int, int], ...]:
        """Pairs of counters that differ in nothing but a replica's label, and have not been looked at."""
        self._copies = {new: old for new, old in self._copies.items() if self._stream[new] != self._stream[old]}
        return tuple((self._stream[new], self._stream[old]) for new, old in self._copies.items())

    def copy_is_settled(self, new: int) -> None:
        """Note that a pair of copies has been looked at."""
        for counter in [counter for counter in self._copies if self._stream[counter] == new]:
            del self._copies[counter]

    def find_counter(self, row: int, series: int) -> int | None:
        """The index of a row's counter if it is known."""
        return self._counter_index.get((row, series))

    @property
    def arrays(self) -> "CounterArrays":
        """Targets and weights of all counters as columns."""
        if self._arrays is None:
            target_row = np.array(self._target_row, dtype=np.int64)
            alias = np.array(self._target_alias, dtype=np.int64)
            target = alias[np.array(self._counter_target, dtype=np.int64)] if self._counter_target else alias
            stream = np.array(self._stream, dtype=np.int64)
            row = target_row[target] if len(target) else target
            self._arrays = CounterArrays(
                target_row=target_row,
                target=target,
                stream=stream,
                united=bool(self._members),
                alias=alias,
                row=row,
                sampled=np.isin(row, self.sampled_rows),
                total=np.array([weights.total for weights in self._weights]),
                bad=np.array([weights.bad for weights in self._weights]),
                keys=np.array([key for _, key in self.counter_keys], dtype=np.int64).reshape(-1, 2),
            )
        return self._arrays

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Numbers of rows, targets and counters."""
        return len(self.rows), len(self._target_row), len(self._weights)


# By identity: there is another one whenever a counter has come.
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CounterArrays:
    """Columns by counter index, shape (counters,); *target_row* by target index; *keys* hashes of series and target.

    *sampled*: each sample is so many events as its value, and not where a counter stands.
    *stream* is the index under which a counter is counted, *united* whether any differs from its own; *alias*, by
    target index, is that under which a target is known.
    """

    target_row: Ints
    target: Ints
    stream: Ints
    united: bool
    alias: Ints
    row: Ints
    sampled: Bools
    total: Floats
    bad: Floats
    keys: Ints
