"""The life of one alert, and of the page and the ticket of one SLO."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.alerting import (
    MEMBER_GONE,
    SLO_REMOVED,
    Alert,
    Definition,
    EndCode,
    Reading,
    RuleReading,
    Transition,
    TransitionKind,
    judge,
    retire,
    step,
    step_slo,
)
from app.alerting.definition import end_of
from app.alerting.evidence import WindowCounts, needed_windows
from app.alerting.lifecycle import incident_id
from app.slo import AlertState, BurnRateRule, Cause, Evidence, FrozenCause, NoData, Severity, SeverityPolicy
from tests.alerting.scripts import PAGE, SLO, SLOT, TICKET, play, play_slo, reading, slot, told

PATIENT = replace(PAGE, pending_for=2 * SLOT, keep_firing_for=2 * SLOT)
TWO_TIERS = replace(
    PAGE, rules=(*PAGE.rules, BurnRateRule(long=timedelta(hours=6), short=timedelta(minutes=30), factor=6.0))
)


def test_without_for_it_fires_in_the_first_burning_slot() -> None:
    assert play("qqbbq", PAGE)[1] == ["2 fired", "4 resolved"]


def test_for_counts_from_the_first_burning_slot() -> None:
    assert play("qbbbb", PATIENT)[1] == ["1 pending", "3 fired"]


@pytest.mark.parametrize(
    ("script", "wanted"),
    [
        # The quick tier waits one slot, the slow one three; letters are of both, in turn.
        ("bq bq", ["0 pending 1h/5m", "1 fired 1h/5m"]),
        ("qb qb qb qb", ["0 pending 6h/30m", "3 fired 6h/30m"]),
        ("qb qb bb bb", ["0 pending 6h/30m", "3 fired 1h/5m"]),
        ("qb qb bq bq", ["0 pending 6h/30m", "3 fired 1h/5m"]),
        # Neither has burned for as long as it is to: a common time would have run out.
        ("qb bq qb bq qb bq", ["0 pending 6h/30m"]),
        ("qb qb qb qq qb", ["0 pending 6h/30m", "3 cleared 6h/30m", "4 pending 6h/30m"]),
    ],
)
@pytest.mark.parametrize("slow_for", [3 * SLOT, None], ids=["its own", "that of its policy"])
def test_each_tier_waits_for_its_own_time(script: str, wanted: list[str], slow_for: timedelta | None) -> None:
    quick, slow = TWO_TIERS.rules
    rules = (replace(quick, pending_for=SLOT), replace(slow, pending_for=slow_for))
    policy = replace(TWO_TIERS, pending_for=3 * SLOT, rules=rules)
    alert, said = Alert(slo=SLO, severity=policy.severity), []
    for number, letters in enumerate(script.split()):
        alert, changes = step(alert, reading(*letters), policy, at=slot(number))
        said += [f"{number} {change.kind} {change.tier}" for change in changes]
    assert said == wanted
    assert bool(alert.waiting) is (alert.state is AlertState.PENDING)


def test_a_pending_alert_that_goes_quiet_starts_over() -> None:
    assert play("bbqbbb", PATIENT)[1] == ["0 pending", "2 cleared", "3 pending", "5 fired"]


def test_keep_firing_for_counts_from_the_first_quiet_slot() -> None:
    assert play("bbbqqq", PATIENT)[1] == ["0 pending", "2 fired", "5 resolved"]


def test_burning_again_restarts_keep_firing_for() -> None:
    assert play("bbbqqbqqq", PATIENT)[1] == ["0 pending", "2 fired", "8 resolved"]


def test_no_events_never_trip() -> None:
    assert play("nnn", PAGE)[1] == []


def test_an_alert_does_not_resolve_because_requests_stopped() -> None:
    alerts, said = play("bnnb", PAGE)
    assert said == ["0 fired", "1 frozen", "3 unfrozen"]
    assert (alerts[1].frozen_cause, alerts[1].frozen) == ("no_traffic", "no events in the last 5m")
    assert alerts[1].is_notified


def test_that_an_alert_is_frozen_is_recorded_with_the_reason() -> None:
    firing, _ = step(Alert(slo=SLO, severity=Severity.PAGE), reading("b"), PAGE, at=slot(0))
    ended, _ = step(firing, reading("q"), PAGE, at=slot(1))
    assert (ended.state, ended.since, ended.muted) == (AlertState.INACTIVE, slot(1), False)
    _, (frozen,) = step(firing, reading("n"), PAGE, at=slot(1))
    assert (frozen.kind, frozen.at, frozen.reason) == ("frozen", slot(1), "no events in the last 5m")


def test_good_events_resolve_an_alert_that_is_frozen_for_want_of_traffic() -> None:
    assert play("bnnnq", PAGE)[1] == ["0 fired", "1 frozen", "4 unfrozen", "4 resolved"]


def test_patience_that_has_begun_needs_no_further_events() -> None:
    assert play("bbbqnn", PATIENT)[1] == ["0 pending", "2 fired", "5 resolved"]


def test_an_alert_without_traffic_is_resolved_after_a_while_for_that_reason() -> None:
    changes: list[Transition] = []
    alert = Alert(slo=SLO, severity=Severity.PAGE)
    impatient = replace(PAGE, resolve_no_traffic_after=3 * SLOT)
    for number, letter in enumerate("bnnnn"):
        alert, changed = step(alert, reading(letter), impatient, at=slot(number))
        changes += changed
    assert [(change.kind.value, change.at) for change in changes[-1:]] == [("resolved", slot(4))]
    assert (changes[-1].end_code, changes[-1].notify) == (EndCode.NO_TRAFFIC, True)
    assert alert.silent_since is None


def test_without_patience_silence_resolves_as_it_does_for_a_prometheus_rule() -> None:
    assert play("bnnb", replace(PAGE, resolve_no_traffic_after=timedelta(0)))[1] == ["0 fired", "1 resolved", "3 fired"]


def test_an_alert_that_was_frozen_for_missing_data_too_keeps_the_time_of_its_silence() -> None:
    impatient = replace(PAGE, resolve_no_traffic_after=3 * SLOT)
    assert play("bnsnn", impatient)[1] == ["0 fired", "1 frozen", "4 resolved"]


@pytest.mark.parametrize(
    ("then", "changed"),
    [
        # Of both rules it is silence of the slow one, which fired, that keeps the alert from resolving.
        ("qn", ["frozen no events in the last 30m"]),
        ("nn", ["frozen no events in the last 30m"]),
        ("nq", ["resolved"]),
    ],
)
def test_an_alert_waits_for_events_of_the_rule_that_fired(then: str, changed: list[str]) -> None:
    firing, _ = step(Alert(slo=SLO, severity=Severity.PAGE), reading(*"qb"), TWO_TIERS, at=slot(0))
    _, changes = step(firing, reading(*then), TWO_TIERS, at=slot(1))
    assert [" ".join(filter(None, (change.kind, change.reason))) for change in changes] == changed


def test_an_alert_whose_rule_was_removed_waits_for_events_of_the_quickest_rule_that_is_left() -> None:
    removed = BurnRateRule(long=timedelta(days=1), short=timedelta(hours=2), factor=3.0)
    before = replace(TWO_TIERS, rules=(removed,))
    firing, _ = step(Alert(slo=SLO, severity=Severity.PAGE), reading("b"), before, at=slot(0))
    frozen, _ = step(firing, reading(*"nn"), TWO_TIERS, at=slot(1))
    assert (frozen.state, frozen.frozen) == (AlertState.FIRING, "no events in the last 5m")
    resolved, _ = step(frozen, reading(*"qq"), TWO_TIERS, at=slot(2))
    assert resolved.state is AlertState.INACTIVE


@pytest.mark.parametrize(("burn_rate", "burning"), [(14.4, True), (14.399999, False)])
def test_a_tier_trips_at_its_factor(burn_rate: float, burning: bool) -> None:
    for rates in [(burn_rate, 99.0), (99.0, burn_rate)]:
        measured = RuleReading(long_burn_rate=rates[0], short_burn_rate=rates[1])
        assert judge(Reading(rules=(measured,)), PAGE).burning is burning


@pytest.mark.parametrize("blind", ["h", "s"])
class TestBlind:
    def test_an_inactive_alert_does_not_fire(self, blind: str) -> None:
        alerts, said = play("q" + blind * 3, PAGE)
        assert said == []
        assert alerts[-1].shown_state is AlertState.FROZEN
        assert alerts[-1].frozen

    def test_that_an_inactive_alert_is_frozen_is_shown_and_no_event(self, blind: str) -> None:
        alerts, said = play(blind * 2 + "q" + blind + "q", PAGE)
        assert said == []
        assert [alert.frozen is None for alert in alerts] == [False, False, True, False, True]

    def test_a_firing_alert_stays_asserted(self, blind: str) -> None:
        alerts, said = play("b" + blind * 50, PAGE)
        assert said == ["0 fired", "1 frozen"]
        assert alerts[-1].is_notified
        assert alerts[-1].shown_state is AlertState.FROZEN

    def test_a_firing_alert_resolves_only_once_it_sees_again(self, blind: str) -> None:
        assert play("b" + blind * 3 + "q", PAGE)[1] == ["0 fired", "1 frozen", "4 unfrozen", "4 resolved"]

    def test_a_pending_alert_goes_on_waiting(self, blind: str) -> None:
        assert play("b" + blind * 3 + "b", PATIENT)[1] == ["0 pending", "1 frozen", "4 unfrozen", "4 fired"]


def test_it_says_which_window_is_not_measured() -> None:
    alerts, _ = play("h", PAGE)
    assert alerts[-1].frozen == "less than 90% of the last 5m is measured"


def test_nine_tenths_of_a_window_are_enough() -> None:
    measured = RuleReading(long_burn_rate=1.0, short_burn_rate=1.0, long_coverage=0.9, short_coverage=0.9)
    assert judge(Reading(rules=(measured,)), PAGE).unknown is None


def test_coverage_that_is_not_known_is_not_enough() -> None:
    measured = RuleReading(long_burn_rate=1.0, short_burn_rate=1.0, long_coverage=float("nan"))
    assert judge(Reading(rules=(measured,)), PAGE).unknown == "less than 90% of the last 1h is measured"


@pytest.mark.parametrize(
    ("letters", "tier", "unknown"),
    [
        ("bb", "1h/5m", False),
        ("qb", "6h/30m", False),
        ("hb", "6h/30m", False),
        ("bh", "1h/5m", False),
        ("qh", None, True),
        ("hq", None, True),
        ("qq", None, False),
        ("sb", None, True),
    ],
)
def test_one_tier_that_surely_trips_is_enough_but_quiet_needs_all(
    letters: str, tier: str | None, unknown: bool
) -> None:
    verdict = judge(reading(*letters), TWO_TIERS)
    assert (verdict.rule.name if verdict.rule else None, verdict.unknown is not None) == (tier, unknown)


def test_the_tier_is_the_quickest_that_trips_now() -> None:
    alert = Alert(slo=SLO, severity=Severity.PAGE)
    for number, (letters, tier) in enumerate([("qb", "6h/30m"), ("bb", "1h/5m"), ("qb", "6h/30m")]):
        alert, _ = step(alert, reading(*letters), TWO_TIERS, at=slot(number))
        assert alert.tier == tier


def test_a_reading_of_other_tiers_is_a_bug_of_the_caller() -> None:
    with pytest.raises(ValueError, match="1 readings for the 2 rules"):
        judge(reading("b"), TWO_TIERS)


def test_a_page_mutes_the_ticket_of_its_slo() -> None:
    changes, alerts = play_slo("qbbb", "qbbb")
    assert told(changes) == ["1 page fired"]
    assert [(alert.firing, alert.muted, alert.is_notified) for alert in alerts] == [
        (True, False, True),
        (True, True, False),
    ]


def test_a_ticket_that_only_remembers_the_page_stays_silent_until_it_ends() -> None:
    """The 2 h window of the ticket still holds the incident 5 minutes after it; that is no news."""
    changes, _ = play_slo("bbb" + "q" * 60, "bbb" + "b" * 50 + "q" * 10)
    assert told(changes) == ["0 page fired", "3 page resolved"]


def test_a_muted_ticket_that_fires_on_out_of_patience_stays_silent() -> None:
    patient = replace(TICKET, keep_firing_for=10 * SLOT)
    alerts: tuple[Alert, ...] = ()
    changes: list[Transition] = []
    for number, letter in enumerate("qbbqqqqqqqqqqqqqq"):
        readings = {Severity.PAGE: reading(letter), Severity.TICKET: reading(letter)}
        alerts, changed = step_slo(alerts, readings, (PAGE, patient), slo=SLO, at=slot(number))
        changes += changed
    assert told(changes) == ["1 page fired", "3 page resolved"]
    assert changes[-1].kind is TransitionKind.RESOLVED
    assert not alerts[1].firing


def test_a_muted_ticket_whose_errors_are_no_evidence_any_more_stays_silent() -> None:
    """It fires on by what its windows still hold, after a relapse; the newest events show the end of the incident."""
    ticket = Alert(
        slo=SLO, severity=Severity.TICKET, state=AlertState.FIRING, since=slot(0), incident="i", muted=True,
        resolved_at=slot(-1), tier=TICKET.rules[0].name,
    )  # fmt: skip
    page = Alert(slo=SLO, severity=Severity.PAGE, resolved_at=slot(0))
    guarded = replace(TICKET, evidence=Evidence())
    good = tuple(WindowCounts(window=window, total=1e5, bad=0.0) for window in needed_windows(guarded))
    (rule,) = reading("b").rules
    over = Reading(rules=(replace(rule, good=1e6, bad=1e5),), error_budget=0.001, recent=good)
    alerts, changes = step_slo(
        (page, ticket), {Severity.PAGE: reading("q"), Severity.TICKET: over}, (PAGE, guarded), slo=SLO, at=slot(1)
    )
    assert told(changes) == []
    assert [(alert.state, alert.muted) for alert in alerts] == [
        (AlertState.INACTIVE, False),
        (AlertState.FIRING, True),
    ]


def test_a_muted_ticket_does_not_join_two_outages() -> None:
    changes, alerts = play_slo("bbqqqqbb", "bbbbbbbb")
    first, second = (change.incident for change in changes if change.notify and change.kind is TransitionKind.FIRED)
    assert first != second
    assert {alert.incident for alert in alerts} == {second}


def test_a_ticket_that_goes_on_burning_after_the_page_is_told() -> None:
    """Two hours after the page's end the short window of 1d/2h holds nothing of it any more."""
    changes, alerts = play_slo("b" + "q" * 260, "b" * 261)
    assert told(changes) == ["0 page fired", "1 page resolved", "241 ticket unmuted"]
    assert alerts[1].is_notified


def test_a_ticket_that_was_told_is_not_withdrawn_when_the_page_comes() -> None:
    changes, alerts = play_slo("qqbbqq", "qbbbbq")
    assert told(changes) == ["1 ticket fired", "2 page fired", "4 page resolved", "5 ticket resolved"]
    assert {change.incident for change in changes} == {changes[0].incident}
    assert [alert.incident for alert in alerts] == [None, None]


def test_escalation_is_one_story_and_the_next_incident_another() -> None:
    changes, _ = play_slo("qbqqbq", "bbbqqq")
    first = {change.incident for change in changes if change.at <= slot(3)}
    second = {change.incident for change in changes if change.at > slot(3)}
    assert len(first) == len(second) == 1
    assert first != second


def test_a_ticket_without_a_page_policy_speaks_for_itself() -> None:
    readings = {Severity.TICKET: reading("b")}
    _, changes = step_slo((), readings, (TICKET,), slo=SLO, at=slot(0))
    assert told(changes) == ["0 ticket fired"]


def test_a_severity_that_is_switched_off_resolves() -> None:
    _, alerts = play_slo("bb", "qq")
    left, changes = step_slo(alerts, {Severity.TICKET: reading("q")}, (TICKET,), slo=SLO, at=slot(2))
    assert [alert.severity for alert in left] == [Severity.TICKET]
    assert [(change.kind, change.notify, change.end_code) for change in changes] == [
        (TransitionKind.RESOLVED, True, EndCode.SWITCHED_OFF)
    ]


def test_a_removed_slo_resolves_what_was_announced() -> None:
    _, alerts = play_slo("bb", "bb")
    changes = retire(alerts, at=slot(2), end=SLO_REMOVED)
    assert told(changes) == ["2 page resolved"]


def test_nothing_is_made_anew_while_nothing_happens() -> None:
    """1,000 SLOs are stepped twice in every slot, and nearly all of them are quiet."""
    alert = Alert(slo=SLO, severity=Severity.PAGE)
    assert step(alert, reading("q"), PAGE, at=slot(0))[0] is alert


def test_policies_may_come_in_any_order() -> None:
    readings = {Severity.PAGE: reading("b"), Severity.TICKET: reading("b")}
    policies: tuple[SeverityPolicy, ...] = (TICKET, PAGE)
    _, changes = step_slo((), readings, policies, slo=SLO, at=slot(0))
    assert told(changes) == ["0 page fired"]


def test_an_incident_that_is_under_way_is_joined_and_its_alert_may_be_muted_from_the_start() -> None:
    alert, changes = step(
        Alert(slo=SLO, severity=Severity.TICKET), reading("b"), TICKET, at=slot(1), muted=True, incident="under way"
    )
    assert (alert.incident, alert.muted) == ("under way", True)
    assert [(change.kind, change.notify, change.incident) for change in changes] == [("fired", False, "under way")]
    alone, _ = step(Alert(slo=SLO, severity=Severity.TICKET), reading("b"), TICKET, at=slot(1))
    assert alone.incident == incident_id(SLO, slot(1))


def test_page_and_ticket_that_fire_in_one_slot_share_an_incident() -> None:
    readings = {Severity.PAGE: reading("b"), Severity.TICKET: reading("b")}
    alerts, _ = step_slo((), readings, (PAGE, TICKET), slo=SLO, at=slot(0))
    assert {alert.incident for alert in alerts} == {incident_id(SLO, slot(0))}
    assert {alert.slo for alert in alerts} == {SLO}


def test_an_alert_whose_severity_is_switched_off_ends_in_that_slot() -> None:
    _, alerts = play_slo("b", "q")
    _, changes = step_slo(alerts, {}, (), slo=SLO, at=slot(7))
    assert [(change.at, change.end_code) for change in changes] == [(slot(7), EndCode.SWITCHED_OFF)]


def test_a_member_that_is_no_longer_reported_ends_for_that_reason_whatever_its_document_says() -> None:
    """Also with `no_data: bad`; a hole in data that is there freezes as ever, and what is inactive stays so."""
    _, alerts = play_slo("b", "q")
    stale = {Severity.PAGE: reading("s"), Severity.TICKET: reading("s")}
    left, changes = step_slo(alerts, stale, (PAGE, TICKET), slo=SLO, at=slot(9), no_data=NoData.BAD, ended=MEMBER_GONE)
    assert [(alert.state, alert.frozen) for alert in left] == [(AlertState.INACTIVE, None)] * 2
    assert [(change.kind, change.at, change.end_code) for change in changes] == [
        (TransitionKind.RESOLVED, slot(9), EndCode.MEMBER_GONE)
    ]
    hole = {Severity.PAGE: reading("h"), Severity.TICKET: reading("h")}
    frozen, _ = step_slo(alerts, hole, (PAGE, TICKET), slo=SLO, at=slot(9), ended=MEMBER_GONE)
    assert frozen[0].firing
    assert frozen[0].frozen == "less than 90% of the last 5m is measured"


def test_a_frozen_alert_of_a_member_that_is_no_longer_reported_is_released() -> None:
    stale = {Severity.PAGE: reading("s")}
    (frozen,), _ = step_slo((), stale, (PAGE,), slo=SLO, at=slot(0))
    assert frozen.frozen is not None
    (left,), changes = step_slo((frozen,), stale, (PAGE,), slo=SLO, at=slot(1), ended=MEMBER_GONE)
    assert (left.frozen, left.state, changes) == (None, AlertState.INACTIVE, ())


@pytest.mark.parametrize(
    ("no_data", "kinds"),
    [
        (NoData.FREEZE, ["frozen"]),
        (NoData.RESOLVE, ["unfrozen", "resolved"]),
        (NoData.GOOD, ["unfrozen"]),
        (NoData.BAD, ["unfrozen"]),
    ],
)
def test_what_missing_data_does_to_an_alert_with_patience_is_recorded_in_its_slot(
    no_data: NoData, kinds: list[str]
) -> None:
    """`good` is quiet data: the alert fires on for `keep_firing_for`; `bad` goes on, by the name of its cause."""
    _, alerts = play_slo("bb", "qq")
    hole = {Severity.PAGE: reading("h")}
    frozen, _ = step_slo(alerts[:1], hole, (PATIENT,), slo=SLO, at=slot(3)) if no_data is not NoData.FREEZE else (
        alerts[:1], ()
    )  # fmt: skip
    (left,), changes = step_slo(frozen, {Severity.PAGE: reading("s")}, (PATIENT,), slo=SLO, at=slot(4), no_data=no_data)
    assert [(change.kind, change.at) for change in changes] == [(kind, slot(4)) for kind in kinds]
    assert left.firing is (no_data is not NoData.RESOLVE)
    assert left.tier == {NoData.BAD: "no data", NoData.RESOLVE: None}.get(no_data, "1h/5m")
    assert left.quiet_since == (slot(4) if no_data is NoData.GOOD else None)


def test_missing_data_taken_as_bad_opens_an_incident_or_joins_one() -> None:
    stale = {Severity.PAGE: reading("s"), Severity.TICKET: reading("s")}
    alerts, changes = step_slo((), stale, (PAGE, TICKET), slo=SLO, at=slot(2), no_data=NoData.BAD)
    assert [(alert.tier, alert.incident) for alert in alerts] == [("no data", incident_id(SLO, slot(2)))] * 2
    assert [(change.kind, change.at, change.notify) for change in changes] == [
        ("fired", slot(2), True),
        ("fired", slot(2), False),
    ]


def test_an_alert_that_ends_without_traffic_is_free_again() -> None:
    alerts, _ = play("bnn", PAGE)
    impatient = replace(PAGE, resolve_no_traffic_after=SLOT)
    ended, changes = step(alerts[-1], reading("n"), impatient, at=slot(3))
    assert (ended.state, ended.frozen, ended.frozen_cause, ended.silent_since) == (
        AlertState.INACTIVE,
        None,
        None,
        None,
    )
    assert [(change.kind, change.at) for change in changes] == [(TransitionKind.RESOLVED, slot(3))]


DEFINED = Definition(sli="sli", objective=0.999, window="30d", rules="rules")
CHANGES: list[tuple[dict[str, object], Cause, EndCode]] = [
    ({}, Cause.BURN, EndCode.BURN_STOPPED),
    ({}, Cause.NO_DATA, EndCode.DATA_RETURNED),
    ({}, Cause.BUDGET_EXHAUSTED, EndCode.BUDGET_RECOVERED),
    ({"sli": "x", "objective": 0.9}, Cause.BURN, EndCode.SLI_CHANGED),
    ({"objective": 0.9, "window": "7d"}, Cause.BURN, EndCode.OBJECTIVE_CHANGED),
    ({"window": "7d", "rules": "x"}, Cause.BURN, EndCode.WINDOW_CHANGED),
    ({"rules": "x"}, Cause.BURN, EndCode.RULES_CHANGED),
    ({"sli": "x"}, Cause.NO_DATA, EndCode.SLI_CHANGED),
    ({"objective": 0.9, "rules": "x"}, Cause.NO_DATA, EndCode.DATA_RETURNED),
    ({"window": "7d"}, Cause.BUDGET_EXHAUSTED, EndCode.WINDOW_CHANGED),
]


@pytest.mark.parametrize(("changes", "cause", "code"), CHANGES)
def test_an_end_after_a_change_of_the_document_is_no_recovery(
    changes: dict[str, object], cause: Cause, code: EndCode
) -> None:
    end = end_of(DEFINED, replace(DEFINED, **changes), cause)  # type: ignore[arg-type]
    assert (end.code, end.reason is None) == (code, code.recovered)


def test_a_changed_sli_is_doubted_for_the_long_window_of_its_rule_and_only_while_it_is_quiet() -> None:
    def stepped(known: tuple[Alert, ...], now: Reading, number: int, definition: Definition) -> Alert:
        defined = {Severity.PAGE: definition}
        (alert,), _ = step_slo(known, {Severity.PAGE: now}, (PAGE,), slo=SLO, at=slot(number), definitions=defined)
        return alert

    changed, later = replace(DEFINED, sli="other"), PAGE.rules[0].long // SLOT
    alert = stepped((), reading("b"), 0, DEFINED)
    assert alert.fired_by == DEFINED
    doubted = replace(reading("q"), untrusted="it has counted no bad events so far")
    for number in (1, later):
        alert = stepped((alert,), doubted, number, changed)
        assert (alert.firing, alert.frozen_cause) == (True, FrozenCause.SLI_CHANGED)
    ended = stepped((alert,), doubted, later + 1, changed).ended
    assert ended is not None
    assert ended.code is EndCode.SLI_CHANGED
    burns = stepped((alert,), reading("b"), later, changed)
    assert (burns.frozen, burns.fired_by, burns.silent_since) == (None, changed, None)
