"""How good a page can be at all: one that knows how the months are made, and weighs every event by it.

In each slot it computes how likely it is that a page would be right now, in an incident that deserves one or within an
hour after it, given all requests and failures so far and the true burn rates, lengths and frequencies of all that
happens in such months. It pages while that chance is above a threshold. No rule can know as much.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property

import numpy as np

from app.alerting import LONGEST_HISTORY_DAYS, default_policies
from app.slo import Evidence, RollingWindow, format_percent
from app.slo.arrays import Floats
from bench.simulated_months import DESERVES_A_PAGE, SLOTS, Kind, Month, Trouble, month, troubles
from bench.simulation import LEVELS, Score, pages

_HOUR = 120
_HALF_A_DAY = 12 * _HOUR
_THRESHOLDS = (0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
_EVIDENCE = (0.999, 0.99, 0.98, 0.95)
_PARTS = 4
# Burn rates of varied months are taken in so many steps.
_GRID = 6
_CELLS = ((0.99, "10 an hour"), (0.999, "10 an hour"), (0.999, "1 a minute"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lengths:
    """How long one kind of trouble may last, in slots: evenly from the *shortest* to the *longest*."""

    shortest: float
    longest: float

    def lasts(self, slots: int) -> float:
        """The chance that it lasts longer than so many slots, less half a one."""
        if self.longest - self.shortest < 1.0:
            return float(slots < max(1.0, self.longest) + 0.5)
        return float(np.clip((self.longest + 0.5 - slots) / (self.longest - self.shortest), 0.0, 1.0))


def run(*, months: int, seed: int, levels: Sequence[str], kind: Kind = Kind.ALIKE) -> None:
    """Print what can be reached, and what alerts reach in the same months: recall at each precision."""
    print("| objective | traffic | who | precision | once | recall |")
    print("|---|---|---|---|---|---|")
    for objective, level in (cell for cell in _CELLS if cell[1] in levels):
        tasks = [(objective, level, months // _PARTS, seed * _PARTS + part, kind) for part in range(_PARTS)]
        with ProcessPoolExecutor() as workers:
            parts = list(workers.map(_scores, tasks))
        for who in parts[0]:
            scores = [part[who] for part in parts]
            told = sum(len(score.detection) for score in scores)
            sent = sum(score.pages for score in scores)
            wrong = sent - sum(score.right for score in scores)
            recall = told / sum(score.incidents for score in scores)
            print(
                f"| {format_percent(objective)} | {level} | {who} | {1 - wrong / max(sent, 1):.2f} "
                f"| {told / max(told + wrong, 1):.2f} | {recall:.2f} |",
                flush=True,
            )


def chances(lived: Month, *, objective: float, kind: Kind = Kind.ALIKE) -> Floats:
    """The chance that a page would be right at each slot, shape (SLOTS,)."""
    outage = 1.0 / (1.0 - objective)
    known = troubles(outage=outage) if kind is Kind.ALIKE else _any_troubles(outage=outage)
    everything = [_Weighed(lived, trouble, 1.0 - objective) for trouble in known]
    often = 1.0 if kind is Kind.ALIKE else 3.0 / _GRID
    # What is over is a time like any other, only likelier than that it never was.
    quiet = 1.0 + often * _lately(np.sum([each.over for each in everything], axis=0), _HALF_A_DAY)
    under_way = often * np.array([each.under_way(quiet) for each in everything])
    just_over = often * np.array([_lately(each.over, _HOUR) / quiet for each in everything])
    deserves = [each.trouble.least_share >= DESERVES_A_PAGE for each in everything]
    chance: Floats = (under_way + just_over)[deserves].sum(axis=0) / (1.0 + under_way.sum(axis=0))
    return chance


def _any_troubles(*, outage: float) -> tuple[Trouble, ...]:
    """What happens in varied months, in steps of burn rates: three a month that deserve a page, and three not."""
    edges = np.exp(np.linspace(np.log(15.0), np.log(outage), _GRID + 1))
    rates = np.sqrt(edges[1:] * edges[:-1]).tolist()
    return tuple(
        Trouble(kind="any", burn_rate=rate, least_share=least, most_share=most)
        for least, most in ((0.03, 0.2), (0.002, 0.012))
        for rate in rates
    )


class _Weighed:
    """How much likelier one kind of trouble is than that all is well."""

    def __init__(self, lived: Month, trouble: Trouble, error_budget: float) -> None:
        self.trouble = trouble
        healthy, ill = lived.base * error_budget, min(trouble.burn_rate * error_budget, 1.0 - 1e-9)
        good = lived.total - lived.bad
        evidence = lived.bad * np.log(ill / healthy) + good * np.log((1.0 - ill) / (1.0 - healthy))
        self._sums = np.concatenate([[0.0], np.cumsum(evidence)])
        self._lengths = _Lengths(
            shortest=trouble.least_share * SLOTS / trouble.burn_rate,
            longest=trouble.most_share * SLOTS / trouble.burn_rate,
        )

    @cached_property
    def over(self) -> Floats:
        """At each slot: that it has just ended."""
        weights = np.zeros(SLOTS)
        for slots in range(max(1, int(self._lengths.shortest) - 1), self._most + 1):
            ends = self._lengths.lasts(slots) - self._lengths.lasts(slots + 1)
            if ends > 0:
                weights[slots - 1 :] += ends * np.exp(self._sums[slots:] - self._sums[:-slots]) / SLOTS
        return weights

    def under_way(self, quiet: Floats) -> Floats:
        """At each slot: that it goes on; *quiet* is the weight of all that may have gone before it."""
        weights = np.zeros(SLOTS)
        for slots in range(1, self._most + 1):
            before = np.minimum(1.0, quiet[: SLOTS - slots + 1] / quiet[slots - 1 :])
            began = before * np.exp(self._sums[slots:] - self._sums[:-slots]) / SLOTS
            weights[slots - 1 :] += self._lengths.lasts(slots) * began
        return weights

    @property
    def _most(self) -> int:
        return int(np.ceil(self._lengths.longest))


def _lately(weights: Floats, slots: int) -> Floats:
    """The sum over the last *slots* slots."""
    # The difference of two sums so far would lose the small weights behind the large ones.
    recent: Floats = np.convolve(weights, np.ones(slots))[:SLOTS]
    return recent


def _pages(chance: Floats, threshold: float) -> Iterator[tuple[int, int]]:
    """From which slot to which it pages; what begins within an hour after a page is the same page."""
    hot = np.flatnonzero(chance >= threshold)
    for part in np.split(hot, np.flatnonzero(np.diff(hot) > _HOUR) + 1):
        if len(part):
            yield int(part[0]), int(part[-1])


def _scores(task: tuple[float, str, int, int, Kind]) -> dict[str, Score]:
    objective, level, months, seed, kind = task
    source = np.random.default_rng(seed)
    policy = default_policies(RollingWindow(timedelta(days=30)), objective)[0]
    asked = {"plain": None} | {f"evidence {format_percent(one)}": Evidence(level=one) for one in _EVIDENCE}
    scores = {who: Score() for who in (*asked, *(_knowing(threshold) for threshold in _THRESHOLDS))}
    for _ in range(months):
        lived = month(
            source, objective=objective, per_second=LEVELS[level], kind=kind, days_before=LONGEST_HISTORY_DAYS
        )
        for who, evidence in asked.items():
            scores[who].add(list(pages(lived, replace(policy, evidence=evidence), objective)), lived.incidents)
        chance = chances(lived, objective=objective, kind=kind)
        for threshold in _THRESHOLDS:
            scores[_knowing(threshold)].add(list(_pages(chance, threshold)), lived.incidents)
    return scores


def _knowing(threshold: float) -> str:
    return f"knows all, above {threshold}"
