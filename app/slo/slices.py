"""Slices of time, each of which is one event."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class WithoutEvents(StrEnum):
    """What a slice of time is in which nothing happened."""

    IGNORED = "ignored"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceRule:
    """When a slice of *length* is good: if its ratio of good events is *target* or more.

    Without a target each slice is bad by the share of its bad events.
    """

    length: timedelta
    target: float | None
    without_events: WithoutEvents = WithoutEvents.IGNORED
