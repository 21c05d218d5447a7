"""How far the counters have been read: the last sample of each, and when each target and row was last seen."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from app.ledger.counting.samples import Samples
from app.ledger.registry import Registry
from app.ledger.runs import LOOKBACK_S, LastSeen, SeenRuns
from app.slo.arrays import Bools, Floats, Ints

# Paces are taken over cells of this grid, so that they do not depend on how time was cut into reads. Two cells fit into
# the look-back that is read before a stretch of history.
PACE_GRID_S = 150.0
_Known = TypeVar("_Known")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dip:
    """A counter that fell from *high* at *at* to *low*, *gap_s* after its sample before.

    *counted*: the lower level is counted from; otherwise the counter still stands at *high*, and *newest* is where
    the lower level has got to. *grown* is what was counted below *high* so far, *grown_from_low* the part of it since
    *low*, and *moved_at* when the counter last grew. A jump back above *high* is no growth either way, until
    *expires_s*.
    *pace* is that of the counter, or of all that fell with it, before the fall, events per second; *own_pace* is its
    own. *alone*: other counters of its target went on. *still*: its target had not grown for two steps before the fall.
    """

    high: float
    at: float
    gap_s: float
    low: float
    newest: float
    counted: bool
    expires_s: float
    pace: float
    own_pace: float
    alone: bool = False
    still: bool = False
    grown: float = 0.0
    grown_from_low: float = 0.0
    moved_at: float = float("nan")

    def still_steps(self, at: float) -> list[float]:
        """The paces of the last two steps up to a time, newest first, of a counter that has not grown since it fell.

        NaN where the step is that of the fall or before it.
        """
        return [0.0 if at - self.at > scrapes * self.gap_s else float("nan") for scrapes in (0.5, 1.5)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLevel:
    """Where the counters of one of several processes stood when it was seen last, at a time; *values* by counter.

    *counted* is what had been counted of the target by then, by counter.
    """

    number: int
    at: float
    values: Mapping[int, float]
    counted: Mapping[int, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """A rise to a level that had grown by *growth* since it was left *took_s* before; 0 if it was none.

    Any value goes to one of the known levels by *chance*.
    """

    growth: float
    took_s: float
    chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """What is known of the processes of a target that answer by turns; *leading* is the counter that tells which.

    *levels* are those of the processes, the one seen last at the end; *jumps* are the newest rises that no pace
    explains, *steps* the paces of the newest rises; *proved_s* and *switched_s* when turns were proved and one was
    taken last. The leading counter *moved* and *stood* in so many steps. *counted* are events by counter. Nothing of
    this is saved: where it is not known, a few scrapes prove it again.
    """

    leading: int
    levels: tuple[ProcessLevel, ...]
    switched_s: float
    proved_s: float = -np.inf
    jumps: tuple[Jump, ...] = ()
    steps: tuple[float, ...] = ()
    moved: int = 0
    stood: int = 0
    counted: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectedTurns:
    """What is known of a target of which the *leading* counter fell in the look-back, last at *fell_s* by *missing*.

    *falls* are when it fell to what it cannot have counted, *returns* when it was back at once; *steps* the paces of
    its newest other steps, *paces* those before it fell; *marks* the highest values of other counters, each with the
    time at which it was seen last. Nothing of this is saved.
    """

    leading: int
    falls: tuple[float, ...]
    returns: tuple[float, ...]
    steps: tuple[float, ...]
    paces: tuple[float, ...]
    missing: float
    fell_s: float
    marks: Mapping[int, tuple[float, float]]


def _no_runs() -> SeenRuns:
    return SeenRuns(np.empty(0), np.empty(0), np.empty(0))


@dataclass(slots=True, kw_only=True)
class LastSamples:
    """Columns that grow with the registry; NaN is *never seen*. Times are unix seconds.

    The value of a counter that was not seen again since its target restarted is NaN too. *time* and *value* by
    counter, *target* (newest sample of any of its counters) by target, *runs* (samples of its total counters) by row.
    *anchor* is the newest sample in an earlier cell of the pace grid than the last one, *run* what was counted since,
    *pace* the events per second before; by counter. *latest* and *earlier* are the paces of the last two steps and
    *level* the value that the last one began at; by counter. *restarted* is when a target last restarted as a whole.
    *dips* are the counters that fell lately, *turns* by target what is known of processes that answer by turns,
    *suspected* of targets that may be such.
    *parted* are counters that were counted as one with others up to a time, and go on from their own samples around it.
    """

    time: Floats = field(default_factory=lambda: np.empty(0))
    value: Floats = field(default_factory=lambda: np.empty(0))
    target: Floats = field(default_factory=lambda: np.empty(0))
    runs: SeenRuns = field(default_factory=_no_runs)
    anchor: Floats = field(default_factory=lambda: np.empty(0))
    run: Floats = field(default_factory=lambda: np.empty(0))
    pace: Floats = field(default_factory=lambda: np.empty(0))
    latest: Floats = field(default_factory=lambda: np.empty(0))
    earlier: Floats = field(default_factory=lambda: np.empty(0))
    level: Floats = field(default_factory=lambda: np.empty(0))
    restarted: Floats = field(default_factory=lambda: np.empty(0))
    dips: dict[int, Dip] = field(default_factory=dict)
    turns: dict[int, Turns] = field(default_factory=dict)
    suspected: dict[int, SuspectedTurns] = field(default_factory=dict)
    parted: dict[int, float] = field(default_factory=dict)

    @classmethod
    def empty(cls) -> "LastSamples":
        """A cursor that has seen nothing."""
        return cls()

    @property
    def row(self) -> Floats:
        """The newest sample of any total counter, by row."""
        return self.runs.last

    @property
    def by_counter(self) -> tuple[Floats, ...]:
        """The columns by counter."""
        return self.time, self.value, self.anchor, self.run, self.pace, self.latest, self.earlier, self.level

    def grow(self, sizes: tuple[int, int, int]) -> None:
        """Make room for all rows, targets and counters of a registry of these *sizes*."""
        rows, targets, counters = sizes
        self.time = _grown(self.time, counters)
        self.value = _grown(self.value, counters)
        self.target = _grown(self.target, targets)
        self.restarted = _grown(self.restarted, targets)
        self.anchor, self.run, self.pace = (_grown(column, counters) for column in (self.anchor, self.run, self.pace))
        self.latest, self.earlier, self.level = (
            _grown(column, counters) for column in (self.latest, self.earlier, self.level)
        )
        self.runs = SeenRuns(*(_grown(column, rows) for column in (self.runs.last, self.runs.run, self.runs.earlier)))

    def sized_rows(self, size: int) -> tuple[Floats, Floats, Floats]:
        """The columns of *runs* for *size* rows, which may be more than there are so far."""
        last, run, earlier = (
            _grown(column, size)[:size] for column in (self.runs.last, self.runs.run, self.runs.earlier)
        )
        return last, run, earlier

    def copy(self) -> "LastSamples":
        """An independent copy."""
        runs = SeenRuns(self.runs.last.copy(), self.runs.run.copy(), self.runs.earlier.copy())
        return LastSamples(
            time=self.time.copy(),
            value=self.value.copy(),
            target=self.target.copy(),
            runs=runs,
            anchor=self.anchor.copy(),
            run=self.run.copy(),
            pace=self.pace.copy(),
            latest=self.latest.copy(),
            earlier=self.earlier.copy(),
            level=self.level.copy(),
            restarted=self.restarted.copy(),
            dips=dict(self.dips),
            turns=dict(self.turns),
            suspected=dict(self.suspected),
            parted=dict(self.parted),
        )

    def fresh(self, samples: Samples) -> Samples:
        """The samples behind the last ones, by counter and time, each once."""
        order = np.lexsort((samples.time, samples.counter))
        counter, time = samples.counter[order], samples.time[order]
        keep = ~(time <= self.time[counter])
        keep[1:] &= (counter[1:] != counter[:-1]) | (time[1:] > time[:-1])
        return samples.only(order[keep])

    def row_last_seen(self, row: int) -> LastSeen:
        """When a row was seen."""
        return self.runs.of(row)

    def note_rows_seen(self, row: Ints, time: Floats, steady: Bools) -> None:
        """Note samples of total counters of rows."""
        self.runs.extend(row, time, steady)

    def forget(self, counters: Sequence[int]) -> None:
        """Note that the process of *counters* restarted without them: when they are seen again, they began at zero."""
        self.value[list(counters)] = np.nan
        for counter in counters:
            self.dips.pop(counter, None)

    def merge(self, new: int, old: int) -> None:
        """Go on with *old* where *new* is, if that was seen later."""
        if max(new, old) >= len(self.time):
            return
        if self.time[new] > self.time[old] or np.isnan(self.time[old]):
            for column in self.by_counter:
                column[old] = column[new]
            self.dips.pop(old, None)
            if new in self.dips:
                self.dips[old] = self.dips[new]
        self.dips.pop(new, None)
        self.parted.pop(new, None)
        for column in self.by_counter:
            column[new] = np.nan

    def part(self, old: int, new: int) -> None:
        """Go on with two counters, each from its own samples, that were counted as *old* by mistake."""
        if max(new, old) >= len(self.time) or np.isnan(self.time[old]):
            return
        at = float(self.time[old])
        for counter in (old, new):
            self.dips.pop(counter, None)
            self.parted[counter] = at
            for column in self.by_counter:
                column[counter] = np.nan

    def go_on_apart(self, samples: Samples) -> None:
        """Set counters that were parted to the last of their *samples* before, or to the first one after it."""
        for counter, at in list(self.parted.items()):
            mine = np.flatnonzero(samples.counter == counter)
            if not len(mine):
                continue
            before = mine[samples.time[mine] <= at]
            index = before[np.argmax(samples.time[before])] if len(before) else mine[np.argmin(samples.time[mine])]
            self.time[counter] = self.anchor[counter] = samples.time[index]
            self.value[counter], self.run[counter] = samples.value[index], 0.0
            del self.parted[counter]

    def merge_united(self, registry: Registry) -> None:
        """Go on as the counters that others proved to be, with all that are still known by themselves."""
        arrays = registry.arrays
        if not arrays.united:
            return
        time = self.time[: len(arrays.stream)]
        apart = (arrays.stream[: len(time)] != np.arange(len(time))) & ~np.isnan(time)
        for counter in np.flatnonzero(apart).tolist():
            self.merge(counter, int(arrays.stream[counter]))
        self.merge_targets(registry)

    def merge_targets(self, registry: Registry) -> None:
        """Take over what is known of targets that proved to be one."""
        alias = registry.arrays.alias
        for column in (self.target, self.restarted):
            np.fmax.at(column, alias[: len(column)], column[: len(alias)].copy())

    def last_steps(self, counter: int) -> tuple[float, float, float]:
        """The paces of the last two steps of a counter, newest first, and the value that the last one began at."""
        return float(self.latest[counter]), float(self.earlier[counter]), float(self.level[counter])

    def newest_paces(self, counter: int) -> list[float]:
        """Events per second up to the last sample of a counter, newest first; NaN where it is not known."""
        return self.paces(counter, 0.0, cell=self.time[counter] // PACE_GRID_S, end_s=float(self.time[counter]))

    def paces(
        self, counter: int, counted: float, *, cell: float, end_s: float, first_s: float = float("nan")
    ) -> list[float]:
        """The paces of a counter up to *end_s*, newest first, if it *counted* so much since the last sample known here.

        *cell* is that of *end_s*, *first_s* the first of the samples that are not known here.
        """
        time, anchor = float(self.time[counter]), float(self.anchor[counter])
        if np.isnan(time):
            return [_ratio(counted, end_s - first_s)]
        if time // PACE_GRID_S < cell:
            return [_ratio(counted, end_s - time), _ratio(float(self.run[counter]), time - anchor)]
        return [_ratio(counted + float(self.run[counter]), end_s - anchor), float(self.pace[counter])]

    def note_steps(self, counter: Ints, time: Floats, delta: Floats) -> None:
        """Note samples of counters, sorted by counter and time, with the events that each brought."""
        counter, time, delta = self._behind_holes(counter, time, delta)
        same = counter[1:] == counter[:-1]
        if not same.any():
            self._count_once(counter, time, delta)
            return
        starts, ends = np.flatnonzero(np.append(True, ~same)), np.flatnonzero(np.append(~same, True))
        which, cell = counter[ends], np.floor(time / PACE_GRID_S)
        summed = np.cumsum(delta)
        known_s, anchor_s = self.time[which], self.anchor[which]
        known = ~np.isnan(known_s)
        # Positions count from the anchor; that of a counter without one is its first sample.
        origin = np.where(known, self.run[which], -delta[starts]) - (summed[starts] - delta[starts])
        anchor_at = np.where(known, anchor_s, time[starts])
        anchor_position = np.zeros(len(which))
        pace = self.pace[which]
        crossed = known & (np.floor(known_s / PACE_GRID_S) < cell[starts])
        with np.errstate(divide="ignore", invalid="ignore"):
            fresh = np.where(known_s > anchor_s, self.run[which] / (known_s - anchor_s), np.nan)
            pace = np.where(crossed, fresh, pace)
            anchor_at = np.where(crossed, known_s, anchor_at)
            anchor_position = np.where(crossed, self.run[which], anchor_position)
            edges = np.flatnonzero(same & (cell[1:] != cell[:-1]))
            if len(edges):
                group = np.searchsorted(ends, edges)
                final = np.flatnonzero(np.append(group[1:] != group[:-1], True))
                last, of = edges[final], group[final]
                earlier = np.where((final > 0) & (group[final - 1] == of), edges[final - 1], -1)
                since = np.where(earlier >= 0, time[earlier], anchor_at[of])
                position = summed[last] + origin[of]
                before = np.where(earlier >= 0, summed[earlier] + origin[of], anchor_position[of])
                pace[of] = np.where(time[last] > since, (position - before) / (time[last] - since), np.nan)
                anchor_at[of], anchor_position[of] = time[last], position
        self.anchor[which], self.pace[which] = anchor_at, pace
        self.run[which] = summed[ends] + origin - anchor_position

    def _behind_holes(self, counter: Ints, time: Floats, delta: Floats) -> tuple[Ints, Floats, Floats]:
        """The samples that paces are found from: behind a hole no pace is known, as if the counter were new.

        History that is read from its end does not know what was before the hole, and must find the same.
        """
        before = np.append(np.nan, time[:-1])[: len(time)]
        first = np.append(True, counter[1:] != counter[:-1])[: len(time)]
        before[first] = self.time[counter[first]]
        broken = np.flatnonzero(time - before > LOOKBACK_S)
        if not len(broken):
            return counter, time, delta
        newest = np.zeros(len(self.time), dtype=np.int64)
        np.maximum.at(newest, counter[broken], broken)
        kept = np.arange(len(counter)) >= newest[counter]
        # The caller notes the times of the last samples afterwards.
        self.time[counter[broken]] = self.pace[counter[broken]] = np.nan
        return counter[kept], time[kept], delta[kept]

    def _count_once(self, counter: Ints, time: Floats, delta: Floats) -> None:
        """Note one sample of each counter, as `note_steps` does."""
        known_s, run = self.time[counter], self.run[counter]
        known = ~np.isnan(known_s)
        crossed = np.flatnonzero(known_s // PACE_GRID_S < time // PACE_GRID_S)
        self.run[counter] = np.where(known, run + delta, 0.0)
        self.anchor[counter[~known]] = time[~known]
        if len(crossed):
            of, span_s = counter[crossed], known_s[crossed] - self.anchor[counter[crossed]]
            with np.errstate(divide="ignore", invalid="ignore"):
                self.pace[of] = np.where(span_s > 0, run[crossed] / span_s, np.nan)
            self.anchor[of], self.run[of] = known_s[crossed], delta[crossed]

    def fill_missing_from(self, older: "LastSamples") -> None:
        """Take over what only *older* has seen, so that a counter that comes back after days is recognised."""
        counters, targets = min(len(self.time), len(older.time)), min(len(self.target), len(older.target))
        is_unseen = np.isnan(self.time[:counters])
        is_unseen[[counter for counter in self.parted if counter < counters]] = False
        unseen = np.flatnonzero(is_unseen)
        for mine, theirs in zip(self.by_counter, older.by_counter, strict=True):
            mine[unseen] = theirs[unseen]
        self.dips |= {counter: dip for counter, dip in older.dips.items() if counter < counters and is_unseen[counter]}
        unseen = np.flatnonzero(np.isnan(self.target[:targets]))
        for target, turns in older.turns.items():
            if target < targets and np.isnan(self.target[target]):
                self.turns.setdefault(target, turns)
        self.target[unseen] = older.target[unseen]
        size = max(len(self.runs.last), len(older.runs.last))
        self.runs = SeenRuns(*(_grown(column, size) for column in (self.runs.last, self.runs.run, self.runs.earlier)))
        self.runs.fill_missing_from(SeenRuns(*older.sized_rows(size)))

    def copy_from(self, other: "LastSamples", rows: Ints, registry: Registry) -> None:
        """Take over what *other* says of *rows*, their targets and their counters."""
        other.grow(registry.sizes)
        self.grow(registry.sizes)
        arrays = registry.arrays
        wanted = np.zeros(registry.sizes[0], dtype=bool)
        wanted[rows] = True
        counters, targets = np.flatnonzero(wanted[arrays.row]), np.flatnonzero(wanted[arrays.target_row])
        for mine, theirs in zip(self.by_counter, other.by_counter, strict=True):
            mine[counters] = theirs[counters]
        self.target[targets] = other.target[targets]
        self.restarted[targets] = other.restarted[targets]
        if self.dips or other.dips:
            taken = set(counters.tolist())
            self.dips = {counter: dip for counter, dip in self.dips.items() if counter not in taken}
            self.dips |= {counter: dip for counter, dip in other.dips.items() if counter in taken}
        if self.parted or other.parted:
            taken = set(counters.tolist())
            self.parted = {counter: at for counter, at in self.parted.items() if counter not in taken}
            self.parted |= {counter: at for counter, at in other.parted.items() if counter in taken}
        if self.turns or other.turns or self.suspected or other.suspected:
            taken = set(targets.tolist())
            self.turns = _replaced(self.turns, other.turns, taken)
            self.suspected = _replaced(self.suspected, other.suspected, taken)
        self.runs.last[rows] = other.runs.last[rows]
        self.runs.run[rows] = other.runs.run[rows]
        self.runs.earlier[rows] = other.runs.earlier[rows]


def _replaced(mine: Mapping[int, _Known], theirs: Mapping[int, _Known], targets: Collection[int]) -> dict[int, _Known]:
    """What is known of targets, of some of them by *theirs*."""
    kept = {target: known for target, known in mine.items() if target not in targets}
    return kept | {target: known for target, known in theirs.items() if target in targets}


def _grown(column: Floats, size: int) -> Floats:
    if len(column) >= size:
        return column
    # Half as much again, so that ten thousand counters that appear one by one are not ten thousand copies.
    grown = np.full(max(size, len(column) * 3 // 2), np.nan)
    grown[: len(column)] = column
    return grown


def _ratio(events: float, seconds: float) -> float:
    return events / seconds if seconds > 0 else float("nan")
