"""The verdict on a canary against exact values, and what it may say with few events."""

import pytest

from app.policy import CanaryVerdict, VersionCounts, compare_versions


def compared(baseline: tuple[float, float], canary: tuple[float, float], objective: float = 0.999) -> CanaryVerdict:
    old, new = (
        VersionCounts(version="v1", total=baseline[0], bad=baseline[1]),
        VersionCounts(version="v2", total=canary[0], bad=canary[1]),
    )
    return compare_versions(old, new, error_budget=1 - objective)


@pytest.mark.parametrize(
    ("baseline", "canary", "p_value"),
    [
        # The lady tasting tea, and binomial sums that can be checked by hand.
        ((4, 1), (4, 3), 17 / 70),
        ((10, 0), (10, 2), 9 / 38),
        ((1000, 0), (1000, 0), 1.0),
        ((100, 5), (100, 5), 0.6255),
    ],
)
def test_the_test_is_exact(baseline: tuple[int, int], canary: tuple[int, int], p_value: float) -> None:
    assert compared(baseline, canary).p_value == pytest.approx(p_value, rel=2e-3)


@pytest.mark.parametrize(
    ("baseline", "canary", "kind"),
    [
        ((100_000, 20), (10_000, 2), "pass"),
        ((100_000, 20), (10_000, 200), "fail"),
        # Significantly more, and still within the objective.
        ((1_000_000, 10), (1_000_000, 100), "pass"),
        # Too few events: nothing is said, nor where a canary that would page could not be seen.
        ((100_000, 20), (49, 0), "inconclusive"),
        ((100_000, 20), (100, 0), "inconclusive"),
        ((0, 0), (10_000, 0), "inconclusive"),
        # Millions of errors.
        ((50_000_000, 5_000_000), (50_000_000, 6_000_000), "fail"),
    ],
)
def test_verdicts(baseline: tuple[float, float], canary: tuple[float, float], kind: str) -> None:
    assert compared(baseline, canary).kind == kind


def test_what_could_have_been_found_shrinks_with_events() -> None:
    few, many = compared((10_000, 10), (1_000, 1)), compared((1_000_000, 1_000), (100_000, 100))
    assert 0.001 < many.detectable_ratio < 0.0015 < few.detectable_ratio < 0.01
    # With no error before, 4 of 1,000 would be too many, and a ratio of 0.55% has as many in four of five cases.
    assert compared((10_000, 0), (1_000, 0)).detectable_ratio == pytest.approx(0.0027, rel=0.5)


def test_counts_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="3 bad events of 2"):
        compared((2, 3), (10, 0))
