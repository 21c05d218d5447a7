"""Calendar windows tile time: no instant lies in none of them, or in two, in any zone and year."""

from datetime import UTC, datetime, timedelta
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.slo import CalendarUnit, CalendarWindow, RollingWindow

ZONES = sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC")
moments = st.datetimes(
    datetime(1970, 1, 8),  # noqa: DTZ001  hypothesis adds the zone
    datetime(2100, 12, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
).map(lambda at: at.replace(microsecond=0))


@given(at=moments, zone=st.sampled_from(ZONES), unit=st.sampled_from(list(CalendarUnit)))
def test_windows_tile_time(at: datetime, zone: str, unit: CalendarUnit) -> None:
    window = CalendarWindow(unit, zone)
    start, end = window.bounds(at)
    period_end = start + window.period(at)

    assert start < at <= period_end
    assert end == at
    # The instant at which the window ends is its last; the next second opens the next window, which begins there.
    assert window.bounds(period_end)[0] == start
    assert window.bounds(period_end + timedelta(seconds=1))[0] == period_end


@given(at=moments, zone=st.sampled_from(ZONES), unit=st.sampled_from(list(CalendarUnit)))
def test_no_window_is_longer_than_the_history_that_is_kept_for_it(at: datetime, zone: str, unit: CalendarUnit) -> None:
    window = CalendarWindow(unit, zone)

    assert window.period(at) <= window.longest


@pytest.mark.parametrize(
    ("zone", "at", "hours"),
    [
        ("Europe/Berlin", datetime(2026, 3, 15, tzinfo=UTC), 31 * 24 - 1),
        ("Europe/Berlin", datetime(2026, 10, 15, tzinfo=UTC), 31 * 24 + 1),
        ("Australia/Lord_Howe", datetime(2026, 4, 15, tzinfo=UTC), 30 * 24 + 0.5),
        ("Europe/Berlin", datetime(2028, 2, 15, tzinfo=UTC), 29 * 24),
        ("Pacific/Apia", datetime(2011, 12, 15, tzinfo=UTC), 30 * 24),
    ],
)
def test_a_month_lasts_as_long_as_it_does_there(zone: str, at: datetime, hours: float) -> None:
    """With clock changes of an hour and of half an hour, a leap day, and a day that was skipped."""
    assert CalendarWindow(CalendarUnit.MONTH, zone).period(at) == timedelta(hours=hours)


def test_midnight_still_belongs_to_the_month_that_ends() -> None:
    window = CalendarWindow(CalendarUnit.MONTH, "UTC")
    midnight = datetime(2026, 3, 1, tzinfo=UTC)

    assert window.bounds(midnight)[0] == datetime(2026, 2, 1, tzinfo=UTC)


def test_a_rolling_window_ends_where_it_is_asked_for() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)

    assert RollingWindow(timedelta(days=7)).bounds(at) == (at - timedelta(days=7), at)


@pytest.mark.parametrize("minutes", [-90, -60, -59, -30, -1, 0, 1, 30])
def test_a_clock_that_was_set_back_over_midnight_begins_a_month_once(minutes: int) -> None:
    """In St John's, one minute into November 2009 it was October again for an hour."""
    window = CalendarWindow(CalendarUnit.MONTH, "America/St_Johns")
    november, again = datetime(2009, 11, 1, 2, 30, tzinfo=UTC), datetime(2009, 11, 1, 3, 30, tzinfo=UTC)
    at = again + timedelta(minutes=minutes)

    start, _ = window.bounds(at)
    assert (start == november) == (at > november)
    assert start < at <= start + window.period(at)


@pytest.mark.parametrize(
    ("unit", "every", "begins", "at", "period"),
    [
        # Noon in New York is 17:00 UTC in winter and 16:00 in summer.
        ("week", 1, "2022-01-01 12:00", "2022-01-08 17:00", ("2022-01-01 17:00", "2022-01-08 17:00")),
        ("week", 1, "2022-01-01 12:00", "2022-03-15 00:00", ("2022-03-12 17:00", "2022-03-19 16:00")),
        ("week", 2, "2022-01-01 12:00", "2022-01-10 00:00", ("2022-01-01 17:00", "2022-01-15 17:00")),
        ("week", 1, "2022-01-01 12:00", "2021-12-31 00:00", ("2021-12-25 17:00", "2022-01-01 17:00")),
        ("day", 1, None, "2022-03-13 20:00", ("2022-03-13 05:00", "2022-03-14 04:00")),
        ("month", 1, "2022-01-31 00:00", "2022-03-01 00:00", ("2022-02-28 05:00", "2022-03-31 04:00")),
        ("month", 2, "2022-01-01 00:00", "2022-04-15 00:00", ("2022-03-01 05:00", "2022-05-01 04:00")),
    ],
)
def test_periods_follow_each_other_from_their_start(
    unit: str, every: int, begins: str | None, at: str, period: tuple[str, str]
) -> None:
    local = None if begins is None else datetime.fromisoformat(begins)
    window = CalendarWindow(CalendarUnit(unit), "America/New_York", every, local)
    moment, first, last = (datetime.fromisoformat(time).replace(tzinfo=UTC) for time in (at, *period))
    assert window.bounds(moment)[0] == first
    assert window.period(moment) == last - first


def test_a_period_of_its_own_start_says_so() -> None:
    begins = datetime(2022, 1, 1, 12)  # noqa: DTZ001  a local time
    assert str(CalendarWindow(CalendarUnit.WEEK, "UTC", 2, begins)) == "calendar 2 weeks from 2022-01-01 12:00 (UTC)"
