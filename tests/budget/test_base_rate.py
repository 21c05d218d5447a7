"""The normal share of bad events, with incidents left out."""

import numpy as np
import pytest

from app.budget import base_rates
from app.budget.base_rate import normal_share

DAYS = 30
HOURS = 24 * DAYS


def test_an_outage_is_left_out_and_does_not_raise_the_normal_share() -> None:
    """Of 1,000 requests an hour one fails; for three hours half of them do, and those are all that is left out."""
    total, bad = np.full((1, HOURS), 1000.0), np.ones((1, HOURS))
    bad[0, 100:103] = 500.0
    found = base_rates(total, bad)
    assert np.flatnonzero(found.left_out[0]).tolist() == [100, 101, 102]
    assert found.share[0] == pytest.approx(0.001, rel=0.01)


def test_a_small_incident_shows_once_a_large_one_is_left_out() -> None:
    """Ten times the normal share for two hours, in a month in which a whole day failed."""
    total, bad = np.full((1, HOURS), 1000.0), np.full((1, HOURS), 4.0)
    bad[0, 100:124] = 1000.0
    bad[0, 300:302] = 40.0
    assert np.flatnonzero(base_rates(total, bad).left_out[0]).tolist() == [*range(100, 124), 300, 301]


@pytest.mark.parametrize("days", [3, 7, 30])
def test_one_outage_is_no_pattern_of_the_day_however_short_the_history_is(days: int) -> None:
    """Of three days an hour's outage is a third of what was seen at that hour."""
    total, bad = np.full((1, 24 * days), 1000.0), np.ones((1, 24 * days))
    bad[0, 30] = 500.0
    found = base_rates(total, bad)
    assert np.flatnonzero(found.left_out[0]).tolist() == [30]
    assert found.by_hour[0].tolist() == pytest.approx([1.0] * 24, abs=0.3)


def test_what_fails_every_night_at_the_same_hour_is_normal() -> None:
    """A nightly job that fails as always is no incident; the same number of failures at noon is one."""
    total, bad = np.full((1, HOURS), 1000.0), np.ones((1, HOURS))
    bad[0, 3::24] = 30.0
    bad[0, 24 * 10 + 12] = 30.0
    found = base_rates(total, bad)
    assert np.flatnonzero(found.left_out[0]).tolist() == [24 * 10 + 12]
    assert found.by_hour[0, 3] > 5 * found.by_hour[0, 12]


@pytest.mark.parametrize("per_hour", [0.5, 10.0, 10_000.0])
def test_chance_is_no_incident(per_hour: float) -> None:
    """Counts that scatter by chance alone: at most one hour in a year is left out, at any traffic."""
    source = np.random.default_rng(7)
    total = source.poisson(per_hour, (12, HOURS)).astype(np.float64)
    bad = source.binomial(total.astype(np.int64), 0.002).astype(np.float64)
    found = base_rates(total, bad)
    assert found.left_out.sum() <= 1
    assert np.sum(found.share) / 12 == pytest.approx(0.002, rel=1.0 if per_hour < 1 else 0.1)


def test_nothing_bad_so_far_is_not_never() -> None:
    """Half a bad event is added to what was seen; without any event nothing is normal."""
    total = np.array([[10.0] * HOURS, [0.0] * HOURS, [0.0] * (HOURS - 1) + [1.0]])
    found = base_rates(total, np.zeros((3, HOURS)))
    assert found.share[0] == pytest.approx(0.5 / (10 * HOURS), rel=0.01)
    assert np.isnan(found.share[1])
    assert found.share[2] == pytest.approx(0.5 / 1.5)
    assert found.expected_bad(total)[1].sum() == 0


@pytest.mark.parametrize(("failures", "left_out"), [(1.0, []), (2.0, [100])])
def test_two_failures_in_an_hour_are_an_incident_where_hardly_any_fail(failures: float, left_out: list[int]) -> None:
    total, bad = np.full((1, HOURS), 100.0), np.zeros((1, HOURS))
    bad[0, 100] = failures
    assert np.flatnonzero(base_rates(total, bad).left_out[0]).tolist() == left_out


@pytest.mark.parametrize(("per_hour", "known"), [(0.0, None), (10.0, (0.5 / 240.5, 240.0))])
def test_a_normal_share_is_known_from_events_only(per_hour: float, known: tuple[float, float] | None) -> None:
    found = normal_share(np.full(24, per_hour), np.zeros(24))
    assert found == (None if known is None else pytest.approx(known))


def test_the_rows_do_not_depend_on_each_other() -> None:
    """What is found of an SLI is the same alone and among others."""
    source = np.random.default_rng(1)
    total = source.poisson(100.0, (3, HOURS)).astype(np.float64)
    bad = source.binomial(total.astype(np.int64), 0.01).astype(np.float64)
    bad[1, 50:60] = 90.0
    together = base_rates(total, bad)
    for row in range(3):
        alone = base_rates(total[row : row + 1], bad[row : row + 1])
        assert alone.share[0] == together.share[row]
        assert (alone.left_out[0] == together.left_out[row]).all()


@pytest.mark.parametrize(("total", "bad"), [((1, 24), (1, 48)), ((1, 23), (1, 23))])
def test_histories_are_whole_days(total: tuple[int, int], bad: tuple[int, int]) -> None:
    """Anything else is a mistake of the caller."""
    with pytest.raises(ValueError, match="must share a shape of whole days"):
        base_rates(np.ones(total), np.zeros(bad))
