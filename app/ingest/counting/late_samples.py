"""Late samples: how far back to read for those that were not there when their slot was read, and how late they come.

A slot is read once at its end, and once more after the late-sample grace. Of what was silent since, the next reads
begin at its last sample, so that samples are counted when they are seen, however late that is.
"""

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from app.ingest.counting.ledger_writer import LedgerWriter
from app.ingest.series.tracked_slis import LateSamples, TrackedSli
from app.ledger import LOOKBACK_S, MIDDLE_WIDTH_S, Samples
from app.slo.arrays import Floats, Ints, each_once

# What was silent for less is looked for in every slot; few lengths, so that SLIs share their queries.
_LOOK_BACKS_S = (120.0, 300.0, 900.0)
# So many times five minutes after its last sample, a counter that went silent is looked for once more.
_AGAIN_AFTER = (1, 2, 4, 8, 12)
# As far back as history reads raw samples in one query.
_LONGEST_S = 3 * 3600.0
# One missed scrape is no silence: Prometheus leaves out a scrape now and then.
_SILENT_SLOTS = 2
# Said for an hour after the last late sample, so that the remedy does not come and go with single batches.
_KEPT_S = 3600.0


def look_back(
    ledger_writer: LedgerWriter,
    tracked_slis: Iterable[TrackedSli],
    *,
    at_s: float,
    settled_up_to: Callable[[TrackedSli], float],
) -> None:
    """Set from where some SLIs are to be read for the slot *at_s*; with up to when their counts become final in it."""
    interval_s = ledger_writer.ledger.interval_s
    due = []
    # A list, since reading numpy element by element is slow.
    row_seen_s = ledger_writer.live.row.tolist()
    for tracked in tracked_slis:
        if not tracked.started:
            continue
        newest_s = _newest(row_seen_s, tracked)
        silent_s = at_s - newest_s
        lags = tracked.lag_s > 0 and at_s - tracked.lag_seen_s <= LOOKBACK_S
        lag_s = tracked.lag_s + interval_s if lags else 0.0
        tracked.read_from_s = tracked.counted_s
        # Between two evaluations of an expression nothing is late; what settles evaluates them once more.
        may_be_late = tracked.sli.evaluated is None and silent_s > (_SILENT_SLOTS + 1) * interval_s
        if at_s - tracked.counted_s <= interval_s and (may_be_late or lag_s):
            needed_s = max(silent_s if may_be_late else 0.0, lag_s)
            fitting = next((length for length in _LOOK_BACKS_S if needed_s <= length), None)
            tracked.read_from_s = tracked.counted_s if fitting is None else at_s - fitting
        # A native histogram is compared with its sample before, also where counts become final.
        is_native = tracked.interpolated.seen_s > 0
        tracked.settle_from_s = tracked.settled_s - LOOKBACK_S if is_native else tracked.settled_s
        if settled_up_to(tracked) > tracked.settled_s:
            due.append(tracked)
    if due:
        _look_back_further(ledger_writer, due)


def note_late(
    ledger_writer: LedgerWriter, tracked_slis: Sequence[TrackedSli], samples: Samples, *, since_s: float, until_s: float
) -> None:
    """Note which of the *samples* of one read, before they are counted, were not there when their slot was read.

    A counter is late if even its newest sample is of a slot that was read before. How late is known from the reads
    that did not bring the sample.
    """
    counter, newest_s = _newest_samples(samples)
    known_s, counted_s = ledger_writer.live.time, ledger_writer.ledger.counted_s
    row = ledger_writer.series_index.registry.arrays.row
    fresh = counter < len(known_s)
    counter, newest_s = counter[fresh], newest_s[fresh]
    late = (newest_s > known_s[counter]) & (newest_s <= counted_s[row[counter]])
    late_row, newest_s = row[counter[late]], newest_s[late]
    late_rows = set(late_row.tolist())
    for tracked in tracked_slis:
        if late_rows and not late_rows.isdisjoint(tracked.rows.values()):
            mine = np.isin(late_row, list(tracked.rows.values()))
            _note(tracked, newest_s[mine], until_s, interval_s=ledger_writer.ledger.interval_s)
            lags_s = until_s - newest_s[mine]
            # Some series of an SLI may always come later than the others: a second store, timestamps of their own.
            if (lags_s <= _LOOK_BACKS_S[-1]).any():
                tracked.lag_s, tracked.lag_seen_s = float(lags_s[lags_s <= _LOOK_BACKS_S[-1]].max()), until_s
        elif tracked.late is not None and until_s - tracked.late.seen_s > _KEPT_S:
            tracked.late = None
        if until_s - since_s > ledger_writer.ledger.interval_s:
            tracked.note_long_read(since_s, until_s)


def returning(
    ledger_writer: LedgerWriter, tracked_slis: Sequence[TrackedSli], samples: Samples, *, since_s: float, until_s: float
) -> list[TrackedSli]:
    """The SLIs of which a read that would settle them begins in the middle of samples of a counter that was silent.

    What came with them may lie before *since_s*: the next read begins at the last sample that is settled.
    """
    ledger, cursor = ledger_writer.ledger, ledger_writer.settled
    shortest_s = _SILENT_SLOTS * ledger.interval_s
    counter, first_s = _first_samples(samples)
    known = counter < len(cursor.time)
    counter, first_s = counter[known], first_s[known]
    # Comparisons with NaN are False: what was never seen has not been silent.
    back = (since_s - cursor.time[counter] > shortest_s) & (first_s - since_s <= shortest_s)
    if not back.any():
        return []
    rows = ledger_writer.series_index.registry.arrays.row[counter[back]]
    return [
        tracked
        for tracked in tracked_slis
        if np.isin(rows, list(tracked.rows.values())).any()
        and until_s > tracked.counted_s
        # No further back is looked; each is put off once.
        and since_s > tracked.settled_s - _LONGEST_S
    ]


def reopen(ledger_writer: LedgerWriter, samples: Samples) -> None:
    """Let the time since a row was last seen be measured where late samples of it have come."""
    ledger = ledger_writer.ledger
    row = ledger_writer.series_index.registry.arrays.row[samples.counter]
    seen_s = ledger_writer.settled.row
    late = row < len(seen_s)
    late[late] &= (samples.time[late] > seen_s[row[late]]) & (samples.time[late] <= ledger.settled_s[row[late]])
    for one in each_once(row[late]).tolist():
        # A little before was counted as measured, since the next sample was not overdue yet.
        ledger.covered_s[one] = min(ledger.covered_s[one], seen_s[one] + ledger.interval_s)


def _look_back_further(ledger_writer: LedgerWriter, tracked_slis: Sequence[TrackedSli]) -> None:
    """For counters that went silent and may be late, and for those that came back after a hole that may be filled."""
    registry, ledger = ledger_writer.series_index.registry, ledger_writer.ledger
    for cursor in (ledger_writer.settled, ledger_writer.live):
        cursor.grow(registry.sizes)
    row = registry.arrays.row
    settled_s, live_s = ledger_writer.settled.time[: len(row)], ledger_writer.live.time[: len(row)]
    silent_s = ledger.settled_s[row] - settled_s
    again = np.isin(np.floor(silent_s / MIDDLE_WIDTH_S), _AGAIN_AFTER)
    came_back = (live_s > settled_s) & (silent_s > _SILENT_SLOTS * ledger.interval_s)
    since_s = np.where(again | came_back, settled_s, np.inf)
    first_s = np.full(len(ledger.settled_s), np.inf)
    np.minimum.at(first_s, row, since_s)
    for tracked in tracked_slis:
        first = min((float(first_s[one]) for one in tracked.rows.values()), default=math.inf)
        if first < tracked.settled_s:
            since = first // MIDDLE_WIDTH_S * MIDDLE_WIDTH_S
            # What is older is read as history: of counters that have ended since, the cursor does not know it.
            oldest_s = max(tracked.settled_s - _LONGEST_S, tracked.complete_from_s)
            tracked.settle_from_s = min(tracked.settle_from_s, max(since, oldest_s))


def _newest(row_seen_s: Sequence[float], tracked: TrackedSli) -> float:
    """The newest sample of an SLI, of those of all rows; NaN if there is none."""
    newest_s = math.nan
    for row in tracked.rows.values():
        seen_s = row_seen_s[row] if row < len(row_seen_s) else math.nan
        newest_s = newest_s if newest_s >= seen_s or math.isnan(seen_s) else seen_s
    return newest_s


def _first_samples(samples: Samples) -> tuple[Ints, Floats]:
    """The counters that have samples, and the first of each."""
    return _of_each_counter(samples, np.minimum, np.inf)


def _newest_samples(samples: Samples) -> tuple[Ints, Floats]:
    """The counters that have samples, and the newest of each."""
    return _of_each_counter(samples, np.maximum, -np.inf)


def _of_each_counter(samples: Samples, extreme: np.ufunc, beyond_s: float) -> tuple[Ints, Floats]:
    counter = each_once(samples.counter)
    at_s = np.full(int(counter.max(initial=-1)) + 1, beyond_s)
    extreme.at(at_s, samples.counter, samples.time)
    return counter, at_s[counter]


def _note(tracked: TrackedSli, times_s: Floats, at_s: float, *, interval_s: float) -> None:
    least_s = max(_least_lateness(tracked, float(time_s)) for time_s in times_s)
    if least_s > _SILENT_SLOTS * interval_s:
        tracked.late = LateSamples(least_s=least_s, most_s=at_s - float(times_s.min()), seen_s=at_s)


def _least_lateness(tracked: TrackedSli, time_s: float) -> float:
    """How long after its time a sample was not there yet, as far as that was looked at."""
    return max(
        (until_s - time_s for since_s, until_s in tracked.long_reads if since_s < time_s <= until_s), default=0.0
    )
