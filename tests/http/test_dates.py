from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.answers import Answer
from app.http.dates import clock_skew, retry_after

NOW = datetime(2026, 1, 1, 12, 0, 0, 250_000, tzinfo=UTC)


@given(
    ahead=st.floats(-7200, 7200),
    before=st.floats(0, 5),
    after=st.floats(0, 5),
)
def test_the_skew_found_is_never_more_than_the_true_one(ahead: float, before: float, after: float) -> None:
    """The header cuts the peer's time to a second, and the answer takes its time: less can be proven, never more."""
    peer = (NOW + timedelta(seconds=before + ahead)).replace(microsecond=0)
    date = format_datetime(peer, usegmt=True)
    found = clock_skew(date, sent=NOW, received=NOW + timedelta(seconds=before + after))
    assert found is not None
    assert abs(found) <= abs(ahead) + 1e-5
    assert abs(found) >= abs(ahead) - before - after - 1.0 - 1e-5


@pytest.mark.parametrize(
    "date", [None, "", "yesterday", "Thu, 99 Jan 2026", f"1-Jan-99 10:05:01 {'9' * 20}", f"1 Jan {'9' * 20} 10:05"]
)
def test_without_a_date_nothing_is_known(date: str | None) -> None:
    assert clock_skew(date, sent=NOW, received=NOW) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        (None, None),
        ("soon", None),
        ("-3", None),
        ("9" * 30, None),
        (f"1 Jan {'9' * 20} 10:05", None),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, date="Thu, 01 Jan 2026 12:00:00 GMT") == seconds


def test_a_date_to_come_back_needs_the_date_of_the_answer() -> None:
    assert retry_after("Thu, 01 Jan 2026 12:00:30 GMT", date=None) is None


@pytest.mark.parametrize(("asked_s", "waited_s"), [("86399", 86_399), ("86401", 86_400)])
def test_a_receiver_is_not_waited_for_longer_than_a_day(asked_s: str, waited_s: float) -> None:
    assert Answer(status=429, headers={"retry-after": asked_s}, body=b"").wait == timedelta(seconds=waited_s)
