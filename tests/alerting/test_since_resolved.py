"""What an alert has told of fires no alert again; what begins after its end is told of as if it were the first."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.alerting import Alert, TransitionKind, default_policies, step_slo
from app.slo import Evidence, RollingWindow, SeverityPolicy
from tests.alerting.counted import PAGE, Service
from tests.alerting.scripts import SLO

FEW = settings().max_examples // 8
"""Each example is a day of slots."""

HOUR = 120
PAGES_AND_TICKETS = default_policies(RollingWindow(timedelta(days=30)), 0.99)
TICKET_SLOT = timedelta(minutes=5)
TICKET_HOUR = 12

levels = st.sampled_from((0.5, 0.9, 0.99, 0.9999))
per_second = st.floats(-3, 3).map(lambda exponent: 10.0**exponent)


def _guarded(policy: SeverityPolicy, level: float, least: int) -> SeverityPolicy:
    return replace(policy, evidence=Evidence(level=level, min_bad_events=least))


def _bursts(source: random.Random, per_slot: float, *, slots: int, hour: int) -> Service:
    """Trouble that comes and goes by chance, then *slots* without any bad event and with less and less traffic."""
    service = Service(objective=0.99, length=timedelta(hours=1) / hour)
    service.then(source.randrange(7 * hour), per_slot)
    for _ in range(source.randrange(1, 6)):
        share = source.choice((0.0, 0.02, 0.05, 0.1, 0.3, 1.0))
        for _ in range(source.randrange(1, hour)):
            total = _events(source, per_slot)
            service.then(1, total, sum(source.random() < share for _ in range(total)) if total < 50 else total * share)
    for number in range(slots):
        service.then(1, _events(source, per_slot * source.choice((0.2, 1.0)) * (1 - number / slots)))
    return service


def _events(source: random.Random, expected: float) -> int:
    whole = int(expected)
    return whole + (source.random() < expected - whole)


@settings(max_examples=FEW)
@given(
    seed=st.integers(0, 2**32),
    per_second=per_second,
    level=levels,
    least=st.integers(1, 3),
    hour=st.sampled_from((HOUR, TICKET_HOUR)),
)
def test_without_new_errors_nothing_fires_again(
    seed: int, per_second: float, level: float, least: int, hour: int
) -> None:
    """Whatever the traffic, the guard and the tiers: the page of 30 s slots, the ticket of days."""
    policies = tuple(_guarded(policy, level, least) for policy in PAGES_AND_TICKETS)
    quiet = 8 * HOUR if hour == HOUR else 4 * 24 * TICKET_HOUR
    service = _bursts(random.Random(seed), per_second * 3600 / hour, slots=quiet, hour=hour)
    alerts: tuple[Alert, ...] = ()
    ended: set[str] = set()
    for number in range(service.length):
        known = {alert.severity: alert.resolved_at for alert in alerts}
        readings = {policy.severity: service.reading(number, policy, known.get(policy.severity)) for policy in policies}
        alerts, changes = step_slo(alerts, readings, policies, slo=SLO, at=service.at(number))
        if number < service.length - quiet:
            continue
        assert not [change for change in changes if change.key in ended and change.kind is TransitionKind.FIRED]
        ended |= {change.key for change in changes if change.kind is TransitionKind.RESOLVED}
    assert not [alert for alert in alerts if alert.is_notified]


@settings(max_examples=FEW)
@given(
    per_second=per_second,
    first=st.floats(20, 1000),
    second=st.floats(7, 1000),
    gap=st.integers(1, 3 * HOUR),
)
def test_what_begins_after_the_end_is_told_of_as_fast_as_a_first_incident(
    per_second: float, first: float, second: float, gap: int
) -> None:
    """At any traffic: the errors of the old incident never make the new one come later.

    Around it nothing fails, since a first incident may count the errors of the hours before it, and a second one those
    since the end of the first.
    """
    per_slot = per_second * 30

    def service(*, burns: float) -> Service:
        return Service().then(HOUR, per_slot, quiet).then(40, per_slot, burns * 0.001 * per_slot)

    quiet = 0.0
    incident = service(burns=first).then(2 * HOUR, per_slot, quiet)
    ends = [number for number, kind in incident.deeds() if kind == "resolved"]
    assume(ends)
    between = max(ends[0] - HOUR - 40 + gap, 1)
    begins = HOUR + 40 + between
    again, fresh = (
        service(burns=burns).then(between, per_slot, quiet).then(60, per_slot, second * 0.001 * per_slot)
        for burns in (first, 0.0)
    )
    was_quiet = not again.lives(PAGE)[0][begins - 1].firing
    fired = [[number for number, kind in one.deeds() if kind == "fired" and number >= begins] for one in (again, fresh)]
    assume(was_quiet and fired[1])
    assert fired[0]
    assert fired[0][0] <= fired[1][0]


@pytest.mark.parametrize("later", range(1, 60, 7))
def test_errors_of_before_the_end_do_not_count_although_a_short_window_holds_them(later: int) -> None:
    """Half an hour after an incident a single failure is one failure, not the tenth."""
    service = Service(*[(30, 0)] * HOUR).then(20, 30, 3).then(2 * HOUR, 30)
    (end,) = [number for number, kind in service.deeds() if kind == "resolved"]
    quiet = end - HOUR - 20 + later
    again = Service(*[(30, 0)] * HOUR).then(20, 30, 3).then(quiet, 30).then(1, 30, 1).then(HOUR, 30)
    assert [kind for _, kind in again.deeds() if kind == "fired"] == ["fired"]
