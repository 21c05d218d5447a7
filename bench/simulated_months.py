"""Months of one service, made up: how many requests came in each slot, how many failed, and the incidents behind it."""

from dataclasses import dataclass

import numpy as np

from app.slo.arrays import Floats, Ints

SLOT_S = 30
SLOTS = 30 * 86_400 // SLOT_S
DESERVES_A_PAGE = 0.02
_DAY = 86_400 // SLOT_S
_BASE = 0.2
_BLIP = 0.01
_HOUR_SHARE = 1 / 720


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """A time of trouble, in slots; *share* of the month's error budget is spent in it."""

    kind: str
    start: float
    end: float
    share: float

    @property
    def deserves_a_page(self) -> bool:
        """Whether it spends enough of the budget to wake somebody."""
        return self.share >= DESERVES_A_PAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """One month: requests and failures by slot, shape (SLOTS,)."""

    total: Ints
    bad: Ints
    incidents: tuple[Incident, ...]


def month(source: np.random.Generator, *, objective: float, per_second: float) -> Month:
    """A month with three incidents that deserve a page and three that do not, each on a day of its own.

    Requests are Poisson, failures binomial; a healthy service fails at a fifth of what the objective allows.
    """
    error_budget = 1.0 - objective
    incidents = _incidents(source, outage=1.0 / error_budget)
    ratio = np.full(SLOTS, _BASE * error_budget)
    for incident in incidents:
        burn_rate = incident.share * SLOTS / (incident.end - incident.start)
        slots = np.arange(int(incident.start), int(np.ceil(incident.end)))
        part = np.minimum(slots + 1, incident.end) - np.maximum(slots, incident.start)
        ratio[slots] += part * (burn_rate * error_budget - ratio[slots])
    total = source.poisson(per_second * SLOT_S, SLOTS)
    bad = source.binomial(total, np.clip(ratio, 0.0, 1.0))
    return Month(total=total, bad=bad, incidents=incidents)


def window_sums(counts: Ints, slots: int) -> Floats:
    """The sum of the last *slots* slots at each slot; the beginning has fewer."""
    sums = np.concatenate([[0], np.cumsum(counts)])
    ends = np.arange(1, len(counts) + 1)
    window: Floats = (sums[ends] - sums[np.maximum(ends - slots, 0)]).astype(np.float64)
    return window


def _incidents(source: np.random.Generator, *, outage: float) -> tuple[Incident, ...]:
    wanted = [
        ("outage", outage, source.uniform(0.08, 0.12)),
        ("100x", 100.0, source.uniform(0.08, 0.12)),
        ("20x", 20.0, source.uniform(0.08, 0.12)),
        ("blip, outage", outage, _BLIP),
        ("blip, 100x", 100.0, _BLIP),
        ("an hour of 10x", 10.0, 10 * _HOUR_SHARE),
    ]
    days = source.choice(np.arange(1, 29), len(wanted), replace=False)
    incidents = []
    for (kind, burn_rate, share), day in zip(wanted, days, strict=True):
        start = float(day * _DAY + source.uniform(0, 0.8 * _DAY))
        incidents.append(Incident(kind=kind, start=start, end=start + share * SLOTS / burn_rate, share=share))
    return tuple(incidents)
