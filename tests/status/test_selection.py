"""Which SLOs a reader gets, and in which order."""

import doctest
import math
from dataclasses import replace
from typing import Any

import pytest

from app.slo import AlertState, Severity, SliKind
from app.status import AlertView, DataState, HealthState, Selection, Snapshot, SortColumn, ordered, selection, words_of
from tests.support.snapshots import QUIET_ALERTS, a_snapshot, an_slo, an_unmeasured_snapshot


def _alert(state: AlertState, *, severity: Severity = Severity.PAGE, tier: str | None = None) -> AlertView:
    return AlertView(severity=severity, state=state, since=None, tier=tier)


BURNING = a_snapshot(
    an_slo("checkout"), bad=900, health=HealthState.AT_RISK, alerts=[_alert(AlertState.FIRING), QUIET_ALERTS[1]]
)
SPENT = a_snapshot(
    an_slo("login", objective=0.99),
    bad=12_000,
    health=HealthState.EXHAUSTED,
    alerts=[_alert(AlertState.FIRING, severity=Severity.TICKET)],
)
FROZEN = a_snapshot(
    an_slo("mail", labels=(("team", "growth"),)),
    data=DataState.STALE,
    alerts=[_alert(AlertState.FROZEN, tier="1h/5m")],
)
FINE = a_snapshot(an_slo("search"), bad=10, group=(("route", "/Find"),))
DARK = an_unmeasured_snapshot(an_slo("dark"))
ALL = (BURNING, SPENT, FROZEN, FINE, DARK)


def _services(chosen: list[Snapshot]) -> list[str]:
    return [snapshot.slo.service for snapshot in chosen]


def test_the_examples_hold() -> None:
    assert doctest.testmod(selection).failed == 0


@pytest.mark.parametrize(
    ("wanted", "services"),
    [
        ({}, ["checkout", "login", "mail", "search", "dark"]),
        ({"services": {"checkout", "dark"}}, ["checkout", "dark"]),
        ({"states": {HealthState.EXHAUSTED, HealthState.UNKNOWN}}, ["login", "dark"]),
        ({"labels": {("team", "growth")}}, ["mail"]),
        ({"labels": {("team", "payments"), ("route", "/Find")}}, ["search"]),
        ({"data": {DataState.STALE, DataState.ERROR}}, ["mail", "dark"]),
        ({"kinds": {SliKind.GAUGE}}, []),
        ({"kinds": {SliKind.COUNTERS}, "states": {HealthState.AT_RISK}}, ["checkout"]),
        ({"words": words_of("SEARCH route=/find")}, ["search"]),
        ({"words": words_of("growth")}, ["mail"]),
        ({"words": words_of("checkout growth")}, []),
        ({"alerts": {AlertState.INACTIVE}}, ["search", "dark"]),
        ({"alerts": {AlertState.FROZEN}}, ["mail"]),
    ],
)
def test_a_reader_gets_what_has_all_that_is_asked_for(wanted: dict[str, Any], services: list[str]) -> None:
    given: dict[str, Any] = {
        name: frozenset(values) if isinstance(values, set) else values for name, values in wanted.items()
    }
    chosen = replace(Selection(), **given)
    assert _services(chosen.of(ALL)) == services
    assert bool(chosen) == bool(wanted)


def test_an_alert_that_fires_without_data_is_among_those_that_fire() -> None:
    """The page of mail was sent and is not over: who looks for what fires must find it."""
    assert _services(Selection(alerts=frozenset({AlertState.FIRING})).of(ALL)) == ["checkout", "login", "mail"]


@pytest.mark.parametrize(
    ("column", "services"),
    [
        (SortColumn.ID, ["checkout", "dark", "login", "mail", "search"]),
        (SortColumn.SERVICE, ["checkout", "dark", "login", "mail", "search"]),
        (SortColumn.STATUS, ["login", "checkout", "dark", "mail", "search"]),
        (SortColumn.OBJECTIVE, ["login", "checkout", "dark", "mail", "search"]),
        (SortColumn.BUDGET, ["login", "checkout", "mail", "search", "dark"]),
        (SortColumn.SLI, ["login", "checkout", "mail", "search", "dark"]),
        (SortColumn.BURN_RATE, ["search", "mail", "checkout", "login", "dark"]),
        (SortColumn.ALERT, ["checkout", "mail", "login", "dark", "search"]),
        (SortColumn.DATA, ["dark", "mail", "checkout", "login", "search"]),
    ],
)
def test_a_column_sorts_the_worst_first_and_what_is_not_known_last(column: SortColumn, services: list[str]) -> None:
    assert _services(ordered(ALL, column)) == services
    figures_unknown = column in {SortColumn.BUDGET, SortColumn.SLI, SortColumn.BURN_RATE}
    known, unknown = (services[:-1], services[-1:]) if figures_unknown else (services, [])
    assert _services(ordered(ALL, column, descending=True)) == [*reversed(known), *unknown]


def test_what_is_exhausted_soonest_comes_first() -> None:
    at = BURNING.as_of
    soon = replace(BURNING, budget=replace(BURNING.budget, exhausted_at=at))
    assert _services(ordered([FINE, soon, SPENT], SortColumn.EXHAUSTION)) == ["login", "checkout", "search"]
    assert math.isnan(DARK.budget.remaining_ratio)
