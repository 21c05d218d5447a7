"""How far a service is above or below its usual level from day to day: a local level, and how surely it is known.

A day's count is a Poisson count of *expected x level*, with noise of its own from day to day. What the days before say
of the level counts ever less, by a discount for each day that has passed. Which discount and which noise fit a service
is not chosen but weighed: each pair counts by how likely it makes the days of the service.

Arrays: SLIs, then days oldest first, or pairs of discount and noise.

Source: West and Harrison, Bayesian Forecasting and Dynamic Models, chapter 10 (discounted gamma-Poisson levels)
"""

from dataclasses import dataclass

import numpy as np

from app.slo.arrays import Floats

# A discount of 1 is a level that never changes; at 0.3 hardly more than the newest day counts.
_DISCOUNTS = np.array([0.3, 0.5, 0.7, 0.85, 0.95, 1.0])
# Relative variance of a day beside chance: none, 3%, 10%, 22%, 50% and 100% of its mean as a standard deviation.
_NOISES = np.array([0.0, 0.001, 0.01, 0.05, 0.25, 1.0])
_DISCOUNT, _NOISE = (grid.ravel() for grid in np.meshgrid(_DISCOUNTS, _NOISES, indexing="ij"))
# What is known of a level before its first day, and what a discounted level goes back to where nothing comes: one event
# where one was expected.
_PRIOR = 1.0
# Days whose predictions say more of the prior than of the service.
_LEARNING_DAYS = 2
# By how much a level moves from day to day is itself an estimate, of weeks. At 1 an 80% interval two weeks ahead held
# 62% of what came where levels drift; at 2 it holds 69%, and at a day ahead no more than 85% anywhere.
_WANDERS = 2.0
# Of a mean of nothing there is no logarithm.
_LEAST_MEAN = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """The level of each SLI now under each pair, shape (SLIs, pairs).

    *shape* and *rate* are those of its gamma distribution, so that its mean is shape/rate; *weight* how much each pair
    counts, in sum 1.
    """

    shape: Floats
    rate: Floats
    weight: Floats

    @property
    def mean(self) -> Floats:
        """The mean level over all pairs, shape (SLIs,)."""
        mean: Floats = (self.weight * self.shape / self.rate).sum(axis=1)
        return mean

    def chosen(self, uniform: Floats) -> "ChosenLevels":
        """One pair for each of *uniform* numbers between 0 and 1, by weight; shape (SLIs, numbers)."""
        cumulated = np.cumsum(self.weight, axis=1)
        place = (uniform[None, :, None] > cumulated[:, None, :]).sum(axis=2)
        # Weights may add up to a little less than 1.
        place = np.minimum(place, len(_DISCOUNT) - 1)
        return ChosenLevels(
            shape=np.take_along_axis(self.shape, place, axis=1),
            rate=np.take_along_axis(self.rate, place, axis=1),
            discount=_DISCOUNT[place],
            noise=_NOISE[place],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenLevels:
    """Levels and how they go on, one for each possible future; shape (SLIs, futures)."""

    shape: Floats
    rate: Floats
    discount: Floats
    noise: Floats

    @property
    def mean(self) -> Floats:
        """The mean level of each."""
        return self.shape / self.rate

    def log_variances(self, days: int) -> Floats:
        """Variance of the logarithm of the level on each of the next days, shape (SLIs, futures, days)."""
        added = _WANDERS * (1.0 / self.discount - 1.0) / self.shape
        variances: Floats = np.log1p(1.0 / self.shape)[:, :, None] + added[:, :, None] * np.arange(1, days + 1)
        return variances


def levels(counts: Floats, expected: Floats) -> Levels:
    """The levels of SLIs by the *counts* of their days and what was *expected* of each at the level 1."""
    rows, days = counts.shape
    shape, rate = np.full((2, rows, len(_DISCOUNT)), _PRIOR)
    likelihood = np.zeros((rows, len(_DISCOUNT)))
    for day in range(days):
        shape, rate = (known * _DISCOUNT + _PRIOR * (1.0 - _DISCOUNT) for known in (shape, rate))
        count, mean = counts[:, day, None], expected[:, day, None]
        # A day that is noisy in itself says as much as a smaller count would.
        part = 1.0 / (1.0 + _NOISE * mean)
        if day >= _LEARNING_DAYS:
            log_chance = _log_chance(count * part, mean * part, shape, rate) + np.log(part)
            likelihood += np.where(mean > 0, log_chance, 0.0)
        shape, rate = shape + count * part, rate + mean * part
    weight = np.exp(likelihood - likelihood.max(axis=1, keepdims=True))
    return Levels(shape=shape, rate=rate, weight=weight / weight.sum(axis=1, keepdims=True))


def _log_chance(count: Floats, mean: Floats, shape: Floats, rate: Floats) -> Floats:
    """Logarithm of the chance of a count of Poisson events whose level is gamma distributed (negative binomial)."""
    log_chance: Floats = (
        _log_gamma(shape + count)
        - _log_gamma(shape)
        - _log_gamma(count + 1.0)
        + shape * np.log(rate / (rate + mean))
        + count * np.log(np.maximum(mean, _LEAST_MEAN) / (rate + mean))
    )
    return log_chance


def _log_gamma(x: Floats) -> Floats:
    """Logarithm of the gamma function of positive numbers, to six digits: Stirling's series, shifted by three.

    Source: https://dlmf.nist.gov/5.11#E1
    """
    y = x + 3.0
    series = (y - 0.5) * np.log(y) - y + 0.5 * np.log(2.0 * np.pi) + 1.0 / (12.0 * y) - 1.0 / (360.0 * y**3)
    log_gamma: Floats = series - np.log(x * (x + 1.0) * (x + 2.0))
    return log_gamma
