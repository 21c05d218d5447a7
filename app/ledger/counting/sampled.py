"""Series whose samples are events themselves, such as those of gauges: each sample counts once, at its own time.

There is nothing to judge here: no resets, no first values, no copies. A sample's value is the number of its events,
and time without samples is time that was not measured (ADR-0040).
"""

import numpy as np

from app.ledger.counting.last_samples import LastSamples
from app.ledger.counting.samples import Samples
from app.ledger.increments import Increments
from app.ledger.registry import Registry
from app.slo.arrays import Floats


def sampled_apart(samples: Samples, registry: Registry) -> tuple[Samples, Samples]:
    """The samples that are events themselves, and those of counters."""
    sampled = registry.arrays.sampled
    if not sampled.any():
        return samples.only(np.zeros(len(samples.counter), dtype=bool)), samples
    mine = sampled[samples.counter]
    return samples.only(mine), samples.only(~mine)


def count_sampled(
    samples: Samples, cursor: LastSamples, registry: Registry, *, until: float, gap_s: Floats
) -> Increments:
    """The events of *samples* after *cursor* up to *until*, each at the time of its sample; the cursor goes on to them.

    The time between two samples is measured unless it is longer than *gap_s*, by row.
    """
    samples = cursor.fresh(samples.until(until))
    arrays, counter, at = registry.arrays, samples.counter, samples.time
    first = np.append(True, counter[1:] != counter[:-1])[: len(counter)]
    since = np.where(first, cursor.time[counter], np.append(np.nan, at[:-1])[: len(at)])
    row, of_total = arrays.row[counter], arrays.total[counter] > 0
    # Comparisons with NaN are False: a first sample follows on none.
    follows = samples.steady & ~np.isnan(since) | (at - since <= gap_s[row])
    if len(counter):
        last = np.append(counter[1:] != counter[:-1], True)
        cursor.time[counter[last]], cursor.value[counter[last]] = at[last], samples.value[last]
        np.fmax.at(cursor.target, arrays.target[counter], at)
        cursor.note_rows_seen(row[of_total], at[of_total], samples.steady[of_total])
    return Increments(
        row=row,
        since=np.where(follows, since, at),
        at=at,
        total=samples.value * arrays.total[counter],
        bad=samples.value * arrays.bad[counter],
        steady=np.ones(len(counter), dtype=bool),
        seen=of_total,
    )
