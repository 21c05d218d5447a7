"""Chances of counts: how likely so many bad events are if each event is bad with a given probability."""

import math

# From this variance on the normal approximation is within 6% of the exact tail at a chance of 1%, the default of
# `evidence`, and the continued fraction takes ever more steps.
_NORMAL_FROM = 1000.0
# Lentz's method divides by its partial terms; a zero among them is replaced by something smaller than any of them.
_SMALLEST = 1e-300
# Converges within tens of steps for these arguments; the bound keeps a NaN from looping.
_PRECISION = 1e-12
_MOST_STEPS = 1000


def chance_of_at_least(bad: float, total: float, ratio: float) -> float:
    """The chance of *bad* or more of *total* events if each is bad with probability *ratio*.

    Counts need not be whole: what was missed for a while is spread over its slots.

    Source: https://dlmf.nist.gov/8.17#E5 (a binomial tail is an incomplete beta function)

    >>> round(chance_of_at_least(2, 60, 0.001), 6)
    0.001703
    """
    if bad <= 0:
        return 1.0
    if ratio >= 1:
        return 1.0
    total = max(total, bad)
    variance = total * ratio * (1 - ratio)
    if variance > _NORMAL_FROM:
        # With the continuity correction of half an event: counts are whole, the normal distribution is not.
        return 0.5 * math.erfc((bad - 0.5 - total * ratio) / math.sqrt(2 * variance))
    return _incomplete_beta(bad, total - bad + 1, ratio)


def chance_of_at_most(bad: float, total: float, ratio: float) -> float:
    """The chance of *bad* or fewer of *total* events if each is bad with probability *ratio*.

    >>> chance_of_at_most(0, 2, 0.5)
    0.25
    """
    if bad >= total:
        return 1.0
    return 1.0 - chance_of_at_least(bad + 1, total, ratio)


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """I_x(a, b); the continued fraction converges quickly on the side of the mean where x is smaller."""
    if x <= 0:
        return 0.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1.0 - front * _fraction(b, a, 1 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function, by Lentz's method.

    Source: https://dlmf.nist.gov/8.17#E22
    """
    upper, lower = 1.0, 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1))
    value = lower
    for m in range(1, _MOST_STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            # Without calls, which would take as long as all the rest: each step of each alert that burns is here.
            below, upper = 1.0 + term * lower, 1.0 + term / upper
            if not ((below > _SMALLEST or below < -_SMALLEST) and (upper > _SMALLEST or upper < -_SMALLEST)):
                below, upper = _away_from_zero(below), _away_from_zero(upper)
            lower = 1.0 / below
            value *= lower * upper
        if -_PRECISION < lower * upper - 1.0 < _PRECISION:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _SMALLEST else _SMALLEST
