"""The history of time slices from what the ledger has counted of the SLI that they are slices of.

Prometheus estimates a slice at its end, as long as it has the samples; what was counted is exact and stays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.ingest.queries.query_batcher import QueryResults
from app.ingest.series.composites import MEASURED_SHARE, WHOLE_S
from app.ingest.series.evaluated import judged_slices
from app.ingest.series.series_index import SeriesIndex
from app.ingest.series.tracked_slis import TrackedSli
from app.ledger import COARSE_WIDTH_S, Ledger, Samples, past_slots
from app.sli import TimeSlices
from app.slo import Sli, SliceRule
from app.slo.arrays import Bools, Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedSli:
    """An SLI and the ledger in which it is counted, or was until no document asked for it any more."""

    tracked: TrackedSli
    ledger: Ledger

    @property
    def first_sample_s(self) -> float:
        """Since when all its members were counted, NaN if none was."""
        return float(np.fmax.reduce(self.ledger.first_sample_s[list(self.tracked.rows.values())], initial=np.nan))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slices:
    """Slices of one member, one after another: their *ends*, their events, and how many seconds were measured."""

    ends: Floats
    total: Floats
    bad: Floats
    measured_s: Floats


def sli_of_slices(sli: Sli) -> Sli | None:
    """The SLI that another one counts slices of; None if it counts something else."""
    return sli.of if isinstance(sli, TimeSlices) else None


def with_counted_slices(
    answers: QueryResults,
    counted: Mapping[str, CountedSli],
    series_index: SeriesIndex,
    *,
    since_s: float,
    until_s: float,
) -> QueryResults:
    """The answers of a time range of history with the slices that were counted, by the key of their SLI.

    They take the place of what Prometheus answered; where a slice was not measured wholly, only if it has no answer.
    """
    samples = answers.samples
    for tracked in answers.answered:
        source, evaluated = counted.get(tracked.key), tracked.sli.evaluated
        if source is None or evaluated is None or evaluated.rule is None or evaluated.every is None:
            continue
        every_s, length_s = (round(each.total_seconds()) for each in (evaluated.every, evaluated.rule.length))
        # A slot cannot be divided between two slices.
        if length_s % series_index.interval_s:
            continue
        for group, row in source.tracked.rows.items():
            slices = _slices_of(source, row, length_s, since_s=since_s, until_s=until_s)
            counters = [counter for counter, _ in series_index.evaluated(tracked, dict(group), newest_s=until_s)]
            if counters and len(slices.ends):
                grid = np.arange(since_s // every_s, until_s // every_s + 1) * every_s
                samples = _replaced(samples, counters, slices, evaluated.rule, grid=grid)
    return replace(answers, samples=samples)


def _slices_of(source: CountedSli, row: int, length_s: int, *, since_s: float, until_s: float) -> _Slices:
    """The slices in which some of (since, until] lies; those that cells cannot tell have no measured seconds."""
    interval_s = source.ledger.interval_s
    ends = np.arange(since_s // length_s + 1, -(-until_s // length_s) + 1) * length_s
    begin_s = (ends[0] - length_s) // COARSE_WIDTH_S * COARSE_WIDTH_S
    end_s = -(-ends[-1] // COARSE_WIDTH_S) * COARSE_WIDTH_S
    cells = past_slots(source.ledger, row, round(begin_s / interval_s) + 1, round(end_s / interval_s))
    inside = slice(round((ends[0] - length_s - begin_s) / interval_s), round((ends[-1] - begin_s) / interval_s))
    total, bad, measured_s, width_s = (
        column[inside].reshape(len(ends), -1) for column in (cells.total, cells.bad, cells.measured_s, cells.width_s)
    )
    widest_s = width_s.max(axis=1)
    # A cell that reaches into another slice cannot be divided either (ADR-0069).
    usable: Bools = (width_s.min(axis=1) > 0) & (length_s % np.maximum(widest_s, 1) == 0)
    # What is not settled may still change by late samples.
    usable &= ends <= source.ledger.settled_s[row]
    if not source.tracked.backfilled:
        usable &= ends - length_s >= source.tracked.complete_from_s
    return _Slices(
        ends=ends,
        total=total.sum(axis=1),
        bad=bad.sum(axis=1),
        measured_s=np.where(usable, measured_s.sum(axis=1), 0.0),
    )


def _replaced(samples: Samples, counters: Sequence[int], slices: _Slices, rule: SliceRule, *, grid: Floats) -> Samples:
    """The samples with those of slices that were counted, at times of a *grid*: of all events, and of the bad ones."""
    length_s = round(rule.length.total_seconds())
    mine = np.isin(samples.counter, counters)
    answered_s = np.unique(samples.time[mine])
    known = (slices.measured_s >= length_s - WHOLE_S) | (
        (slices.measured_s >= MEASURED_SHARE * length_s) & ~np.isin(slices.ends, answered_s)
    )
    if not known.any():
        return samples

    def within_known(times: Floats) -> Bools:
        place = np.searchsorted(slices.ends, times)
        inside = (place < len(slices.ends)) & (times > slices.ends[0] - length_s)
        found: Bools = inside & known[np.minimum(place, len(known) - 1)]
        return found

    # Where the slice before is not known, what is measured begins with a sample of no events.
    begins = within_known(grid + 1.0) & ~within_known(grid) & ~np.isin(grid, answered_s)
    times = grid[within_known(grid) | begins]
    events = judged_slices(np.maximum(slices.total, slices.bad), np.maximum(slices.bad, 0.0), rule)
    place = np.minimum(np.searchsorted(slices.ends, times), len(known) - 1)
    at_ends = (slices.ends[place] == times) & known[place]
    found = [
        Samples.of_counter(counter, times, np.where(at_ends, of_slices[place], 0.0))
        for counter, of_slices in zip(counters, events, strict=True)
    ]
    return Samples.joined([samples.only(~(mine & within_known(samples.time))), *found])
