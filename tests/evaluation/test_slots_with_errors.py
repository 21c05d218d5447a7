"""Bad events are told apart by the slots they were counted in."""

import pytest

from app.evaluation.judging.slots_with_errors import bad_slots
from app.ledger import AdjustedTime
from tests.evaluation.test_since_resolved import NOW_S, a_ledger

HOUR_S = 3600


@pytest.mark.parametrize(("ago_s", "moments"), [((), 0), ((0,), 1), ((0, 30), 2), ((0, 1800, 3570, 3600, 7200), 3)])
def test_slots_of_an_hour_that_hold_bad_events(ago_s: tuple[int, ...], moments: int) -> None:
    ledger = a_ledger(*ago_s)
    assert bad_slots(ledger, 0, start_s=NOW_S - HOUR_S, end_s=NOW_S) == moments


def test_beyond_a_day_five_minutes_are_one_moment() -> None:
    ledger = a_ledger(600, 630, 50 * HOUR_S, 80 * HOUR_S)
    assert bad_slots(ledger, 0, start_s=NOW_S - 72 * HOUR_S, end_s=NOW_S) == 2


def test_what_failed_in_a_maintenance_is_no_second_moment() -> None:
    """Else one failure after it would page for what was left out."""
    ledger = a_ledger(0, 1800, 1830, 3570)
    maintenance = AdjustedTime.of([(NOW_S - 2_400, NOW_S - 1_200)])
    assert bad_slots(ledger, 0, start_s=NOW_S - HOUR_S, end_s=NOW_S, left_out=maintenance) == 2
