"""What alerts do at low and at high traffic, with the guard and without it: the life cycle itself on made-up months.

A page is right if it begins in an incident that spends at least 2 % of the error budget, or within an hour after it.
"""

import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np

from app.alerting import Alert, Reading, RuleReading, TransitionKind, WindowCounts, default_policies, step
from app.alerting.evidence import needed_windows
from app.alerting.normal_rate import LONGEST_HISTORY_DAYS, KnownRates, NormalRate
from app.budget import normal_share
from app.slo import AlertState, RollingWindow, SeverityPolicy, SloId, format_percent
from app.slo.arrays import Floats
from bench.simulated_months import BASE, SLOT_S, SLOTS, Incident, Kind, Month, month, window_sums

LEVELS = {
    "10 an hour": 10 / 3600,
    "1 a minute": 1 / 60,
    "10 a minute": 1 / 6,
    "1 a second": 1.0,
    "10 a second": 10.0,
    "100 a second": 100.0,
    "1,000 a second": 1000.0,
}
OBJECTIVES = (0.99, 0.999)
_HOUR_S, _DAY_S = 3600.0, 86_400.0
_HOUR = _HOUR_S / SLOT_S
# As much history as an alert looks at.
_DAYS_BEFORE = LONGEST_HISTORY_DAYS
_SLOT = timedelta(seconds=SLOT_S)
_START = datetime(2026, 1, 1, tzinfo=UTC)
_HEAD = """\
| objective | traffic | alerts | pages | precision | once | recall | detects in | resets in | each incident | later |
|---|---|---|---|---|---|---|---|---|---|---|"""


@dataclass(slots=True)
class Score:
    """What the pages of many months were worth; times in seconds, *firsts* the first right page of each incident."""

    months: int = 0
    pages: int = 0
    right: int = 0
    incidents: int = 0
    firsts: list[int | None] = field(default_factory=list)
    detection: list[float] = field(default_factory=list)
    reset: list[float] = field(default_factory=list)
    per_incident: list[int] = field(default_factory=list)

    def add(self, pages: Sequence[tuple[int, int]], incidents: Sequence[Incident]) -> None:
        """Take in one month: its pages, from slot to slot, and what happened in it."""
        deserving = [incident for incident in incidents if incident.deserves_a_page]
        self.months += 1
        self.pages += len(pages)
        self.right += sum(any(_tells_of(page, incident) for incident in deserving) for page in pages)
        self.incidents += len(deserving)
        for incident in deserving:
            own = [page for page in pages if _tells_of(page, incident)]
            self.firsts.append(own[0][0] if own else None)
            if own:
                self.detection.append((own[0][0] + 1 - incident.start) * SLOT_S)
                self.reset.append((own[-1][1] + 1 - incident.end) * SLOT_S)
                self.per_incident.append(len(own))

    @property
    def precision(self) -> float:
        """Share of the pages that were right."""
        return self.right / self.pages if self.pages else float("nan")

    @property
    def precision_once(self) -> float:
        """The same if all pages of one incident count as one: share of what was told of that deserved it."""
        told = len(self.detection) + self.pages - self.right
        return len(self.detection) / told if told else float("nan")

    @property
    def recall(self) -> float:
        """Share of the incidents that deserve a page and got one."""
        return len(self.detection) / self.incidents if self.incidents else float("nan")


def run(*, months: int, seed: int, levels: Sequence[str], kind: Kind = Kind.ALIKE, base: float = BASE) -> None:
    """Print the table."""
    print(_HEAD)
    tasks = [(objective, level, months, seed, kind, base) for objective in OBJECTIVES for level in levels]
    with ProcessPoolExecutor() as workers:
        for (objective, level, *_), (plain, guarded) in zip(tasks, workers.map(_compare, tasks), strict=True):
            later = _later(plain, guarded)
            for name, score, delay in (("plain", plain, ""), ("guarded", guarded, later)):
                print(f"| {format_percent(objective)} | {level} | {name} | {_row(score)} | {delay} |")


def compare(
    objective: float, per_second: float, *, months: int, seed: int, kind: Kind = Kind.ALIKE, base: float = BASE
) -> tuple[Score, Score]:
    """The same months, judged by the default page without and with the guard."""
    source = np.random.default_rng(seed)
    policy = default_policies(RollingWindow(timedelta(days=30)), objective)[0]
    plain, guarded = Score(), Score()
    for _ in range(months):
        lived = month(
            source, objective=objective, per_second=per_second, kind=kind, days_before=_DAYS_BEFORE, base=base
        )
        plain.add(list(pages(lived, replace(policy, evidence=None), objective)), lived.incidents)
        guarded.add(list(pages(lived, policy, objective)), lived.incidents)
    return plain, guarded


def pages(lived: Month, policy: SeverityPolicy, objective: float) -> Iterator[tuple[int, int]]:
    """From which slot to which the alert fires; slots in which it sleeps and no tier trips are skipped."""
    windows = _Windows(lived, policy, 1.0 - objective)
    alert = Alert(slo=SloId("simulated"), severity=policy.severity)
    began, slot = 0, -1
    while slot < SLOTS - 1:
        slot = slot + 1 if alert.state is not AlertState.INACTIVE else windows.next_trip(slot + 1)
        if slot >= SLOTS:
            break
        reading = windows.reading(slot, None if alert.resolved_at is None else (alert.resolved_at - _START) // _SLOT)
        alert, changes = step(alert, reading, policy, at=_START + (slot + 1) * _SLOT)
        for change in changes:
            if change.kind is TransitionKind.FIRED:
                began = slot
            elif change.kind is TransitionKind.RESOLVED:
                yield began, slot
    if alert.firing:
        yield began, SLOTS


class _Windows:
    """All windows of a month, and the slots at which a tier trips."""

    def __init__(self, lived: Month, policy: SeverityPolicy, error_budget: float) -> None:
        self._lived = lived
        self._policy = policy
        self._error_budget = error_budget
        lengths = {length for tier in policy.rules for length in (tier.long, tier.short)} | {*needed_windows(policy)}
        self._total = {length: window_sums(lived.total, length // _SLOT) for length in lengths}
        self._bad = {length: window_sums(lived.bad, length // _SLOT) for length in lengths}
        self._bad_slots = {tier.long: window_sums(np.sign(lived.bad), tier.long // _SLOT) for tier in policy.rules}
        self._burn = {length: self._burn_rate(length) for length in lengths}
        self._normal = KnownRates()
        trips = np.zeros(SLOTS, dtype=bool)
        for tier in policy.rules:
            trips |= (self._burn[tier.long] >= tier.factor) & (self._burn[tier.short] >= tier.factor)
        self._trips = np.flatnonzero(trips)

    def next_trip(self, slot: int) -> int:
        """The first slot from *slot* on at which a tier trips."""
        place = int(np.searchsorted(self._trips, slot))
        return int(self._trips[place]) if place < len(self._trips) else SLOTS

    def reading(self, slot: int, ended: int | None) -> Reading:
        """What is known at a slot; the alert last *ended* before a slot."""
        return Reading(
            rules=tuple(
                RuleReading(
                    long_burn_rate=float(self._burn[tier.long][slot]),
                    short_burn_rate=float(self._burn[tier.short][slot]),
                    good=float(self._total[tier.long][slot] - self._bad[tier.long][slot]),
                    bad=float(self._bad[tier.long][slot]),
                    bad_slots=float(self._bad_slots[tier.long][slot]),
                )
                for tier in self._policy.rules
            ),
            recent=tuple(
                WindowCounts(window=length, total=float(self._total[length][slot]), bad=float(self._bad[length][slot]))
                for length in needed_windows(self._policy)
            ),
            error_budget=self._error_budget,
            since_end=None if ended is None else self._since(ended, slot),
            normal=self._normal_rate(slot),
        )

    def _normal_rate(self, slot: int) -> NormalRate | None:
        """What is normal by the whole days before a slot, and those before the month."""
        since_s = -_DAY_S * self._lived.days_before
        return self._normal.at((slot + 1.0) * SLOT_S, since_s=since_s, share=self._normal_share)

    def _normal_share(self, start_s: float, end_s: float) -> tuple[float, float] | None:
        first, last = (round(bound_s / _HOUR_S) + 24 * self._lived.days_before for bound_s in (start_s, end_s))
        return normal_share(*(counts[first:last] for counts in self._hours))

    @cached_property
    def _hours(self) -> tuple[Floats, Floats]:
        """Requests and failures of each hour, those before the month too."""
        total, bad = (
            np.concatenate([before, counts.reshape(-1, round(_HOUR)).sum(axis=1)])
            for before, counts in zip(self._lived.hours_before, (self._lived.total, self._lived.bad), strict=True)
        )
        return total, bad

    def _since(self, ended: int, slot: int) -> WindowCounts:
        total, bad = (float(counts[ended : slot + 1].sum()) for counts in (self._lived.total, self._lived.bad))
        moments = float(np.count_nonzero(self._lived.bad[ended : slot + 1]))
        return WindowCounts(window=(slot + 1 - ended) * _SLOT, total=total, bad=bad, bad_slots=moments)

    def _burn_rate(self, length: timedelta) -> Floats:
        total, bad = self._total[length], self._bad[length]
        ratio: Floats = np.divide(bad, total, out=np.full_like(total, np.nan), where=total > 0)
        return ratio / self._error_budget


def _compare(task: tuple[float, str, int, int, Kind, float]) -> tuple[Score, Score]:
    objective, level, months, seed, kind, base = task
    return compare(objective, LEVELS[level], months=months, seed=seed, kind=kind, base=base)


def _tells_of(page: tuple[int, int], incident: Incident) -> bool:
    return incident.start <= page[0] + 1 and page[0] <= incident.end + _HOUR


def _row(score: Score) -> str:
    return " | ".join(
        (
            f"{score.pages / score.months:.1f}",
            f"{score.precision:.2f}",
            f"{score.precision_once:.2f}",
            f"{score.recall:.2f}",
            f"{_median(score.detection):,.0f} s",
            f"{_median(score.reset):,.0f} s",
            f"{statistics.fmean(score.per_incident) if score.per_incident else float('nan'):.1f}",
        )
    )


def _later(plain: Score, guarded: Score) -> str:
    """In how many incidents that both tell of the guarded page came later."""
    both = [
        (early, late)
        for early, late in zip(plain.firsts, guarded.firsts, strict=True)
        if early is not None and late is not None
    ]
    return f"{sum(late > early for early, late in both) / len(both):.0%}" if both else "-"


def _median(values: Sequence[float]) -> float:
    return statistics.median(values) if values else float("nan")
