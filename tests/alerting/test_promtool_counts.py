"""From scraped samples to alerts, restarts included, the states are those of rules over the true counts.

Here the whole way is walked: samples, ledger, windows, burn rates, life cycle, database. The oracle is
``promtool test rules`` with rules without `rate` and rounding. `SLOBURN_SOAK` multiplies the number of pairs: 20 for
5,000.
"""

import random
from pathlib import Path

import pytest

from tests.alerting.counted_pairs import random_pair, recorded_increase, recording_rules
from tests.alerting.live import live_states
from tests.alerting.promtool import disagreement, rule
from tests.support.soak import IS_SOAK, SOAK

BATCHES = 5 if IS_SOAK else 1
PAIRS = 50 if IS_SOAK else 10
SLOTS = 120
BEGIN = 1_800_000_000.0


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(BATCHES * SOAK))
def test_alerts_are_those_of_rules_over_the_true_counts(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    pairs = [random_pair(f"s{number}", dice, slots=SLOTS) for number in range(PAIRS)]
    scraped = [series for pair in pairs for series in pair.scraped(BEGIN, dice)]
    states = live_states(pairs, scraped, BEGIN, dice, tmp_path)
    rules = recording_rules() + [
        rule(pair.name, policy, f"max({pair.expr(policy, recorded_increase)})")
        for pair in pairs
        for policy in pair.policies
    ]
    series = {name: map(str, values) for pair in pairs for name, values in pair.counters.items()}
    assert disagreement(rules, series, states, tmp_path) == ""
