"""Alerts fire and resolve in the slots in which `vmalert` says so when it replays rules over VictoriaMetrics.

A second oracle, which shares no code with the first: other storage, other query language, other life cycle. This
version of it knows no `keep_firing_for`. `SLOBURN_SOAK` multiplies the number of pairs: 20 for 500 of each kind.
"""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.promql.rules import rule_groups
from app.slo import AlertState, Severity
from testbed.openmetrics import import_into
from testbed.servers import Server, victoria_metrics
from testbed.traces import Counts, Samples
from tests.alerting.counted_pairs import CountedPair, plain_increase, random_pair
from tests.alerting.live import States, live_states
from tests.alerting.promtool import INTERVAL, rule
from tests.alerting.vmalert import alerts, replay
from tests.evaluation.memory import Floats, Series
from tests.evaluation.plain import slos
from tests.support.soak import IS_SOAK, SOAK

PAIRS = 25 if IS_SOAK else 5
SLOTS = 120
STEP = INTERVAL.total_seconds()
BEGIN = 1_699_999_200.0
Replay = Callable[[Sequence[CountedPair], Server, Path], None]


def by_exact_rules(pairs: Sequence[CountedPair], server: Server, folder: Path) -> None:
    """Rules over the true counts, without `rate` and rounding."""
    rules = [
        rule(pair.name, policy, f"max({pair.expr(policy, plain_increase)})")
        for pair in pairs
        for policy in pair.policies
    ]
    import_into(server, [_samples(name, values) for pair in pairs for name, values in pair.counters.items()])
    _replay(
        [{"name": "exact", "interval": "30s", "rules": [_without_patience(each) for each in rules]}], server, folder
    )


def by_our_rules(pairs: Sequence[CountedPair], server: Server, folder: Path) -> None:
    """The rules that `sloburn rules` prints; what they record is replayed first, since the alerts read it."""
    groups = [
        group
        for group in rule_groups(slos([pair.document for pair in pairs], folder / "same"))
        if "interval" not in group
    ]
    for kind in ("record", "alert"):
        # Missing data is no burn, and has an alert of its own.
        chosen = [
            [each for each in group["rules"] if kind in each and each[kind] != "SLODataUnavailable"] for group in groups
        ]
        _replay(
            [{"name": str(number), "interval": "30s", "rules": rules} for number, rules in enumerate(chosen)],
            server,
            folder,
        )


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(SOAK))
@pytest.mark.parametrize("by", [by_exact_rules, by_our_rules])
def test_alerts_are_those_of_a_replay(by: Replay, seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    candidates = (random_pair(f"s{number}", dice, slots=SLOTS, keeps_firing=False) for number in range(1000 * PAIRS))
    usable = (pair for pair in candidates if by is by_exact_rules or _suits_rates(pair))
    pairs = [pair for pair, _ in zip(usable, range(PAIRS), strict=False)]
    scraped = [series for pair in pairs for series in pair.scraped(BEGIN, dice, errors_from_zero=True)]
    states = live_states(pairs, scraped, BEGIN, dice, tmp_path)
    with victoria_metrics(tmp_path / "data") as server:
        import_into(server, map(_scraped_samples, scraped))
        by(pairs, server, tmp_path)
        found = _states(server)
    quiet = [AlertState.INACTIVE] * SLOTS
    wrong = {
        key: (_letters(by_slot), _letters(found.get(key, quiet)))
        for key, by_slot in states.items()
        if by_slot != found.get(key, quiet)
    }
    assert wrong == {}
    assert any(AlertState.FIRING in by_slot for by_slot in states.values())


def _suits_rates(pair: CountedPair) -> bool:
    """Whether rules over ratios of rates can be exact, replayed.

    Ratios miss the factor itself by a rounding; VictoriaMetrics widens a window of one scrape; and a replay marks no
    ratio as stale, so that alerts go on when traffic stops.
    """
    wide = all(tier.short > INTERVAL for policy in pair.policies for tier in policy.rules)
    return wide and not pair.meets_a_factor and all(good + bad > 0 for good, bad in pair.events[1:])


def _replay(groups: list[dict[str, Any]], server: Server, folder: Path) -> None:
    replay(groups, server, start=BEGIN, end=BEGIN + (SLOTS - 1) * STEP, folder=folder)


def _without_patience(given: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in given.items() if name != "keep_firing_for"}


def _states(server: Server) -> States:
    found: States = {}
    for labels, times in alerts(server):
        name = labels.get("series") or labels["slo"].removesuffix("-it")
        by_slot = found.setdefault((name, Severity(labels["severity"])), [AlertState.INACTIVE] * SLOTS)
        for at in times:
            by_slot[round((at - BEGIN) / STEP)] = AlertState(labels["alertstate"])
    return found


def _letters(states: Sequence[AlertState]) -> str:
    return "".join(state[0] for state in states)


def _samples(text: str, values: Sequence[int]) -> Samples:
    metric, series = text.rstrip('"}').split('{series="')
    times: Floats = BEGIN + np.arange(len(values), dtype=np.float64) * STEP
    return Samples(
        metric=metric, labels=(("series", series),), times_ms=_ms(times), values=np.array(values, dtype=np.int64)
    )


def _scraped_samples(series: Series) -> Samples:
    labels = tuple((name, value) for name, value in series.labels.items() if name != "__name__")
    return Samples(
        metric=series.labels["__name__"],
        labels=labels,
        times_ms=_ms(series.times),
        values=series.values.astype(np.int64),
    )


def _ms(times: Floats) -> Counts:
    return (times * 1000).round().astype(np.int64)
