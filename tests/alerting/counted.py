"""A service, slot by slot, and the page that judges it from the counts of its windows."""

from dataclasses import replace
from datetime import datetime, timedelta

from app.alerting import (
    Alert,
    NormalRate,
    Reading,
    RuleReading,
    Transition,
    WindowCounts,
    default_policies,
    needed_windows,
    step,
)
from app.slo import Evidence, RollingWindow, SeverityPolicy
from tests.alerting.scripts import SLO, SLOT, START

PAGE = default_policies(RollingWindow(timedelta(days=30)), 0.999)[0]
PLAIN = replace(PAGE, evidence=None)


def with_evidence(level: float = 0.99, min_bad_events: float = 2.0) -> SeverityPolicy:
    """The default page with another guard."""
    return replace(PAGE, evidence=Evidence(level=level, min_bad_events=min_bad_events))


class Service:
    """Counts by slot as (total, bad); an objective of 99.9% unless said otherwise."""

    def __init__(
        self,
        *slots: tuple[float, float],
        objective: float = 0.999,
        length: timedelta = SLOT,
        normal: NormalRate | None = None,
    ) -> None:
        self._sums = [(0.0, 0.0, 0)]
        self._error_budget = 1 - objective
        self._slot = length
        self._normal = normal
        for total, bad in slots:
            self.then(1, total, bad)

    def then(self, count: int, total: float, bad: float = 0.0) -> "Service":
        """Go on for *count* slots."""
        for _ in range(count):
            # Rounded, since what never was bad must sum up to no bad event at all.
            before = self._sums[-1]
            self._sums.append((round(before[0] + total, 6), round(before[1] + bad, 6), before[2] + (bad > 0)))
        return self

    @property
    def length(self) -> int:
        """The number of slots so far."""
        return len(self._sums) - 1

    def reading(self, number: int, policy: SeverityPolicy, ended: datetime | None = None) -> Reading:
        """What is known at one slot, of an alert that last *ended* at another."""
        return Reading(
            rules=tuple(self._tier(number, tier.long, tier.short) for tier in policy.rules),
            recent=tuple(self._counts(number, window) for window in needed_windows(policy)),
            error_budget=self._error_budget,
            since_end=None if ended is None else self._counts(number, self.at(number) - ended),
            normal=self._normal,
        )

    def lives(self, policy: SeverityPolicy) -> tuple[list[Alert], list[Transition]]:
        """The alert after every slot, and all that changed."""
        alert = Alert(slo=SLO, severity=policy.severity)
        alerts: list[Alert] = []
        changes: list[Transition] = []
        for number in range(self.length):
            reading = self.reading(number, policy, alert.resolved_at)
            alert, changed = step(alert, reading, policy, at=self.at(number))
            alerts.append(alert)
            changes += changed
        return alerts, changes

    def deeds(self, policy: SeverityPolicy = PAGE) -> list[tuple[int, str]]:
        """Slot and kind of all that changed."""
        return [((change.at - self.at(0)) // self._slot, str(change.kind)) for change in self.lives(policy)[1]]

    def at(self, number: int) -> datetime:
        """The time of a slot."""
        return START + number * self._slot

    def _counts(self, number: int, window: timedelta) -> WindowCounts:
        end, begin = self._sums[number + 1], self._sums[max(0, number + 1 - window // self._slot)]
        total, bad, moments = (round(last - first, 6) for last, first in zip(end, begin, strict=True))
        return WindowCounts(window=window, total=total, bad=bad, bad_slots=moments)

    def _tier(self, number: int, long: timedelta, short: timedelta) -> RuleReading:
        far, near = self._counts(number, long), self._counts(number, short)
        return RuleReading(
            long_burn_rate=self._burn_rate(far),
            short_burn_rate=self._burn_rate(near),
            good=far.total - far.bad,
            bad=far.bad,
            bad_slots=far.bad_slots,
        )

    def _burn_rate(self, counts: WindowCounts) -> float:
        return counts.bad / counts.total / self._error_budget if counts.total else float("nan")
