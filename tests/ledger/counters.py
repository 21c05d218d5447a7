"""Counters of one row, their samples, and a slow and plain way to count them."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from app.ledger import CounterKey, Registry, RowKey, Samples
from app.slo import Weights

Points = Iterable[tuple[float, float]]


@dataclass(slots=True)
class Scraped:
    """Samples of counters by target; *good* and *bad* counters of each target are its series 0 and 1."""

    samples: Mapping[tuple[str, int], Points]
    registry: Registry = field(default_factory=Registry)
    indexes: dict[tuple[str, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        row = self.registry.row(RowKey("sli", ()))
        for target, series in self.samples:
            key = CounterKey(hash((target, series)), hash(target))
            weights = Weights(total=1.0, bad=float(series))
            self.indexes[target, series] = self.registry.counter(row, key, weights)

    def between(self, since: float, until: float) -> Samples:
        """The samples in (since, until]."""
        found = [
            (self.indexes[key], at, value)
            for key, points in self.samples.items()
            for at, value in points
            if since < at <= until
        ]
        table = np.array(found, dtype=np.float64).reshape(-1, 3)
        return Samples(
            counter=table[:, 0].astype(np.int64),
            time=table[:, 1],
            value=table[:, 2],
            steady=np.zeros(len(table), dtype=bool),
        )

    def plainly_counted(self) -> tuple[float, float]:
        """Total and bad events behind the first scrape of each target: differences, or the value after a reset.

        A counter that appears on a target that was there, or that was there before its target restarted and not at
        once after, is counted from zero; one that stands still when others fall is no evidence of either. Told apart
        as one would by eye, scrape by scrape.
        """
        total = bad = 0.0
        for target in {target for target, _ in self.samples}:
            for series, increase in self._increases(target):
                total += increase
                bad += series * increase
        return total, bad

    @property
    def doubtful(self) -> float:
        """Events of counters that fell by so little that they may as well have dipped."""
        values = [[value for _, value in points] for points in self.samples.values()]
        return sum(
            value for of_one in values for before, value in itertools.pairwise(of_one) if 0 < before - value <= 2
        )

    def _increases(self, target: str) -> Iterable[tuple[int, float]]:
        scrapes: dict[float, dict[int, float]] = {}
        for (of_target, series), points in self.samples.items():
            if of_target == target:
                for at, value in points:
                    scrapes.setdefault(at, {})[series] = value
        stood: dict[int, float] = {}
        for number, at in enumerate(sorted(scrapes)):
            shown = scrapes[at]
            fell = {series for series, value in shown.items() if value < stood.get(series, 0.0)}
            known = [series for series in shown if series in stood]
            still = {series for series in known if shown[series] == stood[series]}
            whole = (
                bool(fell)
                and 2 * sum(stood[series] for series in fell) >= sum(stood[series] for series in known)
                and all(stood[series] <= 10 for series in still)
            )
            for series, value in shown.items():
                if number:
                    from_zero = series in fell or (whole and series not in still)
                    yield series, value if from_zero else value - stood.get(series, 0.0)
            stood = shown if whole else stood | shown


def lives(seed: int, *, targets: int = 3, scrapes: int = 60, interval: float = 30.0, start: float = 0.0) -> Scraped:
    """Targets as they are: they start late, restart, and vanish for a while; errors appear with the first of them."""
    dice = np.random.default_rng(seed)
    samples: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for number in range(targets):
        name = f"api-{number}:80"
        phase = start + float(np.round(dice.uniform(0, interval), 3))
        counts = {0: 0.0, 1: 0.0}
        gone = int(dice.integers(0, scrapes)) if dice.random() < 0.5 else -100
        length = int(dice.integers(1, 25))
        first = int(dice.integers(0, 20)) if number else 0
        for scrape in range(first, scrapes):
            if dice.random() < 0.05:
                counts = {0: 0.0, 1: 0.0}
            busy = dice.random() < 0.9
            bad = float(dice.poisson(2.0)) if busy and dice.random() < 0.3 else 0.0
            counts[0] += float(dice.poisson(20.0)) * busy + bad
            counts[1] += bad
            if dice.random() < 0.05 or gone <= scrape < gone + length:
                continue
            at = phase + scrape * interval
            samples.setdefault((name, 0), []).append((at, counts[0]))
            if counts[1]:
                samples.setdefault((name, 1), []).append((at, counts[1]))
    return Scraped(samples)
