"""What went wrong in the shop's past month: incidents, restarts, and three quarters of an hour without scrapes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo.endpoints import Floats

Bools = NDArray[np.bool_]

_MINUTE = 60.0
_DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """A while in which a service failed some requests, or was slower; *ago* counts back from the end of history."""

    service: str
    ago: float  # seconds
    lasts: float  # seconds
    errors: float = 0.0
    latency: float = 0.0  # seconds added to the median
    route: str | None = None

    def covers(self, epoch: Floats, *, end: float) -> Bools:
        """Which of *epoch* lie in the incident, in the same shape."""
        started = end - self.ago
        return (epoch >= started) & (epoch < started + self.lasts)


# None in the last three days: the demo begins with no alert firing.
INCIDENTS = (
    Incident(service="checkout", ago=9.35 * _DAY, lasts=25 * _MINUTE, errors=0.06),
    Incident(service="checkout", ago=19.6 * _DAY, lasts=4 * _MINUTE, errors=0.35, route="/checkout/payment"),
    Incident(service="checkout", ago=14.1 * _DAY, lasts=95 * _MINUTE, latency=0.25),
    Incident(service="catalog", ago=6.2 * _DAY, lasts=150 * _MINUTE, errors=0.08, latency=0.1),
    Incident(service="catalog", ago=23.7 * _DAY, lasts=40 * _MINUTE, errors=0.5),
    Incident(service="search", ago=11.4 * _DAY, lasts=70 * _MINUTE, errors=0.12),
    Incident(service="cart", ago=16.9 * _DAY, lasts=55 * _MINUTE, errors=0.6, route="/cart/items"),
    Incident(service="reports", ago=4.55 * _DAY, lasts=240 * _MINUTE, errors=0.4),
)
RESTARTS_AGO = (25.3 * _DAY, 19.59 * _DAY, 9.33 * _DAY, 3.4 * _DAY)
UNSEEN_AGO = (12.45 * _DAY, 12.42 * _DAY)
"""From and until when no scrape succeeded; the shop served on."""


def restarted(epoch: Floats, *, end: float) -> Bools:
    """At which of the ascending *epoch* the shop's counters begin again from zero."""
    starts = np.searchsorted(epoch, [end - ago for ago in RESTARTS_AGO])
    flags = np.zeros(epoch.shape, dtype=np.bool_)
    flags[starts[(starts > 0) & (starts < epoch.size)]] = True
    return flags


def scraped(epoch: Floats, *, end: float) -> Bools:
    """At which of *epoch* a scrape succeeded."""
    first, last = (end - ago for ago in UNSEEN_AGO)
    return (epoch < first) | (epoch >= last)
