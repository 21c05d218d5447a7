import doctest
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.prometheus import MOST_POINTS, PartialPolicy, requests
from app.prometheus.requests import (
    instant_request,
    label_values_request,
    labels_request,
    range_request,
    timestamp,
)

AT = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(seconds=30)


@given(st.integers(-(10**10), 2 * 10**12))
def test_times_are_exact_to_the_millisecond(ms: int) -> None:
    text = timestamp(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms))
    assert int(text.replace(".", "")) == ms
    assert len(text.partition(".")[2]) == 3


def test_a_time_in_another_zone_is_the_same_moment() -> None:
    assert timestamp(AT.astimezone(timezone(timedelta(hours=5, minutes=45)))) == timestamp(AT)


def test_a_time_without_a_zone_is_a_bug_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        timestamp(datetime(2026, 1, 1))  # noqa: DTZ001  # that is the point


def test_as_many_points_as_prometheus_answers_and_no_more() -> None:
    most = STEP * (MOST_POINTS - 1)
    assert range_request("up", AT, AT + most, STEP, PartialPolicy.REJECT).params["step"] == "30.000"
    with pytest.raises(ValueError, match="11001 points"):
        range_request("up", AT, AT + most + STEP, STEP, PartialPolicy.REJECT)


@pytest.mark.parametrize(("end", "step"), [(AT - STEP, STEP), (AT, timedelta(0)), (AT, -STEP)])
def test_a_range_that_runs_backwards_is_a_bug_of_the_caller(end: datetime, step: timedelta) -> None:
    with pytest.raises(ValueError, match="positive step"):
        range_request("up", AT, end, step, PartialPolicy.REJECT)


@given(st.text())
def test_an_expression_survives_the_form(expr: str) -> None:
    form = instant_request(expr, AT, PartialPolicy.REJECT).form(timeout=2.5)
    fields = parse_qs(form, keep_blank_values=True, strict_parsing=True)
    assert fields["query"] == [expr]
    assert fields["time"] == ["1767225600.000"]
    assert fields["timeout"] == ["2500ms"]
    assert fields["nocache"] == ["1"]


def test_servers_are_told_whether_partial_data_will_do() -> None:
    reject = instant_request("up", AT, PartialPolicy.REJECT).params
    accept = instant_request("up", AT, PartialPolicy.ACCEPT).params
    assert (reject["partial_response"], reject["deny_partial_response"]) == ("false", "1")
    assert accept["partial_response"] == "true"
    assert "deny_partial_response" not in accept


def test_labels_are_asked_for_in_a_time_and_by_the_escaped_name() -> None:
    names = labels_request('up{job="a"}', AT, AT + STEP, PartialPolicy.REJECT)
    values = label_values_request("http.route", None, AT, AT + STEP, PartialPolicy.ACCEPT)

    assert (names.path, names.params["match[]"]) == ("/api/v1/labels", 'up{job="a"}')
    assert (names.params["start"], names.params["end"]) == (timestamp(AT), timestamp(AT + STEP))
    assert values.path == "/api/v1/label/U__http_2e_route/values"
    assert "match[]" not in values.params
    assert doctest.testmod(requests).failed == 0
