"""Log lines of one kind are limited."""

import logging

import pytest
import structlog

from app.service.logs.repeats import LimitRecords, LimitRepeats, RepeatLimit


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_first_lines_of_a_minute_pass_and_the_others_are_counted() -> None:
    clock = Clock()
    limit = RepeatLimit(2, clock=clock)
    assert [limit.admit("full") for _ in range(5)] == [0, 0, None, None, None]
    assert limit.admit("other") == 0
    clock.now = 60.0
    assert [limit.admit("full") for _ in range(3)] == [3, 0, None]


def test_kinds_without_end_take_no_memory_without_end() -> None:
    limit = RepeatLimit(2)
    assert {limit.admit(number) for number in range(10_000)} == {0}
    assert len(limit._kinds) <= 1000


def test_our_own_warnings_are_limited_and_what_is_merely_told_is_not() -> None:
    clock = Clock()
    processor = LimitRepeats(RepeatLimit(1, clock=clock))
    assert processor(None, "warning", {"event": "full"}) == {"event": "full"}
    with pytest.raises(structlog.DropEvent):
        processor(None, "error", {"event": "full"})
    for _ in range(3):
        assert processor(None, "info", {"event": "alert fired"}) == {"event": "alert fired"}
    clock.now = 60.0
    assert processor(None, "warning", {"event": "full"}) == {"event": "full", "lines_left_out": 1}


def test_lines_of_libraries_are_limited_by_their_text_before_values() -> None:
    clock = Clock()
    limit = LimitRecords(RepeatLimit(1, clock=clock))

    def record(value: int) -> logging.LogRecord:
        return logging.LogRecord("asyncio", logging.ERROR, __file__, 1, "no file for %d", (value,), None)

    assert [limit.filter(record(value)) for value in range(3)] == [True, False, False]
    clock.now = 60.0
    last = record(3)
    assert limit.filter(last)
    assert last.getMessage() == "no file for 3 (2 lines like this left out)"
