"""Histories of services for forecasts, made up: quarter hours of requests and failures, of many kinds."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from app.slo.arrays import Floats

CELL_S = 900
CELLS_A_DAY = 96
_WEEK = 7 * CELLS_A_DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeUp:
    """A history: the *error_budget* of its SLO, total and bad events of each quarter hour, shape (cells,)."""

    kind: str
    error_budget: float
    total: Floats
    bad: Floats


@dataclass(slots=True)
class Draft:
    """A history in the making: requests a quarter hour, and the share of them that fails, in budgets."""

    source: np.random.Generator
    cells: int
    error_budget: float
    rate: Floats
    burn: Floats

    def incidents(self, a_month: float, smallest: float, largest: float) -> None:
        """Add incidents that each spend a share of a month's budget between two bounds, at random times."""
        month = 30 * CELLS_A_DAY
        for _ in range(self.source.poisson(a_month * self.cells / month)):
            share = np.exp(self.source.uniform(np.log(smallest), np.log(largest)))
            burn = np.exp(self.source.uniform(np.log(5.0), np.log(0.9 / self.error_budget)))
            length = max(share * month / burn, 0.1)
            start = self.source.uniform(0, self.cells)
            place = np.arange(int(start), min(int(start + length) + 1, self.cells))
            part = np.minimum(place + 1, start + length) - np.maximum(place, start)
            self.burn[place] += burn * np.clip(part, 0.0, 1.0)

    def day_and_night(self, depth: float, weekend: float) -> None:
        """Traffic that falls at night by *depth* and at weekends by *weekend*."""
        at = np.arange(self.cells)
        self.rate *= 1.0 + depth * np.sin(2 * np.pi * (at / CELLS_A_DAY + self.source.uniform()))
        self.rate *= np.where((at + self.source.integers(0, _WEEK)) % _WEEK < 2 * CELLS_A_DAY, 1.0 - weekend, 1.0)

    def noise_of_days(self, sigma: float) -> None:
        """Failures that are more or fewer from day to day."""
        days = -(-self.cells // CELLS_A_DAY)
        self.burn *= np.repeat(np.exp(self.source.normal(0, sigma, days) - sigma**2 / 2), CELLS_A_DAY)[: self.cells]


def _steady(draft: Draft) -> None:
    del draft


def _day_and_night(draft: Draft) -> None:
    draft.day_and_night(draft.source.uniform(0.3, 0.9), draft.source.uniform(0.0, 0.7))
    at = np.arange(draft.cells)
    draft.burn *= 1.0 + draft.source.uniform(0, 0.8) * np.sin(2 * np.pi * at / CELLS_A_DAY)
    draft.noise_of_days(draft.source.uniform(0.0, 0.3))
    draft.incidents(1.0, 0.01, 0.3)


def _incidents(draft: Draft) -> None:
    draft.day_and_night(draft.source.uniform(0.0, 0.5), 0.2)
    draft.incidents(draft.source.uniform(2, 10), 0.01, 0.3)


def _drift(draft: Draft) -> None:
    draft.burn *= np.exp(np.linspace(0, draft.source.uniform(-1.5, 1.5), draft.cells))
    draft.incidents(1.0, 0.01, 0.2)


def _low_traffic(draft: Draft) -> None:
    draft.rate[:] = np.exp(draft.source.uniform(np.log(10 / 4), np.log(60)))
    draft.error_budget = 0.01
    draft.day_and_night(draft.source.uniform(0.0, 0.7), 0.3)
    draft.incidents(3.0, 0.03, 0.2)


def _wandering(draft: Draft) -> None:
    days = -(-draft.cells // CELLS_A_DAY)
    walk = np.cumsum(draft.source.normal(0, draft.source.uniform(0.03, 0.15), days))
    draft.burn *= np.exp(np.repeat(walk, CELLS_A_DAY)[: draft.cells])
    draft.incidents(2.0, 0.01, 0.2)


def _nightly_jobs(draft: Draft) -> None:
    draft.day_and_night(draft.source.uniform(0.2, 0.6), 0.3)
    hour = int(draft.source.integers(0, CELLS_A_DAY))
    draft.burn[hour::CELLS_A_DAY] += draft.source.uniform(5, 40)
    draft.incidents(2.0, 0.02, 0.2)


def _releases(draft: Draft) -> None:
    at = 0
    while at < draft.cells:
        length = int(draft.source.exponential(7 * CELLS_A_DAY)) + 1
        draft.burn[at : at + length] *= np.exp(draft.source.normal(0, 0.4))
        at += length
    draft.incidents(2.0, 0.01, 0.2)


def _growing(draft: Draft) -> None:
    draft.day_and_night(draft.source.uniform(0.2, 0.8), 0.4)
    draft.rate *= np.exp(np.linspace(0, draft.source.uniform(-1.0, 1.0), draft.cells))
    draft.noise_of_days(0.4)
    draft.incidents(3.0, 0.01, 0.3)


def _blips(draft: Draft) -> None:
    draft.incidents(40.0, 0.001, 0.01)
    draft.incidents(1.0, 0.1, 0.5)


def _long_incidents(draft: Draft) -> None:
    """Slow burns of hours to days beside short outages, at traffic that doubles at midday."""
    draft.day_and_night(0.33, 0.0)
    draft.incidents(3.0, 0.02, 0.1)
    for _ in range(draft.source.poisson(draft.cells / (15 * CELLS_A_DAY))):
        start, length = int(draft.source.integers(0, draft.cells)), int(draft.source.uniform(8, 200))
        draft.burn[start : start + length] += draft.source.uniform(1.0, 6.0)


def _clusters(draft: Draft) -> None:
    """Bad weeks and quiet ones: incidents come in clusters, which no frequency of the past foresees."""
    draft.noise_of_days(0.2)
    clusters = draft.source.poisson(draft.cells / (20 * CELLS_A_DAY))
    for start in draft.source.integers(0, draft.cells, clusters).tolist():
        for _ in range(draft.source.poisson(3.0)):
            at = start + int(draft.source.exponential(CELLS_A_DAY))
            draft.burn[at : at + int(draft.source.integers(1, 8))] += np.exp(draft.source.uniform(2.0, 4.5))


KINDS: dict[str, Callable[[Draft], None]] = {
    "steady": _steady,
    "day and night": _day_and_night,
    "incidents": _incidents,
    "drift": _drift,
    "low traffic": _low_traffic,
    "wandering": _wandering,
    "nightly jobs": _nightly_jobs,
    "releases": _releases,
    "growing": _growing,
    "blips": _blips,
    "long incidents": _long_incidents,
    "clusters": _clusters,
}
"""What services are like. The model was tuned on other seeds; *long incidents* was only looked at afterwards."""


def made_up(kind: str, seed: int, *, days: int) -> MadeUp:
    """One history; the same seed makes the same."""
    source = np.random.default_rng([seed, *kind.encode()])
    cells = days * CELLS_A_DAY
    error_budget = float(source.choice([0.01, 0.005, 0.001, 0.0005]))
    per_second = np.exp(source.uniform(np.log(0.5), np.log(300)))
    burn = np.exp(source.uniform(np.log(0.05), np.log(0.7)))
    draft = Draft(source, cells, error_budget, np.full(cells, per_second * CELL_S), np.full(cells, burn))
    KINDS[kind](draft)
    total = source.poisson(np.maximum(draft.rate, 0.0))
    bad = source.binomial(total, np.clip(draft.burn * draft.error_budget, 0.0, 1.0))
    return MadeUp(kind=kind, error_budget=draft.error_budget, total=total.astype(float), bad=bad.astype(float))
