"""Random pairs of an SLO and of what happens to a service: whole events by slot, and the rule that says it exactly.

The rule has no `rate` and no floating point in it: increases are differences of counters that never reset, and the
burn rate reaches the factor when ``bad x denominator >= total x numerator``.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from itertools import accumulate, chain

import numpy as np

from app.slo import BurnRateRule, Severity, SeverityPolicy, format_duration
from tests.alerting.promtool import INTERVAL
from tests.evaluation.memory import Floats, Series
from tests.evaluation.plain import requests

OBJECTIVES = ("50", "90", "95", "99", "99.5", "99.9", "99.95", "99.99")
FACTORS = ("1", "1.4", "2.8", "3", "5.6", "6", "9", "13.44", "14.4", "18", "43.2")
IDLE = 60
"""Slots without events before the first that count, so that what is new about a service is over."""
LONG, SHORT = (8, 10, 20, 30, 50), (2, 3, 4, 6)
"""Windows in slots, short enough that a series of two hours fires and resolves many times.

They hold two scrapes at least: shorter ones are made longer (ADR-0029).
"""

Increase = Callable[[str, timedelta], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedPair:
    """An SLO, and the good and bad events of its service in every slot."""

    name: str
    objective: str
    policies: tuple[SeverityPolicy, ...]
    events: tuple[tuple[int, int], ...]

    @property
    def document(self) -> dict[str, object]:
        """The SLO as a document."""
        everything = f'http_requests_total{{job="{self.name}"}}'
        sli = {"total": everything, "bad": everything.replace("}", ',code=~"5.."}')}
        alerting: dict[str, object] = {"page": "off", "ticket": "off", "evidence": "off", "resolve_no_traffic_after": 0}
        alerting |= {str(policy.severity): _policy_document(policy) for policy in self.policies}
        slo = {"name": "it", "objective": float(self.objective), "window": "1d", "sli": sli, "alerting": alerting}
        return {"service": self.name, "slos": [slo]}

    @property
    def counters(self) -> dict[str, list[int]]:
        """What never resets, by the name of its series, with one value a slot."""
        good, bad = zip(*self.events, strict=True)
        return {self._counter("good"): list(accumulate(good)), self._counter("bad"): list(accumulate(bad))}

    @property
    def meets_a_factor(self) -> bool:
        """Whether the burn rate of some window is, in some slot, exactly the factor of its tier."""
        tiers = chain.from_iterable(policy.rules for policy in self.policies)
        return any(self._meets(self._ratio(tier), window) for tier in tiers for window in (tier.long, tier.short))

    def expr(self, policy: SeverityPolicy, increase: Increase) -> str:
        """When one severity burns, exactly, given how the *increase* of a counter over a window is said."""
        return " or ".join(self._trips(tier, increase) for tier in policy.rules)

    def scraped(self, start: float, dice: random.Random, *, errors_from_zero: bool = False) -> list[Series]:
        """What Prometheus saw of it, idle before *start*: a scrape at the end of every slot, of counters that restart.

        Half of the services have no series of errors before the first error, unless *errors_from_zero* or that slot
        has so many more errors than other requests that they may as well be those of an older series.
        """
        events = [(0, 0)] * IDLE + list(self.events)
        times: Floats = start + (np.arange(len(events), dtype=np.float64) - IDLE) * INTERVAL.total_seconds()
        values = _scraped_values(events, dice)
        errors = np.flatnonzero(values[:, 1])
        first = int(errors[0]) if errors.size and not errors_from_zero and dice.random() < 0.5 else 0
        good, bad = events[first]
        first = first if bad <= (3 * good or 100) else 0
        return [
            Series(labels=requests(self.name, "200"), times=times, values=values[:, 0]),
            Series(labels=requests(self.name, "500"), times=times[first:], values=values[first:, 1]),
        ]

    def _trips(self, tier: BurnRateRule, increase: Increase) -> str:
        ratio = self._ratio(tier)
        counters = (self._counter("bad"), self._counter("good"))
        both = " and ".join(
            f"({bad} + {good} > 0 and {bad} * {ratio.denominator} >= ({bad} + {good}) * {ratio.numerator})"
            for bad, good in (map(increase, counters, (window, window)) for window in (tier.long, tier.short))
        )
        return f"({both})"

    def _meets(self, ratio: Fraction, window: timedelta) -> bool:
        slots = window // INTERVAL
        good, bad = (np.array([0] * slots + values) for values in self.counters.values())
        good, bad = (counter[slots:] - counter[:-slots] for counter in (good, bad))
        return bool(np.any((good + bad > 0) & (bad * ratio.denominator == (good + bad) * ratio.numerator)))

    def _ratio(self, tier: BurnRateRule) -> Fraction:
        return Fraction(repr(tier.factor)) * (1 - Fraction(self.objective) / 100)

    def _counter(self, what: str) -> str:
        return f'{what}{{series="{self.name}"}}'


def plain_increase(counter: str, window: timedelta) -> str:
    """The increase of a counter that began at zero and never resets."""
    return f"({counter} - ({counter} offset {format_duration(window)} or 0 * {counter}))"


def recorded_increase(counter: str, window: timedelta) -> str:
    """The same, from the rules of `recording_rules`."""
    return counter.replace("{", f":{format_duration(window)}{{")


def recording_rules() -> list[dict[str, object]]:
    """The rules that `recorded_increase` reads."""
    return [
        {"record": recorded_increase(what + "{", window).rstrip("{"), "expr": plain_increase(what, window)}
        for what in ("good", "bad")
        for window in (slots * INTERVAL for slots in (*LONG, *SHORT))
    ]


def random_pair(name: str, dice: random.Random, *, slots: int, keeps_firing: bool = True) -> CountedPair:
    """A pair; *keeps_firing* says whether some alerts may be patient with their end."""
    objective = dice.choice(OBJECTIVES)
    severities = dice.choice(([Severity.PAGE, Severity.TICKET], [Severity.PAGE], [Severity.TICKET]))
    policies = tuple(_random_policy(severity, objective, dice, keeps_firing=keeps_firing) for severity in severities)
    tiers = tuple(chain.from_iterable(policy.rules for policy in policies))
    return CountedPair(
        name=name, objective=objective, policies=policies, events=_random_events(objective, tiers, slots, dice)
    )


def _random_policy(severity: Severity, objective: str, dice: random.Random, *, keeps_firing: bool) -> SeverityPolicy:
    highest = 1 / (1 - Fraction(objective) / 100)
    possible = [float(factor) for factor in FACTORS if Fraction(factor) <= highest]
    windows = dice.sample([(long, short) for long in LONG for short in SHORT], dice.choice((1, 2, 2, 3)))
    return SeverityPolicy(
        severity=severity,
        rules=tuple(
            BurnRateRule(long=long * INTERVAL, short=short * INTERVAL, factor=dice.choice(possible))
            for long, short in windows
        ),
        pending_for=dice.choice((0, 0, 1, 2, 5)) * INTERVAL,
        keep_firing_for=dice.choice((0, 0, 1, 2, 5) if keeps_firing else (0,)) * INTERVAL,
        resolve_no_traffic_after=timedelta(0),
    )


def _random_events(
    objective: str, tiers: tuple[BurnRateRule, ...], slots: int, dice: random.Random
) -> tuple[tuple[int, int], ...]:
    events = [(0, 0)]
    while len(events) < slots:
        events += [_random_slot(objective, dice.choice(tiers), dice)] * dice.choice((1, 1, 2, 3, 8, 20, 60))
    return tuple(events[:slots])


def _random_slot(objective: str, tier: BurnRateRule, dice: random.Random) -> tuple[int, int]:
    """Good and bad events: none, all good, all bad, few, or as many as the factor of a tier asks for."""
    boundary = (
        Fraction(repr(tier.factor)) * (1 - Fraction(objective) / 100) * dice.choice((1, 1, 1, Fraction(99, 100), 2))
    )
    many = dice.choice((1, 2, 7))
    kinds = {
        "idle": (0, 0),
        "good": (dice.choice((1, 50, 1000)), 0),
        "bad": (0, dice.choice((1, 50))),
        "few": (dice.randrange(4), dice.randrange(3)),
        "boundary": ((boundary.denominator - boundary.numerator) * many, boundary.numerator * many),
    }
    good, bad = kinds[dice.choice(("idle", "good", "good", "bad", "few", "boundary", "boundary", "boundary"))]
    return max(good, 0), bad


def _scraped_values(events: Iterable[tuple[int, int]], dice: random.Random) -> Floats:
    """Good and bad events as counters of one process, which now and then restarts."""
    values, counted, before = [], (0, 0), (0, 0)
    events = list(events)
    for slot, event in enumerate(events):
        # A counter that has more events right after a restart than it had before does not show it; one that counts at
        # another pace than before does not show whether it was reset or corrected (docs/counting.md).
        shows = counted != (0, 0) and all(new < old or not old for new, old in zip(event, counted, strict=True))
        # One whose traffic then grows more than tenfold may as well be back where another server's counter stands.
        settles = max(map(max, events[slot : slot + 12])) <= 10 * max(event)
        restarted = shows and event == before and settles and dice.random() < 0.05
        counted = event if restarted else (counted[0] + event[0], counted[1] + event[1])
        values.append(counted)
        before = event
    return np.array(values, dtype=np.float64)


def _policy_document(policy: SeverityPolicy) -> dict[str, object]:
    return {
        "tiers": [
            {"long": format_duration(tier.long), "short": format_duration(tier.short), "factor": tier.factor}
            for tier in policy.rules
        ],
        "for": format_duration(policy.pending_for),
        "keep_firing_for": format_duration(policy.keep_firing_for),
    }
