"""Months of one service, made up: how many requests came in each slot, how many failed, and the incidents behind it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
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
    """One month: requests and failures by slot, shape (SLOTS,), and by hour of days before it, shape (2, hours).

    *base* is the burn rate without incidents.
    """

    total: Ints
    bad: Ints
    incidents: tuple[Incident, ...]
    base: float = BASE
    hours_before: Floats = field(default_factory=lambda: np.zeros((2, 0)))

    @property
    def days_before(self) -> int:
        """How many days there are before it."""
        return int(self.hours_before.shape[1]) // 24


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


def month(
    source: np.random.Generator,
    *,
    objective: float,
    per_second: float,
    kind: Kind = Kind.ALIKE,
    days_before: int = 0,
    base: float = BASE,
) -> Month:
    """A month with three incidents that deserve a page and three that do not, each on a day of its own.

    Requests are Poisson, failures binomial; a healthy service burns at *base*. A varied month has its own base, day and
    night, and one to five incidents of any burn rate and size. *days_before* is how many days of the same service, with
    incidents of their own, come before it.
    """
    error_budget = 1.0 - objective
    outage = 1.0 / error_budget
    draw = _incidents if kind is Kind.ALIKE else _any_incidents
    incidents = draw(source, outage=outage)
    healthy = (base if kind is Kind.ALIKE else source.uniform(0.05, 0.4)) * error_budget
    ratio = _ratio(incidents, base=healthy, error_budget=error_budget)
    busy = _busy(source, kind)
    total = source.poisson(per_second * SLOT_S * busy, SLOTS)
    bad = source.binomial(total, np.clip(ratio, 0.0, 1.0))
    hours_before = np.zeros((2, 0))
    if days_before:
        # Of a source of its own: a month is the same whether it has a history or not.
        earlier = np.random.default_rng(int(total.sum()) + 1)
        ratio = _ratio(draw(earlier, outage=outage), base=healthy, error_budget=error_budget)
        hours_before = _hours(earlier, per_second * SLOT_S * busy * np.ones(SLOTS), ratio)[:, -24 * days_before :]
    return Month(total=total, bad=bad, incidents=incidents, base=healthy / error_budget, hours_before=hours_before)


def _ratio(incidents: Sequence[Incident], *, base: float, error_budget: float) -> Floats:
    """The share of requests that fails in each slot."""
    ratio = np.full(SLOTS, base)
    for incident in incidents:
        burn_rate = incident.share * SLOTS / (incident.end - incident.start)
        slots = np.arange(int(incident.start), int(np.ceil(incident.end)))
        part = np.minimum(slots + 1, incident.end) - np.maximum(slots, incident.start)
        ratio[slots] += part * (burn_rate * error_budget - ratio[slots])
    return ratio


def _hours(source: np.random.Generator, expected: Floats, ratio: Floats) -> Floats:
    """Requests and failures of each hour, shape (2, hours)."""
    total = source.poisson(expected)
    bad = source.binomial(total, np.clip(ratio, 0.0, 1.0))
    return np.stack([column.reshape(-1, 3600 // SLOT_S).sum(axis=1) for column in (total, bad)]).astype(np.float64)


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
