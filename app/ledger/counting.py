"""From raw counter samples to increments: telescoping, sample by sample.

What lies between two neighbouring samples of a counter is counted once and belongs to the later one: the difference,
or the later value itself where the counter was reset. So counts add up to the counter's true increase however the
time between is cut into slots or chunks, and a failed scrape moves events but loses none.

A counter without an earlier sample is a *birth*. On a target that was seen before, it started from zero since then
(an error counter appears with its first error). The first counters of a target that was never seen before are its
*head*: what they are worth is decided by `app.ledger.newcomers`, once everything older has been read.

Source for resets: https://prometheus.io/docs/concepts/metric_types/#counter
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.ledger.cursor import Cursor
from app.ledger.newcomers import Evidence, is_new
from app.ledger.registry import Registry
from app.ledger.restarts import restarts
from app.ledger.runs import LOOKBACK_S, Sighting
from app.slo.arrays import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Samples of many counters as columns of equal length, in any order.

    *counter* is a registry index, *time* unix seconds; *steady* says that the sample is known to follow its
    predecessor without a hole, however far apart they are (the edges of a coarse cell).
    """

    counter: Ints
    time: Floats
    value: Floats
    steady: Bools

    @classmethod
    def joined(cls, parts: Sequence["Samples"]) -> "Samples":
        """All samples of several answers; a sample that is there twice counts once."""
        if not parts:
            empty = np.empty(0)
            return cls(counter=empty.astype(np.int64), time=empty, value=empty, steady=empty.astype(bool))
        return cls(
            counter=np.concatenate([part.counter for part in parts]),
            time=np.concatenate([part.time for part in parts]),
            value=np.concatenate([part.value for part in parts]),
            steady=np.concatenate([part.steady for part in parts]),
        )

    def until(self, time: float) -> "Samples":
        """The samples up to a time."""
        return self._only(self.time <= time)

    def of_counters(self, wanted: Bools) -> "Samples":
        """The samples of *wanted* counters, shape (counters,)."""
        return self._only(wanted[self.counter])

    def _only(self, keep: Bools) -> "Samples":
        return Samples(
            counter=self.counter[keep], time=self.time[keep], value=self.value[keep], steady=self.steady[keep]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Increments:
    """Events between neighbouring samples, as columns: those in (*since*, *at*] of *row*.

    *steady* is False across a hole, whose events nobody saw happen: they are spread over it. *seen* is True where a
    counter of all events shows that the row was being measured from *since* to *at*.
    """

    row: Ints
    since: Floats
    at: Floats
    total: Floats
    bad: Floats
    steady: Bools
    seen: Bools

    @property
    def rows_seen(self) -> tuple[Ints, Floats]:
        """Rows that were measured, and since when."""
        return self.row[self.seen], self.since[self.seen]

    @classmethod
    def of(cls, rows: Sequence["tuple[int, float, float, float, float]"]) -> "Increments":
        """Increments from (row, since, at, total, bad); for the few that are not computed in bulk."""
        table = np.array(rows, dtype=np.float64).reshape(-1, 5)
        since, at = table[:, 1], table[:, 2]
        steady = at - since <= LOOKBACK_S
        return cls(
            row=table[:, 0].astype(np.int64),
            since=since,
            at=at,
            total=table[:, 3],
            bad=table[:, 4],
            steady=steady,
            seen=np.zeros(len(table), dtype=bool),
        )

    @classmethod
    def joined(cls, parts: Sequence["Increments"]) -> "Increments":
        """All of several."""
        return cls(
            row=np.concatenate([part.row for part in parts]),
            since=np.concatenate([part.since for part in parts]),
            at=np.concatenate([part.at for part in parts]),
            total=np.concatenate([part.total for part in parts]),
            bad=np.concatenate([part.bad for part in parts]),
            steady=np.concatenate([part.steady for part in parts]),
            seen=np.concatenate([part.seen for part in parts]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The first appearance of a target within what was read: its counters' values at *at*, and what followed.

    *sighted* is when the row was seen before.
    """

    row: int
    target: int
    at: float
    values: tuple[tuple[int, float], ...]
    evidence: Evidence
    sighted: Sighting

    @property
    def row_seen(self) -> float:
        """When the row was last seen without this target, NaN if it was not.

        Targets that appear together, at the row's birth or at the end of a hole, are not each other's past.
        """
        return self.sighted.before(self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What `count` makes of samples: increments, heads to be decided, and the cursor behind the last sample."""

    increments: Increments
    heads: tuple[Head, ...]
    cursor: Cursor


def count(samples: Samples, cursor: Cursor, registry: Registry, *, until: float) -> Count:
    """Count the samples after *cursor* up to *until*.

    Later samples are hindsight: they help to judge heads and are not counted. Samples at or before the cursor are
    ignored, so that reading twice never counts twice.
    """
    cursor = cursor.copy()
    cursor.grow(registry.sizes)
    samples = _fresh(samples, cursor)
    steps = _steps(samples.until(until), cursor, registry)
    increments = _increments(steps, registry)
    births, heads = _births(samples, np.flatnonzero(samples.time <= until)[steps.born], cursor, registry)
    _advance(cursor, steps, registry)
    return Count(increments=Increments.joined([increments, births]), heads=heads, cursor=cursor)


def stand(samples: Samples, registry: Registry, *, until: float) -> Cursor:
    """Where the counters stood at *until*: the cursor behind their last samples, without counting."""
    cursor = Cursor.empty()
    cursor.grow(registry.sizes)
    _advance(cursor, _steps(_fresh(samples.until(until), cursor), cursor, registry), registry)
    return cursor


def join(heads: Sequence[Head], older: Cursor, registry: Registry) -> tuple[Increments, tuple[Head, ...]]:
    """Connect *heads* with what an *older* stretch of time has seen last.

    Gives the increments between, and the heads whose target the older stretch has not seen either.
    """
    arrays = registry.arrays
    older.grow(registry.sizes)
    found: list[tuple[int, float, float, float, float]] = []
    pending = []
    for head in heads:
        target_seen = float(older.target[head.target])
        if np.isnan(target_seen):
            pending.append(replace(head, sighted=head.sighted.joined(older.sighting(head.row))))
            continue
        counters = np.array([counter for counter, _ in head.values], dtype=np.int64)
        values = np.array([value for _, value in head.values])
        known = ~np.isnan(older.value[counters])
        since = np.where(known, older.time[counters], target_seen)
        before = np.where(known, older.value[counters], 0.0)
        same = np.full(len(values), head.at)
        restarted = restarts(np.zeros(len(values), dtype=np.int64), since, same, values, before)
        delta = np.where(restarted.reset, values, values - before)
        found += zip(
            np.full(len(values), head.row).tolist(),
            since.tolist(),
            same.tolist(),
            (delta * arrays.total[counters]).tolist(),
            (delta * arrays.bad[counters]).tolist(),
            strict=True,
        )
    joined = Increments.of(found)
    return replace(joined, seen=joined.steady), tuple(pending)


def decide(heads: Sequence[Head], registry: Registry) -> Increments:
    """What the heads of never-seen targets are worth, once nothing older is left to read.

    A target that appears after a hole in its row may have lived through it: its events are spread over the hole.
    """
    arrays = registry.arrays
    found: list[tuple[int, float, float, float, float]] = []
    for head in heads:
        unseen = head.at - head.row_seen
        if not is_new(head.evidence, unseen_s=unseen):
            continue
        since = head.row_seen if unseen > LOOKBACK_S else head.at
        found += [
            (head.row, since, head.at, value * float(arrays.total[counter]), value * float(arrays.bad[counter]))
            for counter, value in head.values
        ]
    return Increments.of(found)


def _fresh(samples: Samples, cursor: Cursor) -> Samples:
    """The samples behind the cursor, by counter and time, each once."""
    order = np.lexsort((samples.time, samples.counter))
    counter, time = samples.counter[order], samples.time[order]
    keep = ~(time <= cursor.time[counter])
    keep[1:] &= (counter[1:] != counter[:-1]) | (time[1:] > time[:-1])
    order = order[keep]
    return Samples(
        counter=samples.counter[order],
        time=samples.time[order],
        value=samples.value[order],
        steady=samples.steady[order],
    )


def _shifted(column: Floats) -> Floats:
    shifted = np.empty_like(column)
    shifted[:1] = np.nan
    shifted[1:] = column[:-1]
    return shifted


@dataclass(frozen=True, slots=True, kw_only=True)
class _Steps:
    """Samples with their predecessors, shape (samples,): *born* are those that have none to be counted from."""

    samples: Samples
    since: Floats
    before: Floats
    born: Bools
    restarted: Bools


def _steps(samples: Samples, cursor: Cursor, registry: Registry) -> _Steps:
    first = np.ones(len(samples.counter), dtype=bool)
    first[1:] = samples.counter[1:] != samples.counter[:-1]
    since = np.where(first, cursor.time[samples.counter], _shifted(samples.time))
    before = np.where(first, cursor.value[samples.counter], _shifted(samples.value))
    found = restarts(registry.arrays.target[samples.counter], since, samples.time, samples.value, before)
    return _Steps(
        samples=samples,
        since=since,
        before=np.where(found.reset, 0.0, before),
        born=np.isnan(before) | found.behind,
        restarted=found.whole,
    )


def _increments(steps: _Steps, registry: Registry) -> Increments:
    known, arrays = ~steps.born, registry.arrays
    counter, since, at = steps.samples.counter[known], steps.since[known], steps.samples.time[known]
    delta = steps.samples.value[known] - steps.before[known]
    steady = steps.samples.steady[known] | (at - since <= LOOKBACK_S)
    return Increments(
        row=arrays.row[counter],
        since=since,
        at=at,
        total=delta * arrays.total[counter],
        bad=delta * arrays.bad[counter],
        steady=steady,
        seen=steady & (arrays.total[counter] > 0),
    )


def _births(samples: Samples, births: Ints, cursor: Cursor, registry: Registry) -> tuple[Increments, tuple[Head, ...]]:
    """Births on targets that were seen before are increments from zero; the others are the heads of their targets."""
    if not len(births):
        return Increments.of(()), ()
    arrays = registry.arrays
    context = _Context(samples, cursor, registry)
    found: list[tuple[int, float, float, float, float]] = []
    heads = []
    for target, of_target in _groups(arrays.target[samples.counter[births]], births).items():
        mine = context.of_target[target]
        times = np.unique(samples.time[mine])
        seen = float(cursor.target[target])
        head_values = []
        for index in of_target:
            counter, at, value = int(samples.counter[index]), float(samples.time[index]), float(samples.value[index])
            earlier = times[times < at]
            since = float(earlier[-1]) if len(earlier) else seen
            if np.isnan(since):
                head_values.append((counter, value))
            else:
                row = int(arrays.row[counter])
                found.append((row, since, at, value * arrays.total[counter], value * arrays.bad[counter]))
        if head_values:
            heads.append(context.head(target, mine, tuple(head_values)))
    return Increments.of(found), tuple(heads)


class _Context:
    """What surrounds births: all samples by target, and those of all events by row."""

    def __init__(self, samples: Samples, cursor: Cursor, registry: Registry) -> None:
        arrays = registry.arrays
        self._samples = samples
        self._cursor = cursor
        self._arrays = arrays
        everything = np.arange(len(samples.counter))
        totals = everything[arrays.total[samples.counter] > 0]
        self.of_target = _groups(arrays.target[samples.counter], everything)
        self._of_row = _groups(arrays.row[samples.counter[totals]], totals)
        self._newest = float(samples.time.max())

    def head(self, target: int, mine: Ints, values: tuple[tuple[int, float], ...]) -> Head:
        """The head of a target with the evidence in the LOOKBACK_S after it; *mine* are all samples of the target."""
        samples, row = self._samples, int(self._arrays.target_row[target])
        at = float(samples.time[mine].min())
        near = mine[samples.time[mine] <= at + LOOKBACK_S]
        counters, first = np.unique(samples.counter[near], return_index=True)
        last = np.append(first[1:], len(near)) - 1
        weights = self._arrays.total[counters]
        if not weights.any():
            weights = np.abs(self._arrays.bad[counters])
        grown = np.maximum(samples.value[near][last] - samples.value[near][first], 0.0)
        activity = sum(value * float(weights[counters == counter].sum()) for counter, value in values)
        of_row = self._of_row.get(row, np.empty(0, dtype=np.int64))
        earlier = of_row[samples.time[of_row] < at]
        return Head(
            row=row,
            sighted=self._cursor.sighting(row).extended(samples.time[earlier], samples.steady[earlier]),
            target=target,
            at=at,
            values=values,
            evidence=Evidence(
                value=activity,
                followed_by=float(grown @ weights),
                followed_for_s=float(samples.time[near].max()) - at,
                hindsight_s=min(self._newest - at, LOOKBACK_S),
            ),
        )


def _groups(keys: Ints, members: Ints) -> dict[int, Ints]:
    """The *members* of each key, in their order."""
    order = np.argsort(keys, kind="stable")
    found, starts = np.unique(keys[order], return_index=True)
    return dict(zip(found.tolist(), np.split(members[order], starts[1:]), strict=True))


def _advance(cursor: Cursor, steps: _Steps, registry: Registry) -> None:
    samples, arrays = steps.samples, registry.arrays
    if not len(samples.counter):
        return
    last = np.append(samples.counter[1:] != samples.counter[:-1], True)
    counter, time = samples.counter[last], samples.time[last]
    cursor.time[counter] = time
    cursor.value[counter] = samples.value[last]
    np.fmax.at(cursor.target, arrays.target[counter], time)
    totals = arrays.total[samples.counter] > 0
    cursor.sight(arrays.row[samples.counter[totals]], samples.time[totals], samples.steady[totals])
    restarted = steps.restarted
    cursor.forget(arrays.target[samples.counter[restarted]], steps.since[restarted], registry)
