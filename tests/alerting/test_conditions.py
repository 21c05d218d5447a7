"""Tickets about missing data and about the budget itself, and what missing data does to the other alerts."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from app.alerting import (
    Alert,
    Condition,
    NoticeStatus,
    Transition,
    compose_condition,
    no_data,
    of_budget,
    step_conditions,
    step_slo,
)
from app.promql.selector_text import parse_selector
from app.slo import (
    AlertState,
    BadSli,
    BudgetAlerts,
    Cause,
    NoData,
    RollingWindow,
    Severity,
    Slo,
)
from tests.alerting.scripts import PAGE, SLO, SLOT, TICKET, reading, slot

ALL = BudgetAlerts(consumed=0.8, runs_out_within=timedelta(days=3), exhausted=True)
DAY_S = 86_400.0


def _missing(number: int, *, missing: bool, ever: bool) -> Condition:
    since = slot(0) if ever else None
    return no_data(missing=missing, since=since, query="http_requests_total", no_data_for=4 * SLOT, at=slot(number))


def _play(script: Sequence[tuple[Condition, ...]]) -> tuple[tuple[Alert, ...], list[str]]:
    alerts: tuple[Alert, ...] = ()
    said: list[str] = []
    for number, conditions in enumerate(script):
        alerts, changes = step_conditions(alerts, conditions, slo=SLO, at=slot(number))
        said += [f"{number} {change.cause} {change.kind}" for change in changes]
    return alerts, said


@pytest.mark.parametrize(
    ("script", "ever", "said"),
    [
        ("mm..mmmmmmm..", False, ["8 no_data fired", "11 no_data resolved"]),
        (".mmmmm.", True, ["4 no_data fired", "6 no_data resolved"]),
    ],
)
def test_missing_data_is_told_after_a_while_and_ends_with_the_first_data(
    script: str, ever: bool, said: list[str]
) -> None:
    conditions = [(_missing(number, missing=letter == "m", ever=ever),) for number, letter in enumerate(script)]
    assert _play(conditions)[1] == said


def test_missing_data_names_its_cause() -> None:
    """The same words for all SLOs of a Prometheus that is away, so that they can be told as one."""

    def says(unanswered: str | None, query: str) -> str:
        gone = no_data(missing=True, since=slot(0), query=query, no_data_for=SLOT, at=slot(9), unanswered=unanswered)
        return gone.says.partition(": ")[2]

    assert says(None, "up") == "up has no new samples"
    assert says("no answer from http://prom:9090", "up") == "Prometheus gives none (no answer from http://prom:9090)"
    assert says("refused", "up") == says("refused", "down")


def test_budget_tickets_close_a_little_later_than_they_open() -> None:
    def conditions(consumed: float, firing: frozenset[Cause]) -> dict[Cause, bool | None]:
        found = of_budget(ALL, firing, consumed=consumed, lasts_s=(1 - consumed) * 18 * DAY_S)
        return {condition.cause: condition.holds for condition in found}

    none, both = frozenset[Cause](), frozenset({Cause.BUDGET_CONSUMED, Cause.BUDGET_RUNS_OUT})
    assert conditions(0.79, none) == {
        Cause.BUDGET_CONSUMED: False,
        Cause.BUDGET_RUNS_OUT: False,
        Cause.BUDGET_EXHAUSTED: False,
    }
    assert conditions(0.8, none)[Cause.BUDGET_CONSUMED]
    assert conditions(0.84, none)[Cause.BUDGET_RUNS_OUT]
    assert conditions(0.79, both)[Cause.BUDGET_CONSUMED]
    assert conditions(0.8, both)[Cause.BUDGET_RUNS_OUT]
    assert not conditions(0.75, both)[Cause.BUDGET_CONSUMED]
    assert conditions(1.0, none)[Cause.BUDGET_EXHAUSTED]
    assert set(conditions(float("nan"), both).values()) == {None}


def test_a_budget_that_is_not_known_changes_nothing() -> None:
    gone = of_budget(BudgetAlerts(exhausted=True), frozenset(), consumed=1.2, lasts_s=0.0)
    unknown = of_budget(BudgetAlerts(exhausted=True), frozenset(), consumed=float("nan"), lasts_s=float("nan"))
    alerts, said = _play([gone, unknown, unknown, gone])
    assert said == ["0 budget_exhausted fired"]
    assert alerts[0].in_force


def test_a_condition_that_is_switched_off_is_resolved() -> None:
    gone = of_budget(BudgetAlerts(exhausted=True), frozenset(), consumed=1.2, lasts_s=0.0)
    alerts, said = _play([gone, ()])
    assert (alerts, said) == ((), ["0 budget_exhausted fired", "1 budget_exhausted resolved"])


def test_the_notice_of_a_condition_has_its_own_name_and_key() -> None:
    gone = of_budget(ALL, frozenset(), consumed=1.2, lasts_s=0.0)
    alerts, _ = _play([gone])
    by_cause = {alert.cause: alert for alert in alerts}
    slo = Slo(
        id=SLO,
        service="checkout",
        name="availability",
        objective=0.999,
        window=RollingWindow(timedelta(days=30)),
        sli=BadSli(total=parse_selector("a_total"), bad=parse_selector('a_total{code="500"}')),
    )
    condition = next(each for each in gone if each.cause is Cause.BUDGET_EXHAUSTED)
    exhausted = by_cause[Cause.BUDGET_EXHAUSTED]
    notice = compose_condition(exhausted, condition, slo=slo, group=(), budget_remaining=-0.2, at=slot(0))
    assert (notice.status, notice.alertname, notice.key) == (
        NoticeStatus.FIRING,
        "ErrorBudgetExhausted",
        "checkout-availability/ticket/budget_exhausted",
    )
    assert notice.condition == "the error budget is exhausted, the objective is missed"
    with pytest.raises(ValueError, match="does not fire"):
        compose_condition(
            by_cause[Cause.BUDGET_RUNS_OUT], condition, slo=slo, group=(), budget_remaining=-0.2, at=slot(0)
        )


def _without_data(policy: NoData, before: str) -> tuple[tuple[Alert, ...], list[Transition]]:
    """A page and a ticket that lived through *before*, and then through two slots whose data is long missing."""
    alerts: tuple[Alert, ...] = ()
    changes: list[Transition] = []
    for number, letter in enumerate(before + "ss"):
        readings = {Severity.PAGE: reading(letter), Severity.TICKET: reading("q" if letter == "b" else letter)}
        alerts, changed = step_slo(
            alerts,
            readings,
            (PAGE, TICKET),
            slo=SLO,
            at=slot(number),
            no_data=policy if letter == "s" else NoData.FREEZE,
        )
        changes += changed
    return alerts, changes


def test_freeze_keeps_what_fires() -> None:
    (page, _), changes = _without_data(NoData.FREEZE, "qb")
    assert page.in_force
    assert page.frozen
    assert [change.kind for change in changes if change.severity is Severity.PAGE] == ["fired", "frozen"]


@pytest.mark.parametrize("policy", [NoData.GOOD, NoData.RESOLVE])
def test_good_and_resolve_end_what_fires_and_say_why(policy: NoData) -> None:
    (page, _), changes = _without_data(policy, "qb")
    assert page.state is AlertState.INACTIVE
    ended = changes[-1] if changes[-1].kind == "resolved" else next(c for c in changes if c.kind == "resolved")
    assert ended.notify
    assert ended.reason == f"the newest data is too old to judge by; this SLO says: no_data: {policy}"


def test_bad_pages_once_and_mutes_the_ticket() -> None:
    (page, ticket), changes = _without_data(NoData.BAD, "qq")
    assert [(change.severity, change.kind) for change in changes if change.notify] == [("page", "fired")]
    assert page.tier == "no data"
    assert page.in_force
    assert ticket.muted


def test_data_that_is_there_but_has_holes_stays_frozen() -> None:
    """The policies are about data that has stopped; a hole in a window fills or passes."""
    alerts, _ = step_slo(
        (), {Severity.PAGE: reading("h")}, (PAGE,), slo=SLO, at=datetime(2026, 1, 1, tzinfo=UTC), no_data=NoData.BAD
    )
    assert alerts[0].frozen
    assert not alerts[0].firing
