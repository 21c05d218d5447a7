"""The random numbers that all forecasts share, so that a forecast changes only with what was counted.

They are the same for every SLO, at every time and in every process.
"""

from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from app.slo.arrays import Floats

FUTURES = 200
"""How many possible futures a forecast is made of: 20 of them are beyond each end of an 80% interval."""
MOST_ARRIVALS = 60
"""How many incidents one future can have."""
# Of no meaning; another one moves forecasts by what 200 futures leave open.
_SEED = 2016


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelDraws:
    """What decides the level of something: *pair* is uniform in (0, 1), the others are standard normal.

    Shapes (futures,), of *steps* and *noise* (futures, days).
    """

    pair: Floats
    now: Floats
    steps: Floats
    noise: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """What decides each future.

    *total_chance* and *bad_chance* are standard normal and *bad_uniform* uniform, of shape (futures, steps);
    *incident_rate* is normal, *lasts* uniform, of shape (futures,); *gaps* are exponential, *which* and *follows*
    uniform and *larger* normal, of shape (futures, arrivals).
    """

    traffic: LevelDraws
    background: LevelDraws
    total_chance: Floats
    bad_chance: Floats
    bad_uniform: Floats
    incident_rate: Floats
    gaps: Floats
    which: Floats
    larger: Floats
    lasts: Floats
    follows: Floats


@lru_cache(maxsize=4)
def draws(days: int, steps: int) -> Draws:
    """The numbers for so many days and steps."""
    source = np.random.default_rng(_SEED)
    by_day, by_step, by_arrival = (FUTURES, days), (FUTURES, steps), (FUTURES, MOST_ARRIVALS)

    def even() -> Floats:
        # Evenly spread, not drawn: what decides most of a future is not left to chance.
        mixed: Floats = source.permutation((np.arange(FUTURES) + 0.5) / FUTURES)
        return mixed

    def of_level() -> LevelDraws:
        return LevelDraws(
            pair=even(),
            now=_normal(even()),
            steps=source.standard_normal(by_day),
            noise=source.standard_normal(by_day),
        )

    bad_uniform = source.uniform(1e-9, 1.0, by_step)
    return Draws(
        traffic=of_level(),
        background=of_level(),
        total_chance=source.standard_normal(by_step),
        bad_chance=_normal(bad_uniform),
        bad_uniform=bad_uniform,
        incident_rate=_normal(even()),
        gaps=source.standard_exponential(by_arrival),
        which=source.uniform(0.0, 1.0, by_arrival),
        larger=source.standard_normal(by_arrival),
        lasts=even(),
        follows=source.uniform(0.0, 1.0, by_arrival),
    )


def _normal(uniform: Floats) -> Floats:
    inverse = NormalDist().inv_cdf
    return np.array([inverse(each) for each in uniform.ravel().tolist()]).reshape(uniform.shape)
