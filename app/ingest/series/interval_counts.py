"""Numbers of events of intervals as samples: each is so many events, at the end of its interval."""

from collections.abc import Iterable

import numpy as np

from app.ingest.series.evaluated import by_group, value_at
from app.ingest.series.series_index import SeriesIndex
from app.ingest.series.tracked_slis import TrackedSli
from app.ledger import Samples
from app.prometheus import Matrix
from app.slo import CountQueries, EmptyIntervals, GroupKey
from app.slo.arrays import Floats


def counted_samples(
    tracked: TrackedSli, counts: CountQueries, answers: tuple[Matrix, Matrix], ends: Floats, series_index: SeriesIndex
) -> Samples:
    """The events of the intervals that end at *ends*, by the answers to the queries of all events and of a part.

    Where only one of the two queries has a number, the other one counts nothing, and all events are as many as its
    part; where neither has, the interval is what *counts* says of empty ones.

    Raises:
        UnsupportedResultError: a query has several series for one group.
    """
    totals, parts = (by_group(tracked, answer) for answer in answers)
    samples = []
    for group in _groups(tracked, counts, (*totals, *parts)):
        of_total, of_part = value_at(ends, totals.get(group)), value_at(ends, parts.get(group))
        known = ~(np.isnan(of_total) & np.isnan(of_part))
        if counts.empty is EmptyIntervals.NO_EVENTS:
            known[:] = True
        of_part = np.nan_to_num(of_part)
        of_total = np.where(np.isnan(of_total), of_part, of_total)
        newest_s = float(ends[known].max(initial=0.0))
        found = series_index.evaluated(tracked, dict(group), newest_s=newest_s)
        for (counter, events), values in zip(found, (of_total, of_part), strict=False):
            samples.append(Samples.of_counter(counter, ends[known], events.of(values[known])))
    return Samples.joined(samples)


def _groups(tracked: TrackedSli, counts: CountQueries, answered: Iterable[GroupKey]) -> list[GroupKey]:
    """The groups with events, and, where that is what nothing means, those that are known."""
    known: Iterable[GroupKey] = ()
    if counts.empty is EmptyIntervals.NO_EVENTS:
        known = tracked.rows if tracked.sli.by else [()]
    return sorted({*answered, *known})
