"""Our alerts are pending, fire and resolve in the same slots as the equivalent Prometheus rules.

The oracle is ``promtool test rules``. `SLOBURN_SOAK` multiplies the number of random series.
"""

import json
import os
import random
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.alerting import Alert, Reading, TierReading, step
from app.slo import AlertState, Severity, SeverityPolicy, SloId, Tier
from tests.support.servers import promtool_binary

SOAK = int(os.environ.get("SLOBURN_SOAK", "1"))
SERIES_PER_POLICY = 25
SLOTS = 80
INTERVAL = timedelta(seconds=30)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIERS = (
    Tier(long=timedelta(hours=1), short=timedelta(minutes=5), factor=14.4),
    Tier(long=timedelta(hours=6), short=timedelta(minutes=30), factor=6.0),
)
# Both sides of every factor, the factor itself, and values that no comparison may trip over.
RATES = ("0", "1", "5.999999", "6", "6.000001", "14.399999", "14.4", "20", "1000", "NaN", "stale")


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The burn rates of one random service: for each tier, long and short by slot, in promtool's notation."""

    name: str
    rates: tuple[tuple[list[str], list[str]], ...]

    def reading(self, number: int) -> Reading:
        return Reading(
            tiers=tuple(
                TierReading(long_burn_rate=_number(long[number]), short_burn_rate=_number(short[number]))
                for long, short in self.rates
            )
        )


def _number(text: str) -> float:
    return float("nan") if text == "stale" else float(text)


def _random_rates(source: random.Random) -> list[str]:
    rates: list[str] = []
    while len(rates) < SLOTS:
        rates += [source.choice(RATES)] * source.choice((1, 1, 1, 2, 3, 5, 8))
    return rates[:SLOTS]


def _random_series(source: random.Random, count: int) -> list[Series]:
    return [
        Series(name=f"s{number}", rates=tuple((_random_rates(source), _random_rates(source)) for _ in TIERS))
        for number in range(count)
    ]


def _states(series: Series, policy: SeverityPolicy) -> list[AlertState]:
    alert = Alert(slo=SloId(series.name), severity=policy.severity)
    states = []
    for number in range(SLOTS):
        alert, _ = step(alert, series.reading(number), policy, at=EPOCH + number * INTERVAL)
        states.append(alert.state)
    return states


def _rule(policy: SeverityPolicy) -> dict[str, object]:
    # A tier's result keeps the name of its metric; a bare `or` would see two tiers as two alerts.
    expr = " or on(series) ".join(
        f"(long{index} >= {tier.factor} and short{index} >= {tier.factor})" for index, tier in enumerate(policy.tiers)
    )
    waits = {"for": _seconds(policy.pending_for), "keep_firing_for": _seconds(policy.keep_firing_for)}
    return {"alert": "Burn", "expr": expr, **waits}


def _seconds(duration: timedelta) -> str:
    return f"{duration.total_seconds():.0f}s"


def _input_series(all_series: list[Series]) -> list[dict[str, str]]:
    return [
        {"series": f'{side}{index}{{series="{series.name}"}}', "values": " ".join(rates)}
        for series in all_series
        for index, pair in enumerate(series.rates)
        for side, rates in zip(("long", "short"), pair, strict=True)
    ]


def _expected(states: dict[str, list[AlertState]]) -> list[dict[str, object]]:
    return [
        {
            "expr": "ALERTS",
            "eval_time": _seconds(number * INTERVAL),
            "exp_samples": [
                {"labels": f'ALERTS{{alertname="Burn", alertstate="{by_slot[number]}", series="{name}"}}', "value": 1}
                for name, by_slot in states.items()
                if by_slot[number] is not AlertState.INACTIVE
            ],
        }
        for number in range(SLOTS)
    ]


@pytest.mark.soak
@pytest.mark.parametrize("keep_slots", [0, 1, 3])
@pytest.mark.parametrize("for_slots", [0, 1, 4])
def test_states_are_those_of_the_equivalent_rule(tmp_path: Path, for_slots: int, keep_slots: int) -> None:
    source = random.Random(for_slots * 10 + keep_slots)
    policy = SeverityPolicy(
        severity=Severity.PAGE,
        tiers=TIERS,
        pending_for=for_slots * INTERVAL,
        keep_firing_for=keep_slots * INTERVAL,
    )
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "burn", "rules": [_rule(policy)]}]}))
    for batch in range(SOAK):
        all_series = _random_series(source, SERIES_PER_POLICY)
        states = {series.name: _states(series, policy) for series in all_series}
        assert any(AlertState.FIRING in by_slot for by_slot in states.values())
        test = {
            "interval": "30s",
            "input_series": _input_series(all_series),
            "promql_expr_test": _expected(states),
        }
        path = tmp_path / f"test{batch}.yml"
        path.write_text(json.dumps({"rule_files": ["rules.yml"], "evaluation_interval": "30s", "tests": [test]}))
        oracle = subprocess.run(
            [promtool_binary(), "test", "rules", path.name], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert oracle.returncode == 0, (oracle.stdout + oracle.stderr)[:4000]
