"""When a row was seen: the run of samples without a hole that it is in, and the end of the run before."""

from dataclasses import dataclass

import numpy as np

from app.slo.arrays import Bools, Floats, Ints

# Samples further apart than this have a hole between them.
# Prometheus's own staleness of 5 minutes, and a tenth: scrapes every 5 minutes are never exactly that far apart.
# Source: https://prometheus.io/docs/prometheus/latest/querying/basics/#staleness
LOOKBACK_S = 330.0
# Read before a stretch of time: a fall is judged by a look-back before it, and decided a look-back later.
WARM_UP_S = 2 * LOOKBACK_S
# How long the higher level of a counter that fell is remembered once the lower one is counted from.
LEVEL_KEPT_S = 3600.0
# Read before a piece of history: what counters fell from is known at its beginning, as it is where all is read.
HISTORY_WARM_UP_S = LEVEL_KEPT_S + WARM_UP_S


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSeen:
    """A row was last seen at *last*, without a hole since *run*, and before that at *earlier*; NaN is never."""

    last: float
    run: float
    earlier: float

    def extended(self, times: Floats, steady: Bools) -> "LastSeen":
        """With further samples; those that are *steady* follow their predecessors without a hole."""
        row = np.zeros(len(times), dtype=np.int64)
        runs = SeenRuns(*(np.array([value]) for value in (self.last, self.run, self.earlier)))
        runs.extend(row, times, steady)
        return runs.of(0)

    def with_older(self, older: "LastSeen") -> "LastSeen":
        """With what an older stretch of time knows of the row."""
        runs = SeenRuns(*(np.array([value]) for value in (self.last, self.run, self.earlier)))
        runs.fill_missing_from(SeenRuns(*(np.array([value]) for value in (older.last, older.run, older.earlier))))
        return runs.of(0)

    def before(self, at: float) -> float:
        """When the row was last seen, not counting a run that only began in the LOOKBACK_S before *at*."""
        recent = at - self.last <= LOOKBACK_S and at - self.run <= LOOKBACK_S
        return self.earlier if recent else self.last


@dataclass(slots=True)
class SeenRuns:
    """Sightings of many rows as columns, shape (rows,)."""

    last: Floats
    run: Floats
    earlier: Floats

    def extend(self, row: Ints, time: Floats, steady: Bools) -> None:
        """Note samples of rows, in any order; those that are *steady* follow without a hole."""
        order = np.lexsort((time, row))
        row, time, steady = row[order], time[order], steady[order]
        previous = np.concatenate([[np.nan], time[:-1]])
        previous[np.concatenate([[True], row[1:] != row[:-1]])[: len(row)]] = np.nan
        previous = np.fmax(previous[: len(row)], self.last[row])
        begins = np.flatnonzero(~(steady & ~np.isnan(previous)) & ~(time - previous <= LOOKBACK_S))
        # Of several runs of a row the last counts, and they are in the order of time.
        self.run[row[begins]] = time[begins]
        self.earlier[row[begins]] = previous[begins]
        np.fmax.at(self.last, row, time)

    def fill_missing_from(self, older: "SeenRuns") -> None:
        """Take over what an older stretch of time knows of the same rows."""
        unseen = np.isnan(self.last)
        open_ = ~unseen & np.isnan(self.earlier) & ~np.isnan(older.last)
        one_run = open_ & (self.run - older.last <= LOOKBACK_S)
        self.earlier = np.where(unseen | one_run, older.earlier, np.where(open_, older.last, self.earlier))
        self.run = np.where(unseen | one_run, older.run, self.run)
        self.last = np.where(unseen, older.last, self.last)

    def of(self, row: int) -> LastSeen:
        """The sighting of one row."""
        return LastSeen(last=float(self.last[row]), run=float(self.run[row]), earlier=float(self.earlier[row]))
