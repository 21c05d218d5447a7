"""When processes and series began, as their targets tell: evidence where samples alone leave doubt (ADR-0035).

A start decides only together with the samples: a target may serve many processes, and what it tells of its own says
nothing about series that it exports for others.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from app.ledger.counting.last_samples import LastSamples
from app.ledger.counting.samples import Samples
from app.ledger.registry import Registry
from app.slo.arrays import Ints, each_once

# Start times are of the target's clock, and scrapes of Prometheus's.
_SKEW_S = 1.0
# A scrape interval of a minute and a half of one: what is not there by then was not there before.
_FIRST_SCRAPES_S = 90.0
# Some ten megabytes; what is forgotten is judged by samples alone.
_MOST_KEPT = 100_000


@dataclass(slots=True)
class Starts:
    """Start times in unix seconds: of processes by the hash of their target, of series by that of the series."""

    processes: dict[int, set[float]] = field(default_factory=dict)
    series: dict[int, set[float]] = field(default_factory=dict)

    def note_process(self, target: int, started_s: float) -> None:
        """Note when the process that serves a target began."""
        _note(self.processes, target, started_s)

    def note_series(self, series: int, created_s: float) -> None:
        """Note when a series was created."""
        _note(self.series, series, created_s)

    def process_began(self, target: int, since: float, at: float) -> bool:
        """Whether the process of a target began in (since, at]."""
        return _newest(self.processes, target, at) > since

    def series_began(self, series: int, since: float, at: float) -> bool:
        """Whether a series was created in (since, at]."""
        return _newest(self.series, series, at) > since

    def served_s(self, target: int, at: float) -> float | None:
        """How long the process of a target had served at a time; None if that is not known."""
        started_s = _newest(self.processes, target, at)
        return None if started_s == -np.inf else max(at - started_s, 0.0)


def unproven_since(samples: Samples, cursor: LastSamples, registry: Registry) -> Ints:
    """The counters of which *samples* behind the *cursor* show a first value or a fall."""
    arrays, size = registry.arrays, len(cursor.time)
    counter = arrays.stream[samples.counter]
    known = counter < size
    place = np.where(known, counter, 0)
    time, value = (
        np.where(known, column[place], np.nan) if size else np.full(len(counter), np.nan)
        for column in (cursor.time, cursor.value)
    )
    new = ~(samples.time <= time) & (np.isnan(time) | (samples.value < value))
    found = each_once(samples.counter[new])
    # A counter at a lower level is judged by what follows.
    return found[[counter not in cursor.dips for counter in arrays.stream[found].tolist()]] if cursor.dips else found


def unproven_within(samples: Samples) -> Ints:
    """The counters that appear or fall somewhere in a stretch of *samples*, not with its first scrapes."""
    if not len(samples.time):
        return samples.counter
    order = np.lexsort((samples.time, samples.counter))
    counter, time, value = samples.counter[order], samples.time[order], samples.value[order]
    first = np.append(True, counter[1:] != counter[:-1])
    appears = first & (time > time.min() + _FIRST_SCRAPES_S)
    falls = ~first & (value < np.append(np.inf, value[:-1]))
    return each_once(counter[appears | falls])


def _note(known: dict[int, set[float]], key: int, at: float) -> None:
    if len(known) >= _MOST_KEPT:
        known.clear()
    known.setdefault(key, set()).add(at)


def _newest(known: Mapping[int, set[float]], key: int, at: float) -> float:
    return max((start for start in known.get(key, ()) if start <= at + _SKEW_S), default=-np.inf)
