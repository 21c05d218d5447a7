"""The burn-rate rules of Pyrra: those of four weeks, scaled linearly with the SLO window and rounded to minutes.

Source: https://github.com/pyrra-dev/pyrra/blob/main/slo/rules.go, `Windows`
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from app.slo import BurnRateRule

# The window that the durations of Pyrra are given for; it scales them by the share of it.
_FOUR_WEEKS = timedelta(weeks=4)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """A rule over four weeks; *key* is that of its severity in a document, *usual* the severity without one."""

    key: str
    usual: str
    pending_for: timedelta
    short: timedelta
    long: timedelta
    factor: float

    def scaled(self, duration: timedelta, window: timedelta) -> timedelta:
        """One of the durations for another SLO window."""
        # Half a minute rounds up, as Go's Round does.
        return (duration * (window / _FOUR_WEEKS) + _MINUTE / 2) // _MINUTE * _MINUTE

    def rule(self, window: timedelta) -> BurnRateRule | None:
        """The rule for an SLO window; None where it is too short for two windows of whole minutes."""
        short, long = self.scaled(self.short, window), self.scaled(self.long, window)
        if not timedelta(0) < short < long:
            return None
        pending_for = self.scaled(self.pending_for, window)
        return BurnRateRule(long=long, short=short, factor=self.factor, pending_for=pending_for)


def _tiers() -> Iterator[Tier]:
    # The key of the severity, the usual severity, then minutes: `for`, the short and the long window; and the factor.
    for key, usual, pending_for, short, long, factor in (
        ("fast_burn", "critical", 2, 5, 60, 14.0),
        ("medium_burn", "critical", 15, 30, 360, 7.0),
        ("slow_burn", "warning", 60, 120, 1440, 2.0),
        ("long_term_burn", "warning", 180, 360, 5760, 1.0),
    ):
        yield Tier(
            key=key,
            usual=usual,
            pending_for=pending_for * _MINUTE,
            short=short * _MINUTE,
            long=long * _MINUTE,
            factor=factor,
        )


TIERS = tuple(_tiers())
