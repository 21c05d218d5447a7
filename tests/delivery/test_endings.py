"""Failures are spaced, Retry-After is honoured, and after a day an entry is given up."""

import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.delivery.endings import DeferUntil, Done, GiveUp, RetryAt, ending
from app.delivery.outcome import Deferred, Delivered, Failed, FailureReason, Outcome, Rejected, best
from app.http.backoff import Backoff
from tests.support.notifications import START

BACKOFF = Backoff()
REFUSED = Failed(reason=FailureReason.UNREACHABLE, detail="connection refused")


def _latest(low: float, high: float) -> float:
    del low
    return high


def _ending(outcome: Outcome, *, attempts: int = 0, after: timedelta = timedelta(0)) -> object:
    failing_since = START if attempts else None
    return ending(
        outcome,
        attempts=attempts,
        failing_since=failing_since,
        at=START + after,
        backoff=BACKOFF,
        uniform=_latest,
    )


@given(st.integers(min_value=1, max_value=10_000), st.randoms(use_true_random=False))
def test_a_delay_is_between_a_second_and_five_minutes(failures: int, source: random.Random) -> None:
    assert timedelta(seconds=1) <= BACKOFF.delay(failures, source.uniform) <= timedelta(minutes=5)


def test_delays_double() -> None:
    assert [BACKOFF.delay(failures, _latest).total_seconds() for failures in (1, 2, 3, 8, 9)] == [2, 4, 8, 256, 300]


def test_a_success_is_done() -> None:
    assert _ending(Delivered()) == Done()


def test_what_is_held_waits_without_a_failure() -> None:
    assert _ending(Deferred(until=START)) == DeferUntil(due_at=START)


def test_what_is_rejected_is_buried_at_once() -> None:
    assert _ending(Rejected(detail="400 bad label")) == GiveUp(reason=FailureReason.REJECTED, error="400 bad label")


def test_a_failure_is_tried_again() -> None:
    assert _ending(REFUSED, attempts=2) == RetryAt(
        due_at=START + timedelta(seconds=8), error="unreachable: connection refused"
    )


def test_retry_after_is_honoured() -> None:
    limited = Failed(reason=FailureReason.RATE_LIMITED, detail="429", retry_after=timedelta(minutes=10))
    assert _ending(limited) == RetryAt(due_at=START + timedelta(minutes=10), error="rate_limited: 429")


@pytest.mark.parametrize("asked", [timedelta(hours=3), timedelta(days=1)])
def test_no_page_waits_longer_than_a_quarter_of_an_hour_or_is_given_up_because_a_receiver_says_so(
    asked: timedelta,
) -> None:
    away = Failed(reason=FailureReason.SERVER_ERROR, detail="503", retry_after=asked)
    assert _ending(away) == RetryAt(due_at=START + timedelta(minutes=15), error="server_error: 503")


def test_a_day_is_the_limit() -> None:
    assert _ending(REFUSED, attempts=9, after=timedelta(hours=24)) == GiveUp(
        reason=FailureReason.EXPIRED, error="unreachable: connection refused"
    )


def test_what_waited_for_days_before_its_first_attempt_is_not_given_up_by_one_failure() -> None:
    """A stopped service tries nothing, and a receiver may be away at the moment of its start."""
    assert isinstance(_ending(REFUSED, after=timedelta(days=3)), RetryAt)


def test_one_peer_that_takes_it_is_enough() -> None:
    assert best([REFUSED, Rejected(detail="no"), Delivered()]) == Delivered()
    assert best([REFUSED, Rejected(detail="no")]) == Rejected(detail="no")
    assert best([REFUSED, Deferred(until=START)]) == Deferred(until=START)


@pytest.mark.parametrize(("minutes", "kind"), [(9, RetryAt), (16, GiveUp)])
def test_what_some_recipients_have_is_not_tried_for_a_day(minutes: int, kind: type) -> None:
    """What follows about the same alert waits for it."""
    full = Failed(reason=FailureReason.SERVER_ERROR, detail="452 mailbox full", in_part=True)
    assert isinstance(_ending(full, attempts=9, after=timedelta(minutes=minutes)), kind)
