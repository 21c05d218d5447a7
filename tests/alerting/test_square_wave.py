"""A service that fails and recovers again and again is one story until its pauses are long (N10)."""

import pytest

from app.slo import SeverityPolicy
from tests.alerting.counted import PAGE, PLAIN, Service

MINUTE, HOUR = 2, 120
PER_SLOT = 3_000


def _pages(half: int, share: float, policy: SeverityPolicy) -> int:
    service = Service(*[(PER_SLOT, 0)] * HOUR)
    while service.length < 9 * HOUR:
        service.then(half, PER_SLOT, PER_SLOT * share).then(half, PER_SLOT)
    return sum(kind == "fired" for _, kind in service.deeds(policy))


@pytest.mark.parametrize("policy", [PAGE, PLAIN], ids=["guarded", "plain"])
@pytest.mark.parametrize("share", [0.02, 0.05, 0.5])
class TestEightHours:
    """Trouble and peace of the same length take turns."""

    @pytest.mark.parametrize("minutes", [0.5, 1, 2, 5, 10, 15])
    def test_of_short_turns_are_two_pages_at_most(self, minutes: float, share: float, policy: SeverityPolicy) -> None:
        assert 1 <= _pages(round(minutes * MINUTE), share, policy) <= 2

    @pytest.mark.parametrize("minutes", [30, 60, 120])
    def test_of_long_turns_are_one_page_each(self, minutes: int, share: float, policy: SeverityPolicy) -> None:
        assert _pages(minutes * MINUTE, share, policy) == 8 * 60 // (2 * minutes)
