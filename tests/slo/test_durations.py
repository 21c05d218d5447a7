"""Durations as documents write them."""

from datetime import timedelta

import pytest

from app.slo import parse_duration
from app.slo.durations import DurationError


def test_a_duration_is_shorter_than_a_century() -> None:
    assert parse_duration("36500d") == timedelta(days=36_500)
    with pytest.raises(DurationError, match="shorter than a century"):
        parse_duration("36500d1ms")
