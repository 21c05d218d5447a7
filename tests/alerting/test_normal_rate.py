"""Few errors are judged by what is normal for the service, within what its objective allows (ADR-0082)."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.alerting import NormalRate, TransitionKind
from app.budget import normal_share
from tests.alerting.counted import PAGE, Service

MINUTE, HOUR = 2, 120
OFTEN = NormalRate(ratio=0.0008, events=40_000, days=28)
SELDOM = NormalRate(ratio=0.0001, events=40_000, days=28)


def fired(service: Service) -> list[int]:
    return [number for number, kind in service.deeds(PAGE) if kind == TransitionKind.FIRED]


def failures(*minutes: int, normal: NormalRate | None) -> Service:
    """A request a minute for six hours and then one that fails at each of these minutes, with an hour to follow."""
    service = Service(*[(0.5, 0.0)] * 6 * HOUR, normal=normal)
    for minute in minutes:
        service.then(6 * HOUR + minute * MINUTE - service.length, 0.5).then(1, 1, 1)
    return service.then(4, 0.5)


def test_two_failures_in_an_hour_are_evidence_only_where_failures_are_rare() -> None:
    assert fired(failures(10, 40, normal=SELDOM))
    assert not fired(failures(10, 40, normal=OFTEN))
    assert fired(failures(10, 25, 40, normal=OFTEN))


def test_what_is_normal_is_said_where_errors_are_too_few() -> None:
    alerts, _ = failures(10, 40, normal=OFTEN).lives(PAGE)
    said = next(alert.suppressed for alert in reversed(alerts) if alert.suppressed)
    assert said == (
        "2 errors in the last 1h; at least 3 are needed to rule out noise; "
        "normal: 0.08% of events are bad, from 28 days"
    )


def test_a_burst_of_requests_counts_as_the_traffic_that_is_usual() -> None:
    """At 99% and ten requests an hour: three failures within a minute wait for another one."""
    rare = NormalRate(ratio=0.002, events=6_720, days=28)

    def service(apart: int) -> Service:
        began = Service(*[(1 / 12, 0.0)] * 6 * HOUR, objective=0.99, normal=rare)
        for _ in range(3):
            began.then(apart, 0.0).then(1, 1, 1)
        return began

    assert not fired(service(1))
    assert fired(service(6 * MINUTE))
    assert fired(service(1).then(6 * MINUTE, 0.0).then(1, 1, 1))


def test_after_an_end_new_failures_are_judged_by_what_is_normal_too() -> None:
    def pages(normal: NormalRate) -> int:
        service = Service(*[(0.5, 0.0)] * 6 * HOUR, normal=normal).then(10 * MINUTE, 0.5, 0.5).then(2 * HOUR, 0.5)
        return len(fired(service.then(1, 1, 1).then(40 * MINUTE, 0.5).then(1, 1, 1).then(4, 0.5)))

    assert [pages(SELDOM), pages(OFTEN)] == [2, 1]


@settings(max_examples=10)
@given(
    ratio=st.floats(0.0, 1.0),
    per_slot=st.floats(40, 30_000),
    burn_rate=st.floats(6, 1000),
    healthy=st.floats(0, 3),
)
def test_with_plenty_of_traffic_what_is_normal_makes_no_alert_later(
    ratio: float, per_slot: float, burn_rate: float, healthy: float
) -> None:
    def service(normal: NormalRate | None) -> Service:
        good = (per_slot, healthy * 0.001 * per_slot)
        return Service(*[good] * 60, normal=normal).then(30, per_slot, burn_rate * 0.001 * per_slot)

    normal = NormalRate(ratio=ratio, events=1e6, days=28)
    assert fired(service(normal))[:1] == fired(service(None))[:1]


@settings(max_examples=10)
@given(lower=st.floats(0.0, 0.002), higher=st.floats(0.0, 0.002), bad=st.lists(st.integers(0, 59), max_size=6))
def test_the_more_is_normal_the_more_is_needed(lower: float, higher: float, bad: Sequence[int]) -> None:
    lower, higher = sorted((lower, higher))
    minutes = sorted(set(bad))
    seldom, often = (NormalRate(ratio=ratio, events=40_000, days=28) for ratio in (lower, higher))
    if fired(failures(*minutes, normal=often)):
        assert fired(failures(*minutes, normal=seldom))


@pytest.mark.parametrize("per_hour", [10.0, 60.0, 6000.0])
def test_a_service_that_becomes_worse_does_not_learn_to_call_an_outage_normal(per_hour: float) -> None:
    """For a year its share of failures doubles each month, up to half of all; a total outage still pages at once."""
    error_budget, source = 0.01, np.random.default_rng(1)
    for month in range(12):
        share = min(0.5, 0.001 * 2.0**month)
        total = source.poisson(per_hour, 28 * 24).astype(float)
        bad = source.binomial(total.astype(int), share).astype(float)
        found = normal_share(total, bad)
        assert found is not None
        normal = NormalRate(ratio=found[0], events=found[1], days=28)
        assert normal.expected(error_budget) <= error_budget
        good = (per_hour / HOUR, min(share, error_budget) * per_hour / HOUR)
        service = Service(*[good] * 6 * HOUR, objective=0.99, normal=normal)
        outage = service.length
        service.then(HOUR, per_hour / HOUR, per_hour / HOUR)
        assert any(number >= outage for number in fired(service))


def test_without_history_a_service_is_taken_for_one_that_burns_as_its_objective_allows() -> None:
    assert NormalRate(ratio=0.0, events=0.0, days=7).expected(0.001) == 0.001
    assert NormalRate(ratio=0.0, events=1e9, days=28).expected(0.001) == pytest.approx(1e-9, rel=1e-3)
