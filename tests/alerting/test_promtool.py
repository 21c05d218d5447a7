"""Our alerts are pending, fire and resolve in the same slots as the equivalent Prometheus rules.

Random pairs of an SLO and of series of burn rates, with the factor itself, no traffic, missing data, and restarts at
any moment. The oracle is ``promtool test rules``. `SLOBURN_SOAK` multiplies the number of pairs: 60 in `make test`.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.alerting import Alert, Reading, RuleReading, Transition, step_slo
from app.slo import AlertState, BurnRateRule, NoData, Severity, SeverityPolicy, SloId
from app.store import Database, open_database
from app.store.alerts import load_alerts, save_alerts
from tests.alerting.promtool import INTERVAL, Rule, disagreement, rule
from tests.support.soak import IS_SOAK, SOAK

BATCHES = 2 if IS_SOAK else 1
PAIRS = 250 if IS_SOAK else 60
SLOTS = 80
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTES = (5, 10, 30, 60, 120, 360, 1440, 4320)
FACTORS = (1.0, 1.4, 2.8, 3.0, 3.36, 5.6, 6.0, 9.0, 13.44, 14.4, 18.0, 43.2, 999.5)
NOTHING = ("NaN", "NaN")
Rates = tuple[str, str]
"""The burn rates of a tier's long and short window in one slot, in promtool's notation."""
Slot = dict[Severity, tuple[Rates, ...]]


@dataclass(slots=True, kw_only=True)
class Pair:
    """A random SLO, what is measured of it by slot, and its alerts, of which nothing but themselves is remembered."""

    name: str
    policies: tuple[SeverityPolicy, ...]
    no_data: NoData
    rates: Iterator[Slot]
    missing: Iterator[bool]
    alerts: tuple[Alert, ...] = ()
    seen: list[Slot | None] = field(default_factory=list)
    states: dict[Severity, list[AlertState]] = field(default_factory=dict)
    now: datetime = EPOCH

    def step(self) -> None:
        """Go on by one slot that counts; frozen slots, which a rule does not know, go by before it."""
        while next(self.missing):
            if self.no_data is not NoData.FREEZE:
                self._note(None, self._step(None))
                return
            if self._waits():
                continue
            before = self.alerts
            assert [change.kind for change in self._step(None)] in ([], ["frozen"], ["frozen", "frozen"])
            assert [alert.state for alert in self.alerts] == [alert.state for alert in before] or not before
        rates = next(self.rates)
        self._note(rates, self._step(rates))

    def _waits(self) -> bool:
        """Whether a clock is running, which goes on running while the alert is frozen."""
        return any(alert.state is AlertState.PENDING or alert.quiet_since for alert in self.alerts)

    def _step(self, rates: Slot | None) -> tuple[Transition, ...]:
        readings = {
            policy.severity: _reading(
                rates[policy.severity] if rates else (NOTHING,) * len(policy.rules), stale=not rates
            )
            for policy in self.policies
        }
        self.alerts, changes = step_slo(
            self.alerts, readings, self.policies, slo=SloId(self.name), at=self.now, no_data=self.no_data
        )
        self.now += INTERVAL
        return changes

    def _note(self, rates: Slot | None, changes: tuple[Transition, ...]) -> None:
        self.seen.append(rates)
        for alert in self.alerts:
            before = self.states.setdefault(alert.severity, [])
            said = {change.kind.value for change in changes if change.severity is alert.severity}
            fires, fired = alert.firing, bool(before) and before[-1] is AlertState.FIRING
            # A receiver is told of what the states show, and of nothing else.
            assert ("fired" in said, "resolved" in said) == (fires and not fired, fired and not fires)
            before.append(alert.state)

    def rules(self) -> list[Rule]:
        """The equivalent rules."""
        missing = f' or missing{{series="{self.name}"}} == 1' if self.no_data is NoData.BAD else ""
        return [rule(self.name, policy, f"max(({self._burning(policy)}{missing}))") for policy in self.policies]

    def series(self) -> dict[str, list[str]]:
        """What the rules read."""
        found = {f'missing{{series="{self.name}"}}': ["0" if rates else "1" for rates in self.seen]}
        for policy in self.policies:
            for index in range(len(policy.rules)):
                for side, window in enumerate(("long", "short")):
                    found[self._metric(policy, window, index)] = [
                        rates[policy.severity][index][side] if rates else "stale" for rates in self.seen
                    ]
        return found

    def _burning(self, policy: SeverityPolicy) -> str:
        return " or ".join(
            f"({self._metric(policy, 'long', index)} >= {tier.factor}"
            f" and {self._metric(policy, 'short', index)} >= {tier.factor})"
            for index, tier in enumerate(policy.rules)
        )

    def _metric(self, policy: SeverityPolicy, window: str, index: int) -> str:
        return f'{policy.severity}_{window}{index}{{series="{self.name}"}}'


def _reading(rates: tuple[Rates, ...], *, stale: bool) -> Reading:
    tiers = (tuple(float("nan") if text == "stale" else float(text) for text in pair) for pair in rates)
    return Reading(
        rules=tuple(RuleReading(long_burn_rate=long, short_burn_rate=short) for long, short in tiers), stale=stale
    )


def _random_policy(severity: Severity, dice: random.Random) -> SeverityPolicy:
    return SeverityPolicy(
        severity=severity,
        rules=tuple(_random_tier(dice) for _ in range(dice.choice((1, 2, 2, 3)))),
        pending_for=dice.choice((0, 0, 1, 2, 3, 7)) * INTERVAL,
        keep_firing_for=dice.choice((0, 0, 1, 2, 3, 7)) * INTERVAL,
        resolve_no_traffic_after=timedelta(0),
    )


def _random_tier(dice: random.Random) -> BurnRateRule:
    short, long = sorted(dice.sample(MINUTES, 2))
    return BurnRateRule(long=timedelta(minutes=long), short=timedelta(minutes=short), factor=dice.choice(FACTORS))


def _random_pair(name: str, dice: random.Random) -> Pair:
    severities = dice.choice(([Severity.PAGE, Severity.TICKET], [Severity.PAGE], [Severity.TICKET]))
    policies = tuple(_random_policy(severity, dice) for severity in severities)
    no_data = dice.choice((NoData.FREEZE, NoData.GOOD, NoData.BAD))
    return Pair(
        name=name,
        policies=policies,
        no_data=no_data,
        rates=_rates(policies, random.Random(dice.random())),
        missing=_missing(random.Random(dice.random())),
    )


def _rates(policies: tuple[SeverityPolicy, ...], dice: random.Random) -> Iterator[Slot]:
    walks = {
        policy.severity: [(_walk(tier.factor, dice), _walk(tier.factor, dice)) for tier in policy.rules]
        for policy in policies
    }
    while True:
        yield {severity: tuple((next(long), next(short)) for long, short in tiers) for severity, tiers in walks.items()}


def _walk(factor: float, dice: random.Random) -> Iterator[str]:
    """Both sides of the factor, the factor itself, and values that no comparison may trip over."""
    below, above = (f"{factor * (1 + off):.9g}" for off in (-1e-6, 1e-6))
    choices = ("0", below, repr(factor), repr(factor), above, "1000000", "NaN", "stale")
    while True:
        value = dice.choice(choices)
        for _ in range(dice.choice((1, 1, 1, 2, 3, 5, 8))):
            yield value


def _missing(dice: random.Random) -> Iterator[bool]:
    while True:
        yield from [False] * dice.choice((3, 10, 30))
        yield from [True] * dice.choice((1, 1, 2, 5, 9))


def _restart(pairs: list[Pair], database: Database) -> None:
    """As after a kill: nothing is known of an alert but what the database holds."""
    with database.begin() as transaction:
        save_alerts(transaction, (alert for pair in pairs for alert in pair.alerts), {})
    with database.read() as transaction:
        stored = load_alerts(transaction).alerts
    for pair in pairs:
        assert stored[SloId(pair.name)] == pair.alerts
        pair.alerts = stored[SloId(pair.name)]


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(BATCHES * SOAK))
def test_states_are_those_of_the_equivalent_rule(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    pairs = [_random_pair(f"s{number}", dice) for number in range(PAIRS)]
    database = open_database(f"sqlite:///{tmp_path}/alerts.db")
    restarted_in: set[AlertState] = set()
    for _ in range(SLOTS):
        for pair in pairs:
            pair.step()
        if dice.random() < 0.2:
            _restart(pairs, database)
            restarted_in |= {alert.state for pair in pairs for alert in pair.alerts}
    database.close()
    assert restarted_in == {AlertState.INACTIVE, AlertState.PENDING, AlertState.FIRING}
    rules = [rule for pair in pairs for rule in pair.rules()]
    series = {name: values for pair in pairs for name, values in pair.series().items()}
    states = {(pair.name, severity): by_slot for pair in pairs for severity, by_slot in pair.states.items()}
    assert disagreement(rules, series, states, tmp_path) == ""
