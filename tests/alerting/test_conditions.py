"""Tickets about missing data and about the budget itself, and what missing data does to the other alerts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.alerting import (
    MEMBER_GONE,
    Alert,
    AlertCondition,
    BudgetCounts,
    NotificationStatus,
    Transition,
    compose_condition,
    no_data,
    no_traffic,
    of_budget,
    step_conditions,
    step_slo,
)
from app.alerting.ends import SUPERSEDED
from app.alerting.evidence import has_only_begun
from app.alerting.lifecycle import incident_id
from app.slo import (
    Alerting,
    AlertState,
    BudgetAlerts,
    Cause,
    Evidence,
    NoData,
    Severity,
    SloId,
)
from tests.alerting.scripts import PAGE, SERVICE, SLO, SLOT, TICKET, reading, slot

ALL = BudgetAlerts(consumed=0.8, runs_out_within=timedelta(days=3), exhausted=True)
DAY_S = 86_400.0


def _missing(number: int, *, missing: bool, ever: bool) -> AlertCondition:
    since = slot(0) if ever else None
    return no_data(missing=missing, since=since, query="http_requests_total", no_data_for=4 * SLOT, at=slot(number))


def _play(script: Sequence[tuple[AlertCondition, ...]]) -> tuple[tuple[Alert, ...], list[str]]:
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


@pytest.mark.parametrize(
    ("ever", "given", "says"),
    [
        (True, {}, "no data since 2026-01-01 00:00 UTC, so alerts cannot be judged: up has no new samples"),
        (False, {}, "no data ever, so alerts cannot be judged: up has no new samples"),
        (False, {"refusal": "too large"}, "no data ever, so alerts cannot be judged: too large"),
        (True, {"partial": "a store is down"}, "partial data since 2026-01-01 00:00 UTC: a store is down"),
        (
            True,
            {"bad_goes_on": True},
            (
                "no data since 2026-01-01 00:00 UTC, so alerts cannot be judged: "
                "up has no new samples, while bad events are still counted"
            ),
        ),
    ],
)
def test_missing_data_says_since_when_and_why(ever: bool, given: dict[str, Any], says: str) -> None:
    since = slot(0) if ever else None
    assert no_data(missing=True, since=since, query="up", no_data_for=2 * SLOT, at=slot(2), **given) == AlertCondition(
        cause=Cause.NO_DATA,
        holds=True,
        name="no data",
        says=says,
        pending_for=timedelta(0) if ever else 2 * SLOT,
    )


@pytest.mark.parametrize("stopped", [True, False, None])
def test_traffic_that_stops_is_a_condition_of_the_severity_that_was_asked_for(stopped: bool | None) -> None:
    condition = no_traffic(stopped=stopped, severity=Severity.PAGE, no_traffic_for=timedelta(hours=1), muted=True)
    assert condition == AlertCondition(
        cause=Cause.NO_TRAFFIC,
        holds=stopped,
        name="no traffic",
        says="no events for 1h or longer, although there were at this time before",
        severity=Severity.PAGE,
        muted=True,
    )
    gone = condition.without_member(MEMBER_GONE)
    assert (gone.holds, gone.ended, gone.severity) == (False, MEMBER_GONE, Severity.PAGE)


def test_budget_tickets_say_what_they_are_about() -> None:
    found = of_budget(ALL, frozenset(), consumed=0.5, lasts_s=float("nan"))
    assert [(condition.name, condition.says) for condition in found] == [
        ("80% consumed", "80% of the error budget is consumed"),
        ("runs out within 3d", "at the present rate the error budget runs out within 3d"),
        ("exhausted", "the error budget is exhausted, the objective is missed"),
    ]


@pytest.mark.parametrize(
    ("days", "fires", "holds"), [(3.0, False, True), (3.1, False, False), (3.75, True, True), (3.76, True, False)]
)
def test_a_ticket_about_the_end_of_a_budget_lasts_a_quarter_longer(days: float, fires: bool, holds: bool) -> None:
    firing = frozenset({Cause.BUDGET_RUNS_OUT}) if fires else frozenset[Cause]()
    wanted = BudgetAlerts(runs_out_within=timedelta(days=3))
    (condition,) = of_budget(wanted, firing, consumed=0.5, lasts_s=days * DAY_S)
    assert condition.holds is holds


@pytest.mark.parametrize(
    ("lasts", "forecast", "fires", "holds", "said"),
    [
        # In an acute burn most futures end soon: the rate decides, as early as without a forecast.
        (2.0, 9.0, False, True, "at the present rate"),
        # An hour without errors says that a budget lasts, the forecast knows better.
        (float("nan"), 2.0, False, True, "is forecast to run out"),
        (2.0, 2.0, False, True, "at the present rate"),
        (9.0, 9.0, False, False, "at the present rate"),
        (float("nan"), float("inf"), True, False, "at the present rate"),
        (float("nan"), 3.7, True, True, "is forecast to run out"),
        # Without a forecast only the rate counts; before it is made, what fires goes on.
        (float("nan"), float("nan"), True, False, "at the present rate"),
        (float("nan"), None, True, None, "at the present rate"),
        (float("nan"), None, False, False, "at the present rate"),
        (2.0, None, False, True, "at the present rate"),
    ],
)
def test_a_budget_runs_out_by_its_rate_or_by_its_forecast(
    lasts: float, forecast: float | None, *, fires: bool, holds: bool | None, said: str
) -> None:
    firing = frozenset({Cause.BUDGET_RUNS_OUT}) if fires else frozenset[Cause]()
    (condition,) = of_budget(
        BudgetAlerts(runs_out_within=timedelta(days=3)),
        firing,
        consumed=0.5,
        lasts_s=lasts * DAY_S,
        forecast_lasts_s=None if forecast is None else forecast * DAY_S,
    )
    assert condition.holds is holds
    assert said in condition.says


def test_a_forecast_of_few_events_opens_no_ticket() -> None:
    """One failure of 40 spends more than the budget: neither it nor what is forecast after it is evidence."""
    for bad, holds in ((1.0, False), (9.0, True)):
        counts = BudgetCounts(bad=bad, total=bad * 900, lately_bad=0, lately_total=40, error_budget=0.001)
        (condition,) = of_budget(
            BudgetAlerts(runs_out_within=timedelta(days=3)),
            frozenset(),
            consumed=1 / 0.9,
            lasts_s=float("nan"),
            counts=counts,
            evidence=Evidence(),
            exhausting_burn_rate=9.0,
            forecast_lasts_s=DAY_S,
        )
        assert condition.holds is holds


def test_a_budget_that_is_gone_and_cannot_be_judged_now_keeps_its_one_ticket() -> None:
    unknown = float("nan")
    gone = frozenset({Cause.BUDGET_EXHAUSTED})
    assert [one.holds for one in of_budget(ALL, gone, consumed=unknown, lasts_s=unknown)] == [False, False, None]
    assert [one.holds for one in of_budget(ALL, frozenset(), consumed=unknown, lasts_s=unknown)] == [None, None, None]


@pytest.mark.parametrize("cause", [Cause.BUDGET_CONSUMED, Cause.BUDGET_RUNS_OUT, Cause.BUDGET_EXHAUSTED])
def test_a_budget_ticket_that_fires_is_not_asked_for_evidence_again(cause: Cause) -> None:
    """One failure of 40: far from evidence, and none of the others opens by it."""
    wanted = {
        Cause.BUDGET_CONSUMED: BudgetAlerts(consumed=0.8),
        Cause.BUDGET_RUNS_OUT: BudgetAlerts(runs_out_within=timedelta(days=3)),
        Cause.BUDGET_EXHAUSTED: BudgetAlerts(exhausted=True),
    }[cause]
    counts = BudgetCounts(bad=1, total=40, lately_bad=1, lately_total=40, error_budget=0.001)
    for firing, holds in ((frozenset({cause}), True), (frozenset(set(Cause) - {cause}), False)):
        (condition,) = of_budget(
            wanted, firing, consumed=25.0, lasts_s=0.0, counts=counts, evidence=Evidence(), exhausting_burn_rate=9.0
        )
        assert condition.holds is holds


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


def _budget(
    wanted: BudgetAlerts, *, bad: float, total: float, elapsed: float = 1.0, last: float = -1
) -> dict[Cause, bool | None]:
    """Which budget tickets open by events of a 30-day window; *last* of the bad ones were in the last hour."""
    last = bad if last < 0 else last
    counts = BudgetCounts(
        bad=bad, total=total, lately_bad=last, lately_total=total / 720, error_budget=0.001, elapsed=elapsed
    )
    consumed = bad / (total * 0.001)
    lately = last / (counts.lately_total * 0.001)
    found = of_budget(
        wanted,
        frozenset(),
        consumed=consumed,
        lasts_s=max(1 - consumed, 0) * 30 * DAY_S / lately if lately else float("nan"),
        counts=counts,
        evidence=Evidence(),
        exhausting_burn_rate=(1.0 - consumed) * 10,
    )
    return {condition.cause: condition.holds for condition in found}


@pytest.mark.parametrize("failures", [1, 2, 3])
def test_the_first_minutes_of_a_window_open_no_budget_ticket(failures: int) -> None:
    """Forty requests of which one failed are no "2,500% consumed": the month, or the service, has only begun."""
    assert set(_budget(ALL, bad=failures, total=40, elapsed=1 / 43_200).values()) == {False}


def test_an_outage_that_spends_the_budget_of_the_whole_window_is_told_of_on_its_first_day() -> None:
    hour = 1 / 720
    assert _budget(ALL, bad=36_000, total=36_000, elapsed=hour)[Cause.BUDGET_EXHAUSTED]
    assert not _budget(ALL, bad=100, total=36_000, elapsed=hour)[Cause.BUDGET_EXHAUSTED]
    assert _budget(ALL, bad=3_000, total=1_000_000, elapsed=0.1)[Cause.BUDGET_EXHAUSTED]


def test_while_history_is_read_a_budget_ticket_asks_for_the_share_of_the_whole_window() -> None:
    """A third of a window was read: errors that are half of the whole window's budget, then all of it."""
    counts = BudgetCounts(
        bad=5_000,
        total=3_000_000,
        lately_bad=0,
        lately_total=4_000,
        error_budget=0.001,
        elapsed=0.3,
        history_unread=True,
    )
    assert not counts.show_that_spent(1.0, Evidence())
    assert replace(counts, history_unread=False).show_that_spent(1.0, Evidence())
    assert replace(counts, bad=10_000).show_that_spent(1.0, Evidence())


@pytest.mark.parametrize(("bad", "opens"), [(1, False), (2, False), (5, True)])
def test_a_few_failures_of_a_window_with_little_traffic_are_chance(bad: int, opens: bool) -> None:
    """A thousand events in a part of the window allow one failure; 2 of them are not rare enough."""
    assert _budget(BudgetAlerts(exhausted=True), bad=bad, total=1_000, elapsed=0.3)[Cause.BUDGET_EXHAUSTED] is opens


def test_what_is_known_of_a_whole_window_is_told_at_its_share() -> None:
    assert _budget(BudgetAlerts(consumed=0.8), bad=8_000, total=10_000_000)[Cause.BUDGET_CONSUMED]
    assert not _budget(BudgetAlerts(consumed=0.8), bad=7_999, total=10_000_000)[Cause.BUDGET_CONSUMED]


@pytest.mark.parametrize(
    ("bad", "elapsed", "shown"),
    # Of 10,000 events, 5.5 bad ones are 0.55 of the budget: 10 are chance in 5 of 100 windows, 13 in less than one.
    [(10, 0.9, True), (10, 0.89, False), (13, 0.89, True), (8, 0.9, False)],
)
def test_what_is_known_of_nine_tenths_of_a_window_goes_by_the_lesser_certainty(
    bad: int, elapsed: float, shown: bool
) -> None:
    counts = BudgetCounts(bad=bad, total=10_000, lately_bad=0, lately_total=0, error_budget=0.001, elapsed=elapsed)
    assert counts.show_that_spent(1.0, Evidence()) is shown


@pytest.mark.parametrize(("bad", "total", "shown"), [(10, 10_000, False), (13, 10_000, True), (2, 100, True)])
def test_a_burn_is_shown_by_as_many_errors_as_are_no_chance(bad: int, total: int, shown: bool) -> None:
    """Two are enough where 0.055 were to be expected."""
    counts = BudgetCounts(bad=0, total=0, lately_bad=bad, lately_total=total, error_budget=0.001)
    assert counts.show_that_burns(1.0, Evidence()) is shown


def test_a_window_has_only_begun_in_its_first_thirtieth() -> None:
    assert [has_only_begun(elapsed) for elapsed in (0.033, 1 / 30)] == [True, False]


def test_an_slo_that_asks_for_no_evidence_gets_its_budget_tickets_by_the_figures() -> None:
    few = BudgetCounts(bad=1, total=40, lately_bad=1, lately_total=40, error_budget=0.001, elapsed=0.001)
    for wanted in (BudgetAlerts(exhausted=True), BudgetAlerts(runs_out_within=timedelta(days=3))):
        (found,) = of_budget(wanted, frozenset(), consumed=25.0, lasts_s=0.0, counts=few, exhausting_burn_rate=5.0)
        assert found.holds


@pytest.mark.parametrize(
    ("spent", "lately", "burn_rate", "holds"),
    [
        # None is left: the events of the window must show that, not those of the last hour.
        ((13, 10_000), (0, 0), 0.0, True),
        ((2, 1_000), (2, 1_000), 0.0, False),
        # However slowly it burns, the last hour must show it.
        ((0, 10_000), (13, 10_000), 0.5, True),
        ((13, 10_000), (0, 10_000), 0.5, False),
    ],
)
def test_that_a_budget_runs_out_is_shown_by_the_window_once_none_is_left(
    spent: tuple[int, int], lately: tuple[int, int], burn_rate: float, holds: bool
) -> None:
    counts = BudgetCounts(
        bad=spent[0], total=spent[1], lately_bad=lately[0], lately_total=lately[1], error_budget=0.001, elapsed=0.95
    )
    (found,) = of_budget(
        BudgetAlerts(runs_out_within=timedelta(days=3)), frozenset(), consumed=0.9, lasts_s=0.0, counts=counts,
        evidence=Evidence(), exhausting_burn_rate=burn_rate,
    )  # fmt: skip
    assert found.holds is holds


def test_that_a_budget_runs_out_asks_for_evidence_of_its_burn_rate() -> None:
    within = BudgetAlerts(runs_out_within=timedelta(days=3))
    assert not _budget(within, bad=30, total=43_200, last=1)[Cause.BUDGET_RUNS_OUT]
    assert _budget(within, bad=30, total=43_200, last=6)[Cause.BUDGET_RUNS_OUT]


def test_that_a_budget_runs_out_holds_for_half_an_hour_before_its_ticket_opens() -> None:
    soon = of_budget(BudgetAlerts(runs_out_within=timedelta(days=3)), frozenset(), consumed=0.5, lasts_s=DAY_S)
    slots = int(timedelta(minutes=30) / SLOT)
    _, said = _play([soon] * (slots + 1))
    assert said == [f"{slots} budget_runs_out fired"]


def test_of_the_tickets_about_one_budget_one_speaks() -> None:
    assert _budget(ALL, bad=20_000, total=10_000_000) == {
        Cause.BUDGET_CONSUMED: False,
        Cause.BUDGET_RUNS_OUT: False,
        Cause.BUDGET_EXHAUSTED: True,
    }
    most, gone = (of_budget(ALL, frozenset(), consumed=share, lasts_s=0.0) for share in (0.9, 1.2))
    alerts: tuple[Alert, ...] = ()
    changes: list[Transition] = []
    for number, conditions in enumerate((most, gone)):
        alerts, changed = step_conditions(alerts, conditions, slo=SLO, at=slot(number))
        changes += changed
    ended = next(change for change in changes if change.kind == "resolved")
    assert (ended.cause, ended.notify) == (Cause.BUDGET_CONSUMED, True)
    assert ended.reason == "the error budget is exhausted, which has a ticket of its own"
    assert [alert.cause for alert in alerts if alert.firing] == [Cause.BUDGET_EXHAUSTED]


def test_a_budget_that_is_not_known_changes_nothing() -> None:
    gone = of_budget(BudgetAlerts(exhausted=True), frozenset(), consumed=1.2, lasts_s=0.0)
    unknown = of_budget(BudgetAlerts(exhausted=True), frozenset(), consumed=float("nan"), lasts_s=float("nan"))
    alerts, said = _play([gone, unknown, unknown, gone])
    assert said == ["0 budget_exhausted fired"]
    assert alerts[0].is_notified


def test_a_condition_that_is_switched_off_is_resolved() -> None:
    gone = of_budget(BudgetAlerts(exhausted=True), frozenset(), consumed=1.2, lasts_s=0.0)
    alerts, said = _play([gone, ()])
    assert (alerts, said) == ((), ["0 budget_exhausted fired", "1 budget_exhausted resolved"])


def test_a_condition_is_stepped_with_its_name_its_silence_and_the_reason_of_its_end() -> None:
    silent = no_traffic(stopped=True, severity=Severity.TICKET, no_traffic_for=timedelta(hours=1), muted=True)
    (alert,), changes = step_conditions((), (silent,), slo=SLO, at=slot(0))
    assert (alert.tier, alert.muted, alert.firing) == ("no traffic", True, True)
    assert [(change.kind, change.notify) for change in changes] == [("fired", False)]
    (heard,), changes = step_conditions((alert,), (replace(silent, muted=False),), slo=SLO, at=slot(1))
    assert [(change.kind, change.notify, change.at) for change in changes] == [("unmuted", True, slot(1))]
    assert heard.tier == "no traffic"
    _, changes = step_conditions((heard,), (replace(silent, holds=False, ended=SUPERSEDED),), slo=SLO, at=slot(2))
    assert [(change.kind, change.end_code, change.at) for change in changes] == [("resolved", "superseded", slot(2))]
    _, changes = step_conditions((heard,), (replace(silent, holds=False),), slo=SLO, at=slot(2))
    assert [(change.kind, change.end_code) for change in changes] == [("resolved", "traffic_returned")]
    _, changes = step_conditions((heard,), (), slo=SLO, at=slot(2))
    assert [(change.at, change.end_code) for change in changes] == [(slot(2), "switched_off")]


def test_incidents_of_conditions_are_their_own() -> None:
    gone = of_budget(BudgetAlerts(consumed=0.8), frozenset(), consumed=0.9, lasts_s=0.0)
    missing = _missing(9, missing=True, ever=True)
    alerts, _ = step_conditions((), (*gone, missing), slo=SLO, at=slot(9))
    assert {alert.incident for alert in alerts} == {incident_id(SloId(alert.key), slot(9)) for alert in alerts}
    assert len({alert.incident for alert in alerts}) == 2


def test_the_notification_of_a_condition_has_its_own_name_and_key() -> None:
    gone = of_budget(ALL, frozenset(), consumed=1.2, lasts_s=0.0)
    alerts, _ = _play([gone])
    by_cause = {alert.cause: alert for alert in alerts}
    slo = replace(SERVICE, alerting=Alerting(annotations=(("runbook_url", "https://runbooks/slo"),)))
    condition = next(each for each in gone if each.cause is Cause.BUDGET_EXHAUSTED)
    exhausted = by_cause[Cause.BUDGET_EXHAUSTED]
    notification = compose_condition(exhausted, condition, slo=slo, group=(), budget_remaining=-0.2, at=slot(0))
    assert (notification.status, notification.alertname, notification.key) == (
        NotificationStatus.FIRING,
        "ErrorBudgetExhausted",
        "checkout-availability/ticket/budget_exhausted",
    )
    assert notification.condition == "the error budget is exhausted, the objective is missed"
    assert (notification.cause, notification.tier, notification.budget_remaining) == (
        Cause.BUDGET_EXHAUSTED,
        "exhausted",
        -0.2,
    )
    assert notification.annotations == (("runbook_url", "https://runbooks/slo"),)
    assert (notification.at, notification.budget_estimated) == (slot(0), False)
    dated = compose_condition(
        exhausted, condition, slo=slo, group=(), budget_remaining=-0.2, budget_estimated=True, at=slot(0),
        exhausted_at=slot(5),
    )  # fmt: skip
    assert dated == replace(notification, exhausted_at=slot(5), budget_estimated=True)
    missing = compose_condition(
        replace(exhausted, cause=Cause.NO_DATA), _missing(9, missing=True, ever=True), slo=slo, group=(),
        budget_remaining=0.5, at=slot(9), exhausted_at=slot(5),
    )  # fmt: skip
    assert (str(missing.budget_remaining), missing.exhausted_at) == ("nan", None)
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
    assert page.is_notified
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
    assert page.is_notified
    assert ticket.muted


def test_a_page_of_the_past_does_not_mute_the_ticket_for_missing_data_taken_as_bad() -> None:
    """The page has a `for` of its own: until then the ticket speaks."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    page = Alert(slo=SLO, severity=Severity.PAGE, resolved_at=at - timedelta(days=7))
    patient = replace(PAGE, pending_for=timedelta(hours=1))
    stale = {Severity.PAGE: reading("s"), Severity.TICKET: reading("s")}
    alerts, changes = step_slo((page,), stale, (patient, TICKET), slo=SLO, at=at, no_data=NoData.BAD)
    assert [alert.state for alert in alerts] == [AlertState.PENDING, AlertState.FIRING]
    assert [(change.severity, change.kind) for change in changes if change.notify] == [("ticket", "fired")]


def test_missing_data_taken_as_bad_joins_the_incident_and_ends_its_silence() -> None:
    """A ticket that the page muted speaks at once where the page no longer fires."""
    at = slot(9)
    ticket = Alert(
        slo=SLO,
        severity=Severity.TICKET,
        state=AlertState.FIRING,
        since=slot(0),
        incident="i",
        tier="1d/2h",
        muted=True,
    )
    stale = {Severity.PAGE: reading("s"), Severity.TICKET: reading("s")}
    patient = replace(PAGE, pending_for=timedelta(hours=1))
    (page, heard), changes = step_slo((ticket,), stale, (patient, TICKET), slo=SLO, at=at, no_data=NoData.BAD)
    assert (page.state, page.incident, heard.muted) == (AlertState.PENDING, heard.incident, False)
    assert [(change.severity, change.kind, change.at) for change in changes] == [
        ("page", "pending", at), ("ticket", "unmuted", at),
    ]  # fmt: skip


def test_data_that_is_there_but_has_holes_stays_frozen() -> None:
    """The policies are about data that has stopped; a hole in a window fills or passes."""
    alerts, _ = step_slo(
        (), {Severity.PAGE: reading("h")}, (PAGE,), slo=SLO, at=datetime(2026, 1, 1, tzinfo=UTC), no_data=NoData.BAD
    )
    assert alerts[0].frozen
    assert not alerts[0].firing
