"""Values of expressions as samples of events."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from app.ingest.series.series_index import SeriesIndex, group_of
from app.ingest.series.tracked_slis import TrackedSli
from app.ledger import Samples
from app.prometheus import Matrix, UnsupportedResultError
from app.promql.metric_names import NAME
from app.slo import GroupKey, SliceRule, Weights, WithoutEvents
from app.slo.arrays import Floats

# A slice at its target meets it, although 1 - 0.95 is not exact in binary.
_ROUNDING = 1e-9
# Times in unix seconds, and values, NaN where there were no events.
_Values = tuple[Floats, Floats]


def evaluated_samples(
    tracked: TrackedSli,
    values: Matrix,
    weights: Matrix | None,
    series_index: SeriesIndex,
    *,
    totals: Matrix | None = None,
) -> Samples:
    """The events of each evaluation: one, or as many as *weights* has for the same group and time.

    Where a group has no value, and *totals* are there and all zero, there were no events: VictoriaMetrics answers
    nothing for 0 / 0, where Prometheus answers NaN.

    Raises:
        UnsupportedResultError: events are given, and an expression has several series for one group.
    """
    weight_at = None if weights is None else by_group(tracked, weights)
    if weight_at is not None:
        by_group(tracked, values)
    parts = []
    for labels, (times, of_series) in zip(values.labels, _series(values), strict=True):
        weights_of_series = np.ones(len(times))
        if weight_at is not None:
            weights_of_series = value_at(times, weight_at.get(group_of(tracked, labels)))
        # Of 0 / 0 there were no events, and without a number of events nothing is known.
        known, none = ~np.isnan(weights_of_series), np.isnan(of_series)
        weights_of_series = np.where(none, 0.0, np.maximum(weights_of_series, 0.0))
        for counter, events in series_index.evaluated(tracked, labels, newest_s=float(times.max(initial=0.0))):
            amounts = events.of(np.where(none, 0.0, of_series)) * weights_of_series
            parts.append(Samples.of_counter(counter, times[known], amounts[known]))
    if totals is not None:
        parts += _without_events(tracked, values, totals, series_index)
    return Samples.joined(parts)


def _without_events(
    tracked: TrackedSli, values: Matrix, totals: Matrix, series_index: SeriesIndex
) -> Iterator[Samples]:
    """Samples of no events at the times at which a group has no value and the sum of its *totals* is zero."""
    valued: dict[GroupKey, set[float]] = {}
    labels_of: dict[GroupKey, Mapping[str, str]] = {}
    for labels, (times, _) in zip(values.labels, _series(values), strict=True):
        group = group_of(tracked, labels)
        valued.setdefault(group, set()).update(times.tolist())
        labels_of.setdefault(group, labels)
    sums: dict[GroupKey, dict[float, float]] = {}
    for labels, (times, of_series) in zip(totals.labels, _series(totals), strict=True):
        group = group_of(tracked, labels)
        labels_of.setdefault(group, {name: value for name, value in labels.items() if name != NAME})
        of_group = sums.setdefault(group, {})
        for at, value in zip(times.tolist(), np.nan_to_num(of_series).tolist(), strict=True):
            of_group[at] = of_group.get(at, 0.0) + value
    for group, of_group in sums.items():
        idle = np.array(sorted(at for at, value in of_group.items() if not value and at not in valued.get(group, ())))
        if not len(idle):
            continue
        for counter, _ in series_index.evaluated(tracked, labels_of[group], newest_s=float(idle[-1])):
            yield Samples.of_counter(counter, idle, np.zeros(len(idle)))


def slices_of(
    tracked: TrackedSli, answers: Sequence[tuple[Matrix, Weights]], rule: SliceRule, series_index: SeriesIndex
) -> Samples:
    """The slices that end at the times of the answers, which are terms of a weighted sum; each is one event.

    At times between the ends of slices there are none, but what is measured goes on. A term without a value counts
    nothing; without a value of any term of the total nothing is known.
    """
    sums: dict[GroupKey, dict[float, tuple[float, float, bool]]] = {}
    for matrix, weights in answers:
        for group, (times, values) in by_group(tracked, matrix).items():
            of_group = sums.setdefault(group, {})
            for at, value in zip(times.tolist(), np.nan_to_num(values).tolist(), strict=True):
                total, bad, known = of_group.get(at, (0.0, 0.0, False))
                known |= weights.total > 0
                of_group[at] = total + weights.total * value, bad + weights.bad * value, known
    parts = []
    for group, of_group in sums.items():
        table = np.array([(at, *of_group[at][:2]) for at in sorted(of_group) if of_group[at][2]]).reshape(-1, 3)
        times, in_total, in_bad = table.T
        slices, of_bad = judged_slices(np.maximum(in_total, in_bad), np.maximum(in_bad, 0.0), rule)
        ends = np.rint(times) % round(rule.length.total_seconds()) == 0
        counters = series_index.evaluated(tracked, dict(group), newest_s=float(times.max(initial=0.0)))
        for (counter, _), events in zip(counters, (slices, of_bad), strict=False):
            parts.append(Samples.of_counter(counter, times, np.where(ends, events, 0.0)))
    return Samples.joined(parts)


def judged_slices(total: Floats, bad: Floats, rule: SliceRule) -> tuple[Floats, Floats]:
    """Slices, and bad ones among them, by what happened in each."""
    busy = total > 0
    ratio = np.divide(bad, total, out=np.zeros(len(total)), where=busy)
    of_bad = ratio if rule.target is None else (ratio > 1.0 - rule.target + _ROUNDING).astype(np.float64)
    idle = {WithoutEvents.IGNORED: (0.0, 0.0), WithoutEvents.GOOD: (1.0, 0.0), WithoutEvents.BAD: (1.0, 1.0)}
    of_idle = idle[rule.without_events]
    return np.where(busy, 1.0, of_idle[0]), np.where(busy, of_bad, of_idle[1])


def by_group(tracked: TrackedSli, matrix: Matrix) -> dict[GroupKey, _Values]:
    """The times and values of each group.

    Raises:
        UnsupportedResultError: one has several series.
    """
    found: dict[GroupKey, _Values] = {}
    for labels, values in zip(matrix.labels, _series(matrix), strict=True):
        group = group_of(tracked, labels)
        if group in found:
            by = ", ".join(tracked.sli.by)
            remedy = f"aggregate it by {by}" if by else "aggregate it to one series, as by sum()"
            raise UnsupportedResultError(f"an expression has several series for one group; {remedy}")
        found[group] = values
    return found


def _series(matrix: Matrix) -> Iterator[_Values]:
    """The times and values of each series, in order of time, with those that are NaN."""
    ends = np.cumsum(matrix.lengths)
    for position, (end, length) in enumerate(zip(ends.tolist(), matrix.lengths.tolist(), strict=True)):
        times, values = matrix.times[end - length : end], matrix.values[end - length : end]
        absent = matrix.nan_times[matrix.nan_series == position]
        if len(absent):
            times, values = np.append(times, absent), np.append(values, np.full(len(absent), np.nan))
            order = np.argsort(times, kind="stable")
            times, values = times[order], values[order]
        yield times, values


def value_at(times: Floats, values: _Values | None) -> Floats:
    """The value at each time; NaN where there is none."""
    if values is None or not len(values[0]):
        return np.full(len(times), np.nan)
    known, found = values
    place = np.minimum(np.searchsorted(known, times), len(known) - 1)
    return np.where(known[place] == times, found[place], np.nan)
