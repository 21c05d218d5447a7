"""Counts histories as backfill does: stretch by stretch, the newest first."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from app.ledger import (
    LOOKBACK_S,
    PACE_GRID_S,
    FirstSighting,
    Increments,
    NewSeries,
    Registry,
    Samples,
    count,
    count_first_samples,
    link_series_to_older,
    link_targets_to_older,
    positions_at,
)


def count_backwards(
    between: Callable[[float, float], Samples],
    registry: Registry,
    edges: Sequence[float],
    *,
    warm_up_s: float = LOOKBACK_S,
) -> Increments:
    """The increments between *edges* in seconds, ascending; *between* gives the samples in (since, until].

    *warm_up_s* is read before each stretch.
    """
    new_targets: tuple[FirstSighting, ...] = ()
    new_series: tuple[NewSeries, ...] = ()
    parts = []
    for since, until in reversed(list(pairwise(edges))):
        samples = between(since - warm_up_s, until + LOOKBACK_S)
        stood = positions_at(samples, registry, until=since, within_s=PACE_GRID_S)
        counted = count(samples.after(since), stood, registry, until=until)
        met, new_targets = link_targets_to_older(new_targets, new_series, counted.cursor, registry)
        known, new_series = link_series_to_older(new_series, counted.cursor, registry)
        new_targets += counted.new_targets
        new_series += tuple(series for series in counted.new_series if not series.decided)
        settled = [series for series in counted.new_series if series.decided]
        parts += [counted.increments, met, known, count_first_samples((), settled, registry)]
    return Increments.joined([*parts, count_first_samples(new_targets, new_series, registry)])
