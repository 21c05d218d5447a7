"""How long to wait before the next attempt after failures. Arithmetic only."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

Uniform = Callable[[float, float], float]
"""A random number between two, such as `random.uniform`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Jitter: somewhere between *least*, by default *base*, and *base* doubled with every failure, at most *cap*.

    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    base: timedelta = timedelta(seconds=1)
    cap: timedelta = timedelta(minutes=5)
    give_up_after: timedelta = timedelta(hours=24)
    least: timedelta | None = None

    def delay(self, failures: int, uniform: Uniform) -> timedelta:
        """How long to wait after so many failures in a row."""
        # 2**30 seconds is more than any cap; a larger power would overflow a timedelta.
        longest = min(self.base * 2.0 ** min(failures, 30), self.cap)
        least = self.base if self.least is None else self.least
        return timedelta(seconds=uniform(least.total_seconds(), longest.total_seconds()))
