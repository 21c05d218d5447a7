"""Whether a process reaches any receiver: what lets another one deliver."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from app.delivery.outcome import Delivered, Failed, FailureReason, Outcome, Rejected
from app.delivery.reach import Reach
from tests.support.notifications import START

CUT = Failed(reason=FailureReason.UNREACHABLE, detail="connection refused", not_sent=True)
SLOW = Failed(reason=FailureReason.TIMEOUT, detail="the name was not found in time")
BUSY = Failed(reason=FailureReason.SERVER_ERROR, detail="503")


@pytest.mark.parametrize(
    ("attempts", "unanswered_for_s"),
    [
        ([], 0),
        ([("a", 0, 10, SLOW)], 10),
        ([("a", 0, 1, CUT), ("a", 5, 6, CUT), ("b", 7, 17, SLOW)], 17),
        ([("a", 0, 1, CUT), ("b", 2, 3, Delivered()), ("a", 8, 9, CUT)], 6),
        # Not attempted since: nothing shows that it is still so.
        ([("a", 0, 1, CUT), ("b", 2, 30, Rejected(detail="400"))], 0),
        ([("a", 0, 10, SLOW), ("a", 11, 12, BUSY)], 0),
    ],
)
def test_it_is_reached_by_the_one_that_answers_last(
    attempts: Sequence[tuple[str, int, int, Outcome]], unanswered_for_s: int
) -> None:
    reach = Reach()
    for receiver, began_s, ended_s, outcome in attempts:
        began_at, ended_at = (START + timedelta(seconds=s) for s in (began_s, ended_s))
        reach.note(receiver, [outcome], began_at=began_at, at=ended_at)
    assert reach.unanswered_for == timedelta(seconds=unanswered_for_s)


def test_a_digest_of_which_one_alert_was_answered_has_reached_its_receiver() -> None:
    reach = Reach()
    reach.note("a", [CUT, Delivered()], began_at=START, at=START + timedelta(minutes=1))
    assert reach.unanswered_for == timedelta(0)
