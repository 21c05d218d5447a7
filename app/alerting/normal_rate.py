"""What share of its events is normally bad for a service, and which errors are unlike that (ADR-0082).

Evidence against what the objective allows is too much to ask of a service that seldom fails, and too little of one that
often does. The rate is taken from whole days of history, incidents left out, and never above what the objective allows:
a service that becomes worse and worse does not become normal by that.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from app.alerting.binomial import chance_of_at_least
from app.slo.arrays import Floats

LONGEST_HISTORY_DAYS = 28
"""Four weeks: as many of each weekday."""
# With fewer days a service is judged by what its objective allows, as if nothing were known of it.
_SHORTEST_HISTORY_DAYS = 7
_DAY_S = 86_400.0
# Late samples count in the day that they belong to: a day is looked at when it has been over for an hour.
_SETTLED_S = 3600.0
# What a service does before anything is known of it: one bad event at the rate that the objective allows. With weeks of
# history that is one more bad event than were counted.
_PRIOR_BAD = 1.0
# At a confidence of 99% a service at its normal rate looks like one that burns twice a year. Measured on simulated
# months (docs/low-traffic.md): at half as many recall is lower by 0.02, at twice as many precision by 0.02.
_FALSE_ALARMS_A_YEAR = 200.0
_YEAR_HOURS = 8766.0
# Share of what is worth an alert that the errors must have spent, were there no more events than usual in that time.
# Where ten requests come in an hour, three that fail within five minutes are one client that tries again, or a blip.
_BURST = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalRate:
    """The share of events that is normally bad, without incidents: a ratio, from so many *events* of so many *days*."""

    ratio: float
    events: float
    days: int

    @property
    def explained(self) -> str:
        """The rate in words, such as `normal: 0.02% of events are bad, from 28 days`."""
        return f"normal: {100.0 * self.ratio:.2g}% of events are bad, from {self.days} days"

    def expected(self, error_budget: float) -> float:
        """The ratio to judge by: with what is known before any history, and never above what the objective allows.

        >>> round(NormalRate(ratio=0.0002, events=40_000, days=28).expected(0.001), 6)
        0.00022
        >>> NormalRate(ratio=0.5, events=40_000, days=28).expected(0.001)
        0.001
        """
        bad = self.ratio * self.events + _PRIOR_BAD
        return min(bad / (self.events + _PRIOR_BAD / error_budget), error_budget)


Times = TypeVar("Times", float, Floats)


def history_day(at_s: Times) -> Times:
    """The number of the day (of UTC) up to whose beginning history tells what is normal at a time, or at each."""
    return (at_s - _SETTLED_S) // _DAY_S


def history_of(at_s: float, *, since_s: float) -> tuple[float, float] | None:
    """From when to when history tells what is normal at *at_s*: whole days of UTC, unix seconds; None if too few.

    *since_s* is where the history begins.

    >>> day = 86_400.0
    >>> [history_of(at_s, since_s=0.5 * day) for at_s in (8 * day, 8 * day + 3600.0)]
    [None, (86400.0, 691200.0)]
    """
    end = history_day(at_s)
    start = max(-(-since_s // _DAY_S), end - LONGEST_HISTORY_DAYS)
    return (start * _DAY_S, end * _DAY_S) if end - start >= _SHORTEST_HISTORY_DAYS else None


@dataclass(slots=True, kw_only=True)
class KnownRates:
    """The normal rates of one SLI, each found once for its days of history; of so many days as are *kept*.

    Nothing is stored: the same history gives the same rate after a restart.
    """

    kept: int = 1
    _known: dict[tuple[float, float], NormalRate | None] = field(default_factory=dict)

    def at(
        self, at_s: float, *, since_s: float, share: Callable[[float, float], tuple[float, float] | None]
    ) -> NormalRate | None:
        """What is normal at *at_s*, unix seconds; None while the history is too short, or holds no events.

        *share* gives the normal share of bad events between two times, and the events that it comes from.
        """
        history = history_of(at_s, since_s=since_s)
        if history is None:
            return None
        if history not in self._known:
            if len(self._known) >= self.kept:
                self._known.clear()
            found = share(*history)
            days = round((history[1] - history[0]) / _DAY_S)
            self._known[history] = None if found is None else NormalRate(ratio=found[0], events=found[1], days=days)
        return self._known[history]


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalTraffic:
    """What is normal for an SLO, as its alerts are judged by it.

    *ratio* of its events are bad, *per_hour* events come, and *worth* bad events are worth the alert: what the quickest
    rule calls burning, at that traffic.
    """

    ratio: float
    per_hour: float
    worth: float

    def false_alarms(self, bad: float, total: float) -> float:
        """How often in a year so many of *total* events are bad by chance, counted by where such a series begins.

        >>> normal = NormalTraffic(ratio=0.0002, per_hour=60.0, worth=0.864)
        >>> round(normal.false_alarms(2, 60), 1)
        1.2
        """
        others = max(total, bad) - 1.0
        return self.ratio * self.per_hour * _YEAR_HOURS * chance_of_at_least(bad - 1.0, others, self.ratio)

    def is_unlike(self, bad: float, total: float, *, level: float) -> bool:
        """Whether so many bad events are no chance at the normal rate, with the confidence *level*."""
        return self.false_alarms(bad, total) <= _FALSE_ALARMS_A_YEAR * (1.0 - level)

    def is_worth(self, bad: float, total: float, *, hours: float, share: float, doubt: float) -> bool:
        """Whether bad events within so many *hours* show that a *share* of what is worth the alert is spent.

        Those that are normal count as none; and so do those of a burst of requests, as far as they are more than usual.
        """
        total = max(total, bad)
        if bad * min(1.0, self.per_hour * hours / total) < _BURST * self.worth:
            return False
        return chance_of_at_least(bad, total, self.ratio + share * self.worth / total) <= doubt
