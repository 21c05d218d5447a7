"""Counts histories as backfill does: stretch by stretch, the newest first."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from app.ledger import (
    LOOKBACK_S,
    PACE_GRID_S,
    Birth,
    FirstSighting,
    Increments,
    Registry,
    Samples,
    count,
    decide,
    decide_births,
    join,
    join_births,
    stand,
)


def count_backwards(
    between: Callable[[float, float], Samples], registry: Registry, edges: Sequence[float]
) -> Increments:
    """The increments between *edges* in seconds, ascending; *between* gives the samples in (since, until]."""
    heads: tuple[FirstSighting, ...] = ()
    births: tuple[Birth, ...] = ()
    parts = []
    for since, until in reversed(list(pairwise(edges))):
        samples = between(since - LOOKBACK_S, until + LOOKBACK_S)
        stood = stand(samples, registry, until=since, within_s=PACE_GRID_S)
        counted = count(samples.after(since), stood, registry, until=until)
        met, heads = join(heads, counted.cursor, registry)
        known, births = join_births(births, counted.cursor, registry)
        heads += counted.heads
        births += tuple(birth for birth in counted.births if not birth.settled)
        settled = [birth for birth in counted.births if birth.settled]
        parts += [counted.increments, met, known, decide_births(settled, registry)]
    return Increments.joined([*parts, decide(heads, registry), decide_births(births, registry)])
