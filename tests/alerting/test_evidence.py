"""An alert needs evidence to fire, says what it lacks, and ends as soon as the newest events show the end."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.alerting import Verdict, WindowCounts, judge
from app.alerting.evidence import SignificanceTest, what_is_missing
from app.slo import AlertState, Evidence
from tests.alerting.counted import PAGE, PLAIN, Service, with_evidence

MINUTE = 2
HOUR = 120


def _fired(deeds: list[tuple[int, str]]) -> list[int]:
    return [number for number, kind in deeds if kind == "fired"]


def _ended(deeds: list[tuple[int, str]]) -> list[int]:
    return [number for number, kind in deeds if kind == "resolved"]


def _a_request_a_minute() -> Service:
    return Service(*[(1, 0), (0, 0)] * HOUR)


def test_one_failure_at_one_request_a_minute_pages_nobody() -> None:
    """The hour burns at 16.7, above the factor; one failure in an hour is nothing out of the ordinary."""
    service = _a_request_a_minute().then(1, 1, 1).then(HOUR, 0.5)
    assert len(_fired(service.deeds(PLAIN))) == 1
    alerts, changes = service.lives(PAGE)
    assert [change.kind for change in changes] == ["suppressed"]
    held = alerts[2 * HOUR]
    assert held.state is AlertState.INACTIVE
    assert held.suppressed == ("1 error in the last 1h; at least 2 are needed to rule out noise")
    assert alerts[-1].suppressed is None


@pytest.mark.parametrize(("enough", "needed"), [(7, "at least 7"), (1_003, "at least 1003"), (1_004, "more")])
def test_it_is_said_how_many_errors_rule_out_noise_unless_they_are_a_thousand_more(enough: int, needed: str) -> None:
    counts = WindowCounts(window=timedelta(hours=1), total=5_000, bad=3)
    said = what_is_missing(counts, lambda tried: tried.bad >= enough)
    assert said == f"3 errors in the last 1h; {needed} are needed to rule out noise"


def test_two_failures_in_an_hour_do() -> None:
    service = _a_request_a_minute().then(1, 1, 1).then(20 * MINUTE, 0.5).then(1, 1, 1).then(5, 0.5)
    assert _fired(service.deeds()) == [2 * HOUR + 20 * MINUTE + 1]


def test_two_failures_at_one_moment_are_one() -> None:
    """Until another follows; it need not be within the five minutes of the short window."""
    service = _a_request_a_minute().then(1, 2, 2).then(20 * MINUTE, 0.5)
    assert len(_fired(service.deeds(PLAIN))) == 1
    alerts, _ = service.lives(PAGE)
    assert alerts[2 * HOUR].suppressed == ("2 errors in the last 1h, all at one moment, which may be one failure")
    assert _fired(service.then(1, 1, 1).deeds()) == [2 * HOUR + 1 + 20 * MINUTE]
    # Where one failure is enough, the next one after an end fires again.
    assert _fired(service.deeds(with_evidence(min_bad_events=1))) == [2 * HOUR, 2 * HOUR + 1 + 20 * MINUTE]


def test_many_failures_at_one_moment_are_enough() -> None:
    assert _fired(_a_request_a_minute().then(1, 8, 8).deeds()) == [2 * HOUR]


def test_after_an_end_two_failures_at_one_moment_are_one_too() -> None:
    service = _a_request_a_minute().then(10 * MINUTE, 0.5, 0.5).then(2 * HOUR, 0.5).then(1, 2, 2).then(5, 0.5)
    assert len(_fired(service.deeds())) == 1
    assert len(_fired(service.then(1, 1, 1).deeds())) == 2


def test_min_bad_events_and_level_can_be_raised() -> None:
    service = _a_request_a_minute().then(1, 1, 1).then(20 * MINUTE, 0.5).then(1, 1, 1).then(5, 0.5)
    assert _fired(service.deeds(with_evidence(min_bad_events=3))) == []
    assert _fired(service.deeds(with_evidence(level=0.9999))) == []
    assert _fired(service.deeds(with_evidence(level=0.5, min_bad_events=1))) == [2 * HOUR]


@given(
    per_slot=st.floats(40, 30_000),
    burn_rate=st.floats(6, 1000),
    healthy=st.floats(0, 3),
    before=st.integers(60, HOUR),
)
def test_with_plenty_of_traffic_no_alert_comes_a_slot_later(
    per_slot: float, burn_rate: float, healthy: float, before: int
) -> None:
    """From 80 requests a minute on the lower factor stands for 14 bad events even in half an hour."""
    good = (per_slot, healthy * 0.001 * per_slot)
    service = Service(*[good] * before).then(30, per_slot, burn_rate * 0.001 * per_slot)
    assert _fired(service.deeds())[:1] == _fired(service.deeds(PLAIN))[:1]


def test_an_alert_ends_in_minutes_where_traffic_shows_it() -> None:
    """The tier of 6h and 30m would hold it for half an hour."""
    service = Service(*[(3000, 0.6)] * HOUR).then(60, 3000, 300).then(HOUR, 3000, 0.6)
    end = HOUR + 60
    (plain,), (guarded,) = _ended(service.deeds(PLAIN)), _ended(service.deeds())
    assert (plain - end) / MINUTE == pytest.approx(28, abs=1)
    assert (guarded - end) / MINUTE <= 5


def test_an_outage_at_one_request_a_minute_ends_five_minutes_after_it() -> None:
    service = _a_request_a_minute().then(20 * MINUTE, 0.5, 0.5).then(HOUR, 0.5)
    (ended,) = _ended(service.deeds())
    assert (ended - 2 * HOUR - 20 * MINUTE) / MINUTE <= 5


def test_an_alert_holds_through_a_dip_of_chance() -> None:
    """Few failures in the last five minutes clear the quick tier; where four are usual that shows nothing."""
    service = Service(*[(30, 0)] * 6 * HOUR).then(100, 30, 0.6).then(12, 30, 0.3).then(30, 30, 0.6)
    assert len(_fired(service.deeds(PLAIN))) > 1
    assert len(_fired(service.deeds())) == 1


def test_trouble_that_comes_and_goes_pages_twice_at_most() -> None:
    """An alert that fires anew soon after its end is not ended early again."""
    service = Service(*[(3000, 0.6)] * HOUR)
    for _ in range(10):
        service.then(20, 3000, 600).then(20, 3000, 0.6)
    assert len(_fired(service.deeds())) == 2


def test_what_was_told_is_no_evidence_for_the_next_page() -> None:
    """After a page one more failure trips the tier of 6h, which still remembers the incident."""
    service = _a_request_a_minute().then(10 * MINUTE, 0.5, 0.5).then(3 * HOUR, 0.5).then(1, 1, 1).then(HOUR, 0.5)
    assert len(_fired(service.deeds(PLAIN))) == 2
    assert len(_fired(service.deeds())) == 1


def test_a_page_after_a_page_comes_at_once_where_there_is_evidence() -> None:
    service = Service(*[(3000, 0.6)] * HOUR).then(60, 3000, 300).then(60, 3000, 0.6).then(30, 3000, 300)
    first, second = _fired(service.deeds())
    assert [first, second] == _fired(service.deeds(PLAIN))


def test_no_events_are_no_end() -> None:
    """Silence says nothing: the alert is frozen, and ends only after good events."""
    service = _a_request_a_minute().then(20 * MINUTE, 0.5, 0.5).then(HOUR, 0)
    assert _ended(service.deeds()) == _ended(service.deeds(PLAIN)) == []
    (ended,) = _ended(service.then(HOUR, 0.5).deeds())
    assert ended >= service.length - HOUR


def test_keep_firing_for_counts_from_the_end_that_was_seen() -> None:
    service = Service(*[(3000, 0.6)] * HOUR).then(60, 3000, 300).then(HOUR, 3000, 0.6)
    (early,) = _ended(service.deeds())
    (kept,) = _ended(service.deeds(replace(PAGE, keep_firing_for=timedelta(minutes=3))))
    assert kept - early == 3 * MINUTE


def test_an_alert_does_not_begin_when_it_is_over() -> None:
    """As when the service is started, or wakes up, after an incident: its end would be told in the next slot."""
    service = Service(*[(3000, 0.6)] * HOUR).then(60, 3000, 300).then(20, 3000, 0.6)
    verdict = judge(service.reading(service.length - 1, PAGE), PAGE)
    assert verdict.tripped is not None
    assert not verdict.burning


def test_a_hole_in_a_watched_window_shows_no_end() -> None:
    service = Service(*[(3000, 0.6)] * HOUR).then(60, 3000, 300).then(20, 3000, 0.6)
    reading = service.reading(service.length - 1, PAGE)
    assert judge(reading, PAGE).over
    holed = tuple(replace(counts, coverage=0.5) for counts in reading.recent)
    assert not judge(replace(reading, recent=holed), PAGE).over


def test_without_counts_the_tiers_decide() -> None:
    service = _a_request_a_minute().then(1, 1, 1)
    reading = replace(service.reading(2 * HOUR, PAGE), recent=())
    assert judge(reading, PAGE) == Verdict(rule=PAGE.rules[0], tripped=PAGE.rules[0])


@given(bad=st.integers(0, 400), total=st.integers(1, 10**6), factor=st.floats(1, 1000))
def test_more_bad_events_are_never_less_evidence(bad: int, total: int, factor: float) -> None:
    tier = replace(PAGE.rules[0], factor=factor)
    doubt = SignificanceTest(rule=tier, error_budget=0.001, evidence=Evidence())
    bad = min(bad, total)
    more, fewer = (WindowCounts(window=tier.long, total=total + 1, bad=count) for count in (bad + 1, bad))
    assert doubt.passes(more) or not doubt.passes(fewer)


@pytest.mark.parametrize("wrong", [{"level": 0.4}, {"level": 1.0}, {"level": float("nan")}, {"min_bad_events": 0}])
def test_impossible_evidence_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"level|evidence"):
        Evidence(**wrong)
