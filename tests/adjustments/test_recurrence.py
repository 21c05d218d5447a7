"""Recurring adjustments: wall-clock time, changes of the clock, rules that are refused."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile
from typing import Any

import numpy as np
import pytest
from dateutil.rrule import rrulestr
from hypothesis import given
from hypothesis import strategies as st

from app.adjustments import (
    AdjustedMember,
    Adjustment,
    AdjustmentCategory,
    AdjustmentEffect,
    AdjustmentSelector,
    InvalidAdjustmentError,
    checked_adjustment,
    occurrences,
    overlays_of,
)
from app.ledger import AdjustedTime
from app.slo import SloId
from tests.support.snapshots import an_slo

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def adjusting(start: str, duration: timedelta = HOUR, **more: Any) -> Adjustment:
    given: dict[str, Any] = {
        "id": "a1",
        "effect": AdjustmentEffect.EXCLUDE,
        "category": AdjustmentCategory.MAINTENANCE,
        "reason": "database upgrade",
        "author": "ada",
        "selector": AdjustmentSelector(services=frozenset({"checkout"})),
    }
    return Adjustment(start=datetime.fromisoformat(start), duration=duration, **(given | more))


def _starts(adjustment: Adjustment, since: str, until: str) -> list[str]:
    found = occurrences(adjustment, datetime.fromisoformat(since), datetime.fromisoformat(until))
    return [f"{one.start:%m-%dT%H:%M}" for one in found]


def test_a_night_shift_recurs_at_the_same_wall_clock_time_in_summer_and_winter() -> None:
    weekly = adjusting("2026-03-22T02:30", rrule="FREQ=WEEKLY;BYDAY=SU", timezone="Europe/Berlin")
    # On the 29th of March the clock jumps from 02:00 to 03:00: 02:30 is taken by the offset before, 03:30.
    assert _starts(weekly, "2026-03-20T00:00+00:00", "2026-04-06T00:00+00:00") == [
        "03-22T01:30",
        "03-29T01:30",
        "04-05T00:30",
    ]
    # On the 25th of October 02:30 is shown twice: it is the first.
    assert _starts(weekly, "2026-10-24T00:00+00:00", "2026-10-26T00:00+00:00") == ["10-25T00:30"]


def test_an_occurrence_lasts_as_long_on_the_night_of_a_change() -> None:
    nightly = adjusting("2026-10-20T22:00", 4 * HOUR, rrule="FREQ=DAILY", timezone="Europe/Berlin")
    found = occurrences(nightly, datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC))
    assert [one.end - one.start for one in found] == [4 * HOUR]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("FREQ=DAILY;COUNT=2", ["03-01T01:00", "03-02T01:00"]),
        ("FREQ=DAILY;UNTIL=20260302", ["03-01T01:00", "03-02T01:00"]),
        ("FREQ=DAILY;UNTIL=20260302T005900Z", ["03-01T01:00"]),
        ("FREQ=DAILY;UNTIL=20260302T010000Z", ["03-01T01:00", "03-02T01:00"]),
        ("RRULE:FREQ=MONTHLY;BYDAY=1SU", ["03-01T01:00"]),
    ],
)
def test_rules_end_as_they_say(rule: str, expected: list[str]) -> None:
    recurring = adjusting("2026-03-01T02:00", rrule=rule, timezone="Europe/Berlin")
    assert _starts(checked_adjustment(recurring), "2026-02-20T00:00+00:00", "2026-03-10T00:00+00:00") == expected


def test_a_start_can_be_left_out() -> None:
    left_out = (datetime(2026, 3, 2, 2),)  # noqa: DTZ001  wall-clock time
    recurring = adjusting("2026-03-01T02:00", rrule="FREQ=DAILY;COUNT=3", exdates=left_out)
    assert _starts(recurring, "2026-02-20T00:00+00:00", "2026-03-10T00:00+00:00") == ["03-01T02:00", "03-03T02:00"]


def test_one_that_began_before_the_range_is_found() -> None:
    assert _starts(adjusting("2026-03-01T00:00", 3 * DAY), "2026-03-02T00:00+00:00", "2026-03-02T01:00+00:00") == [
        "03-01T00:00"
    ]
    weekly = adjusting("2026-03-01T00:00", 3 * DAY, rrule="FREQ=WEEKLY")
    assert _starts(weekly, "2026-03-17T12:00+00:00", "2026-03-17T13:00+00:00") == ["03-15T00:00"]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"rrule": "FREQ=SECONDLY"}, "FREQ must be one of"),
        ({"rrule": "FREQ=HOURLY"}, "FREQ must be one of"),
        ({"rrule": "weekly"}, "NAME=VALUE"),
        ({"rrule": "FREQ=DAILY;FREQ=DAILY"}, "each name once"),
        ({"rrule": "FREQ=DAILY;BYMINUTE=1,2"}, "BYMINUTE cannot be used"),
        ({"rrule": "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"}, "use FREQ=MONTHLY"),
        ({"rrule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}, "no occurrence"),
        ({"rrule": "FREQ=DAILY;COUNT=1000000000000"}, "COUNT must be between"),
        ({"rrule": "FREQ=DAILY;INTERVAL=0"}, "INTERVAL must be between"),
        ({"rrule": "FREQ=DAILY;UNTIL=tomorrow"}, "UNTIL must be"),
        ({"rrule": "FREQ=WEEKLY;BYDAY=XX"}, "rrule"),
        ({"rrule": "FREQ=DAILY;" + "X" * 600}, "500 characters"),
        ({"duration": timedelta(0)}, "end must be"),
        ({"duration": timedelta(days=400)}, "end must be"),
        ({"reason": "  "}, "reason is missing"),
        ({"selector": AdjustmentSelector()}, "are missing"),
        # dateutil fails on some, searches for others until the year 9999, and takes what no calendar can have.
        ({"rrule": "FREQ=YEARLY;BYEASTER=400"}, "BYEASTER cannot"),
        ({"rrule": "FREQ=DAILY;BYMONTH=13"}, "BYMONTH cannot"),
        ({"rrule": "FREQ=DAILY;BYHOUR=\u0661"}, "BYHOUR cannot"),
        ({"rrule": "FREQ=YEARLY;BYYEARDAY=0"}, "BYYEARDAY cannot"),
        ({"rrule": "FREQ=MONTHLY;BYDAY=MO(+1)"}, "BYDAY cannot"),
        ({"rrule": "FREQ=DAILY;INTERVAL=7;BYDAY=MO"}, "no occurrence"),
        ({"selector": AdjustmentSelector(everything=True, services=frozenset({"a"}))}, "cannot be combined"),
    ],
)
def test_what_cannot_be_is_refused_with_the_field(changed: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidAdjustmentError, match=named):
        checked_adjustment(replace(adjusting("2026-03-01T02:00"), **changed))


@pytest.mark.parametrize("year", range(2024, 2052))
def test_a_day_that_comes_is_found_for_any_start(year: int) -> None:
    """Days that never come are told apart in another year with the same weekdays and leap years."""
    for rule in ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=28,29", "FREQ=MONTHLY;BYDAY=5FR", "FREQ=DAILY;INTERVAL=7;COUNT=2"):
        checked_adjustment(adjusting(f"{year}-01-31T02:00", rrule=rule))


def test_adjustments_mean_slos_by_id_service_and_labels() -> None:
    slo = an_slo("checkout", labels=(("team", "payments"),))
    member = SloId("checkout-availability:route=/pay")
    for selector, expected in (
        (AdjustmentSelector(slos=frozenset({slo.id})), True),
        (AdjustmentSelector(slos=frozenset({member})), True),
        (AdjustmentSelector(slos=frozenset({SloId("checkout-availability:route=/cart")})), False),
        (AdjustmentSelector(services=frozenset({"checkout", "search"})), True),
        (AdjustmentSelector(services=frozenset({"search"})), False),
        (AdjustmentSelector(labels=(("team", "payments"), ("route", "/pay"))), True),
        (AdjustmentSelector(services=frozenset({"checkout"}), labels=(("team", "search"),)), False),
        (AdjustmentSelector(everything=True), True),
        (AdjustmentSelector(), False),
    ):
        assert selector.matches(AdjustedMember(member, slo.service, slo.labels, (("route", "/pay"),))) is expected, (
            selector
        )


def test_overlaps_count_once_and_excluding_wins() -> None:
    slo = an_slo("checkout")
    given = [
        adjusting("2026-03-01T00:00", 2 * HOUR, effect=AdjustmentEffect.COUNT_AS_GOOD),
        adjusting("2026-03-01T01:00", 2 * HOUR, mute_alerts=True),
        adjusting("2026-03-01T02:00", 2 * HOUR),
        adjusting("2026-03-01T05:00", selector=AdjustmentSelector(services=frozenset({"search"}))),
    ]
    since = datetime(2026, 3, 1, tzinfo=UTC)
    (overlay,) = overlays_of(given, [AdjustedMember(slo.id, slo.service, slo.labels)], since=since, until=since + DAY)
    assert overlay is not None
    hours = (overlay.budgets.since_s - since.timestamp()) / 3600, (overlay.budgets.until_s - since.timestamp()) / 3600
    assert [column.tolist() for column in hours] == [[0, 1], [1, 4]]
    assert (overlay.budgets.total.tolist(), overlay.budgets.bad.tolist()) == ([0, 1], [1, 1])
    at_s = since.timestamp() + 3600
    assert "database upgrade" in (overlay.muted_because(at_s) or "")
    assert overlay.muted_because(at_s - 1) is None
    # What the next scrapes count of its end wakes nobody either.
    assert overlay.muted_because(at_s + 2 * 3600 + 119) is not None
    assert overlay.muted_because(at_s + 2 * 3600 + 120) is None


_SPANS = st.lists(st.tuples(st.integers(0, 100), st.integers(1, 20)), max_size=6)


@given(_SPANS, st.lists(st.integers(-5, 130), min_size=2, max_size=12, unique=True))
def test_shares_of_cells_are_those_of_the_time_that_is_adjusted(spans: list[tuple[int, int]], edges: list[int]) -> None:
    adjusted = {second for start, length in spans for second in range(start, start + length)}
    joined = [(float(second), float(second + 1)) for second in sorted(adjusted)]
    edges_s = np.array(sorted(edges), dtype=np.float64)
    excluded, both = AdjustedTime.of(joined).shares(edges_s)
    expected = [len(adjusted & set(range(int(low), int(high)))) / (high - low) for low, high in pairwise(edges_s)]
    assert excluded == pytest.approx(expected)
    assert both == pytest.approx(expected)


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;INTERVAL=3;BYHOUR=1,5",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,WE;WKST=SU",
        "FREQ=MONTHLY;INTERVAL=5;BYDAY=-1MO",
        "FREQ=MONTHLY;BYMONTHDAY=31;UNTIL=20261101T000000Z",
        "FREQ=YEARLY;INTERVAL=3;BYWEEKNO=20",
        "FREQ=DAILY;COUNT=9999",
    ],
)
@pytest.mark.parametrize("start", ["1999-11-28T02:30", "2000-01-31T02:30"])
def test_a_rule_of_decades_ago_is_not_expanded_from_its_start(start: str, rule: str) -> None:
    since, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)
    found = [one.start for one in occurrences(adjusting(start, rrule=rule), since, until)]
    whole = rrulestr(rule.replace("Z", ""), dtstart=datetime.fromisoformat(start))
    # It goes on until the year 9999.
    starts = takewhile(until.__gt__, (each.replace(tzinfo=UTC) for each in whole))
    assert found == [each for each in starts if since < each + HOUR]


def test_the_newest_of_many_occurrences_count() -> None:
    hourly = adjusting("2021-01-01T00:00", rrule="FREQ=DAILY;BYHOUR=" + ",".join(map(str, range(24))))
    until = datetime(2026, 1, 1, tzinfo=UTC)
    assert occurrences(hourly, until - timedelta(days=1800), until)[-1].start == until - HOUR


def test_each_member_is_meant_by_its_own_adjustments() -> None:
    chosen = [
        AdjustmentSelector(slos=frozenset({SloId("a"), SloId("gone")})),
        AdjustmentSelector(services=frozenset({"pay"}), labels=(("team", "x"),)),
        AdjustmentSelector(labels=(("route", "/"), ("team", "x"))),
        AdjustmentSelector(everything=True),
    ]
    members = [
        AdjustedMember(SloId("a"), "shop", ()),
        AdjustedMember(SloId("b"), "pay", (("team", "x"),)),
        AdjustedMember(SloId("c"), "pay", (("team", "x"),), (("route", "/"),)),
        AdjustedMember(SloId("d"), "pay", ()),
    ]
    adjustments = [
        adjusting(f"2026-01-01T{place:02}:00", selector=one, duration=HOUR / 2) for place, one in enumerate(chosen)
    ]
    day = datetime(2026, 1, 1, tzinfo=UTC)
    found = overlays_of(adjustments, members, since=day, until=day + DAY)
    hours = [[(at - day.timestamp()) / 3600 for at in one.budgets.since_s] for one in found if one is not None]
    assert hours == [[0, 3], [1, 3], [1, 2, 3], [3]]
