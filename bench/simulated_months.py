"""Months of one service, made up: how many requests came in each slot, how many failed, and the incidents behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from app.slo.arrays import Floats, Ints

SLOT_S = 30
SLOTS = 30 * 86_400 // SLOT_S
DESERVES_A_PAGE = 0.02
_DAY = 86_400 // SLOT_S
BASE = 0.2
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A kind of incident: its burn rate, and how much of the month's budget it spends."""

    kind: str
    burn_rate: float
    least_share: float
    most_share: float


def troubles(*, outage: float) -> tuple[Trouble, ...]:
    """What happens once in each month that is like the others."""
    deserving = (("outage", outage), ("100x", 100.0), ("20x", 20.0))
    blips = (("blip, outage", outage, _BLIP), ("blip, 100x", 100.0, _BLIP), ("an hour of 10x", 10.0, 10 * _HOUR_SHARE))
    return (
        *(Trouble(kind=kind, burn_rate=rate, least_share=0.08, most_share=0.12) for kind, rate in deserving),
        *(Trouble(kind=kind, burn_rate=rate, least_share=share, most_share=share) for kind, rate, share in blips),
    )


class Kind(StrEnum):
    """What months are like: all alike, as those in the workbook's example, or each another."""

    ALIKE = "alike"
    VARIED = "varied"


def month(source: np.random.Generator, *, objective: float, per_second: float, kind: Kind = Kind.ALIKE) -> Month:
    """A month with three incidents that deserve a page and three that do not, each on a day of its own.

    Requests are Poisson, failures binomial; a healthy service fails at a fifth of what the objective allows. A varied
    month has its own base, day and night, and one to five incidents of any burn rate and size.
    """
    error_budget = 1.0 - objective
    outage = 1.0 / error_budget
    incidents = _incidents(source, outage=outage) if kind is Kind.ALIKE else _any_incidents(source, outage=outage)
    base = BASE if kind is Kind.ALIKE else source.uniform(0.05, 0.4)
    ratio = np.full(SLOTS, base * error_budget)
    for incident in incidents:
        burn_rate = incident.share * SLOTS / (incident.end - incident.start)
        slots = np.arange(int(incident.start), int(np.ceil(incident.end)))
        part = np.minimum(slots + 1, incident.end) - np.maximum(slots, incident.start)
        ratio[slots] += part * (burn_rate * error_budget - ratio[slots])
    total = source.poisson(per_second * SLOT_S * _busy(source, kind), SLOTS)
    bad = source.binomial(total, np.clip(ratio, 0.0, 1.0))
    return Month(total=total, bad=bad, incidents=incidents)


def _busy(source: np.random.Generator, kind: Kind) -> Floats | float:
    """The share of the usual traffic at each slot: with day and night, at most ten to one, in varied months."""
    if kind is Kind.ALIKE:
        return 1.0
    day = np.sin(2 * np.pi * (np.arange(SLOTS) / _DAY + source.uniform()))
    busy: Floats = 1.0 + source.uniform(0.0, 0.82) * day
    return busy


def window_sums(counts: Ints, slots: int) -> Floats:
    """The sum of the last *slots* slots at each slot; the beginning has fewer."""
    sums = np.concatenate([[0], np.cumsum(counts)])
    ends = np.arange(1, len(counts) + 1)
    window: Floats = (sums[ends] - sums[np.maximum(ends - slots, 0)]).astype(np.float64)
    return window


def _incidents(source: np.random.Generator, *, outage: float) -> tuple[Incident, ...]:
    wanted = [
        (each.kind, each.burn_rate, source.uniform(each.least_share, each.most_share))
        for each in troubles(outage=outage)
    ]
    return _on_days(source, wanted)


def _any_incidents(source: np.random.Generator, *, outage: float) -> tuple[Incident, ...]:
    """Incidents that burn at 15 up to a total outage and spend 3 to 20 % of the budget, and as many that spend 1 %."""
    count = int(source.integers(1, 6))
    burn_rates = np.exp(source.uniform(np.log(15.0), np.log(outage), 2 * count))
    shares = [*source.uniform(0.03, 0.2, count), *source.uniform(0.002, 0.012, count)]
    return _on_days(source, [("any", float(rate), share) for rate, share in zip(burn_rates, shares, strict=True)])


def _on_days(source: np.random.Generator, wanted: Sequence[tuple[str, float, float]]) -> tuple[Incident, ...]:
    days = source.choice(np.arange(1, 29), len(wanted), replace=False)
    incidents = []
    for (kind, burn_rate, share), day in zip(wanted, days, strict=True):
        start = float(day * _DAY + source.uniform(0, 0.8 * _DAY))
        incidents.append(Incident(kind=kind, start=start, end=start + share * SLOTS / burn_rate, share=share))
    return tuple(incidents)
