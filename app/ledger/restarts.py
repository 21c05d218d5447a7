"""Restarts: which counters began again from zero between two of their samples.

A counter that falls was reset. One that has passed its old value since hides its reset, as an error counter does in
an incident; but a process resets all its counters at once, so where most of what a target had counted was reset, all
of it was: also what the restarted process has not shown yet, since clients create an error counter with its first
error.
"""

from dataclasses import dataclass

import numpy as np

from app.slo.arrays import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarts:
    """Verdicts on steps of counters, shape (steps,).

    *reset*: the counter was; *whole*: all of its target was at once; *behind*: the counter was last seen with others of
    its target, but not yet when those had restarted, so that it began from zero after that.
    """

    reset: Bools
    whole: Bools
    behind: Bools


def restarts(target: Ints, since: Floats, at: Floats, value: Floats, before: Floats) -> Restarts:
    """Which steps, from *before* to *value* of a counter of *target*, hold a restart; shapes (steps,).

    *before* is NaN where a counter was not there.
    """
    behind = np.zeros(len(target), dtype=bool)
    while True:
        known = np.where(behind, np.nan, before)
        reset = value < known
        whole = _whole(target, at, reset, known)
        found = _behind(target, since, at, whole)
        if (found == behind).all():
            return Restarts(reset=reset | whole, whole=whole, behind=behind)
        # A counter that comes back lower later than its neighbours is no second restart: what it is taken for shows
        # once the first is known, so each round is right a restart further.
        behind = found


def _whole(target: Ints, at: Floats, reset: Bools, before: Floats) -> Bools:
    """Steps of targets of which most of what they had counted was reset."""
    whole = np.zeros(len(target), dtype=bool)
    if not reset.any():
        return whole
    near = np.flatnonzero(np.isin(target, target[reset]) & ~np.isnan(before))
    scrape = _scrapes(target[near], at[near])
    had, lost = np.bincount(scrape, before[near]), np.bincount(scrape, before[near] * reset[near])
    fell = np.bincount(scrape, reset[near]) > 0
    whole[near] = (fell & (lost >= had / 2))[scrape]
    return whole


def _behind(target: Ints, since: Floats, at: Floats, whole: Bools) -> Bools:
    behind = np.zeros(len(target), dtype=bool)
    if not whole.any():
        return behind
    begun: dict[tuple[int, float], float] = {}
    for of_target, seen, restarted in zip(
        target[whole].tolist(), since[whole].tolist(), at[whole].tolist(), strict=True
    ):
        begun[of_target, seen] = min(begun.get((of_target, seen), restarted), restarted)
    for step in np.flatnonzero(np.isin(target, target[whole])):
        restarted_at = begun.get((int(target[step]), float(since[step])))
        behind[step] = restarted_at is not None and at[step] > restarted_at
    return behind


def _scrapes(target: Ints, at: Floats) -> Ints:
    """A number for each scrape of a target, shape (steps,)."""
    order = np.lexsort((at, target))
    differs = (np.diff(target[order]) != 0) | (np.diff(at[order]) != 0)
    numbers = np.empty(len(order), dtype=np.int64)
    numbers[order] = np.concatenate([[0], np.cumsum(differs)])
    return numbers
