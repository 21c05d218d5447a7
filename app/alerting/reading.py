"""What is known of an SLO at one slot, and the verdict on whether one severity of it burns.

A verdict has three values: burning, quiet, and unknown. An alert whose verdict is unknown is frozen.
"""

from dataclasses import dataclass

from app.slo import SeverityPolicy, Tier, format_duration

ADEQUATE_COVERAGE = 0.9
"""Measured over expected slots of a window below which nothing is concluded from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TierReading:
    """One tier at one slot: burn rates (NaN = no events), coverages (ratio 0..1), and the long window's events."""

    long_burn_rate: float
    short_burn_rate: float
    long_coverage: float = 1.0
    short_coverage: float = 1.0
    good: float = float("nan")
    bad: float = float("nan")

    @property
    def adequate(self) -> bool:
        """Whether enough of both windows is measured to judge by; an unknown (NaN) coverage is not."""
        return self.long_coverage >= ADEQUATE_COVERAGE and self.short_coverage >= ADEQUATE_COVERAGE

    def trips(self, tier: Tier) -> bool:
        """Whether both burn rates reach the factor; NaN never does."""
        return self.long_burn_rate >= tier.factor and self.short_burn_rate >= tier.factor


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One severity at one slot: its tiers in the policy's order, and whether the newest data is too old to judge by."""

    tiers: tuple[TierReading, ...]
    stale: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether it burns, and by which tier; *unknown* says in words why that cannot be told."""

    tier: Tier | None = None
    unknown: str | None = None

    @property
    def burning(self) -> bool:
        """Whether a tier has tripped on adequate data."""
        return self.tier is not None


QUIET = Verdict()
STALE = Verdict(unknown="the newest data is too old to judge by")


def judge(reading: Reading, policy: SeverityPolicy) -> Verdict:
    """The verdict of a policy on a reading: the quickest tier that trips, or quiet, or unknown.

    One tier that trips on adequate data is enough to know that it burns; that it is quiet is only known when the
    data of every tier is adequate.

    Raises:
        ValueError: the reading is of another set of tiers.
    """
    if len(reading.tiers) != len(policy.tiers):
        raise ValueError(f"{len(reading.tiers)} readings for the {len(policy.tiers)} tiers of a {policy.severity}")
    if reading.stale:
        return STALE
    inadequate = None
    for tier, measured in zip(policy.tiers, reading.tiers, strict=True):
        if not measured.adequate:
            inadequate = inadequate or (tier, measured)
        elif measured.trips(tier):
            return Verdict(tier=tier)
    return QUIET if inadequate is None else Verdict(unknown=_why(*inadequate))


def _why(tier: Tier, measured: TierReading) -> str:
    # The figure itself would change in every slot, and with it the alert and its annotations.
    short_is_poor = not measured.short_coverage >= ADEQUATE_COVERAGE
    window = tier.short if short_is_poor else tier.long
    return f"less than {ADEQUATE_COVERAGE:.0%} of the last {format_duration(window)} is measured"
