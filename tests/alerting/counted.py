"""A service, slot by slot, and the page that judges it from the counts of its windows."""

from dataclasses import replace
from datetime import timedelta

from app.alerting import Alert, Reading, TierReading, Transition, WindowCounts, default_policies, needed_windows, step
from app.slo import Evidence, RollingWindow, SeverityPolicy
from tests.alerting.scripts import SLO, SLOT, slot

PAGE = default_policies(RollingWindow(timedelta(days=30)), 0.999)[0]
PLAIN = replace(PAGE, evidence=None)


def with_evidence(level: float = 0.99, min_bad_events: float = 2.0) -> SeverityPolicy:
    """The default page with another guard."""
    return replace(PAGE, evidence=Evidence(level=level, min_bad_events=min_bad_events))


class Service:
    """Counts by slot as (total, bad); an objective of 99.9 % unless said otherwise."""

    def __init__(self, *slots: tuple[float, float], objective: float = 0.999) -> None:
        self._slots = list(slots)
        self._error_budget = 1 - objective

    def then(self, count: int, total: float, bad: float = 0.0) -> "Service":
        """Go on for *count* slots."""
        self._slots += [(total, bad)] * count
        return self

    @property
    def length(self) -> int:
        """The number of slots so far."""
        return len(self._slots)

    def reading(self, number: int, policy: SeverityPolicy) -> Reading:
        """What is known at one slot."""
        return Reading(
            tiers=tuple(self._tier(number, tier.long, tier.short) for tier in policy.tiers),
            recent=tuple(self._counts(number, window) for window in needed_windows(policy)),
            error_budget=self._error_budget,
        )

    def lives(self, policy: SeverityPolicy) -> tuple[list[Alert], list[Transition]]:
        """The alert after every slot, and all that changed."""
        alert = Alert(slo=SLO, severity=policy.severity)
        alerts: list[Alert] = []
        changes: list[Transition] = []
        for number in range(self.length):
            alert, changed = step(alert, self.reading(number, policy), policy, at=slot(number))
            alerts.append(alert)
            changes += changed
        return alerts, changes

    def deeds(self, policy: SeverityPolicy = PAGE) -> list[tuple[int, str]]:
        """Slot and kind of all that changed."""
        return [((change.at - slot(0)) // SLOT, str(change.kind)) for change in self.lives(policy)[1]]

    def _counts(self, number: int, window: timedelta) -> WindowCounts:
        slots = self._slots[max(0, number + 1 - window // SLOT) : number + 1]
        return WindowCounts(window=window, total=sum(one[0] for one in slots), bad=sum(one[1] for one in slots))

    def _tier(self, number: int, long: timedelta, short: timedelta) -> TierReading:
        far, near = self._counts(number, long), self._counts(number, short)
        return TierReading(
            long_burn_rate=self._burn_rate(far),
            short_burn_rate=self._burn_rate(near),
            good=far.total - far.bad,
            bad=far.bad,
        )

    def _burn_rate(self, counts: WindowCounts) -> float:
        return counts.bad / counts.total / self._error_budget if counts.total else float("nan")
