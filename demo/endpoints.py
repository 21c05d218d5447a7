"""What the shop serves, how often it is asked, and how well it answers: one table for the live shop and its history."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

JOB = "shop"
INSTANCE = "shop"
"""The scrape target's labels; live shop and history must share them, or they would be different series."""

BUCKETS = (0.05, 0.1, 0.3, 1.0, 2.5)
"""Upper bounds of the latency histogram in seconds; the latency SLO's threshold is one of them."""

_BUSIEST_HOUR = 18.0
_WEEKEND = 0.85


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One route of the shop.

    *rate* is requests per second over an average day, *errors* and *not_found* are ratios of requests, *latency* is
    the median in seconds and *spread* the sigma of its lognormal distribution. *rhythm* is how much more is asked at
    the busiest hour than on average: 0.6 is 60% more, and 60% less twelve hours later; from 1 on nights are silent.
    """

    service: str
    route: str
    method: str
    rate: float
    errors: float
    latency: float
    spread: float = 0.5
    not_found: float = 0.0
    rhythm: float = 0.6

    @property
    def labels(self) -> dict[str, str]:
        """The labels that all metrics of this endpoint carry."""
        return {"service": self.service, "route": self.route, "method": self.method}

    @property
    def codes(self) -> tuple[str, ...]:
        """The status codes that it answers with; their counters exist from the start, at zero."""
        return ("200", "404", "500") if self.not_found else ("200", "500")

    def rate_at(self, epoch: Floats) -> Floats:
        """Expected requests per second at the *epoch* seconds, in the same shape: day and night, week and weekend."""
        hour = epoch / 3600 % 24
        days = 1 + self.rhythm * np.cos((hour - _BUSIEST_HOUR) * math.tau / 24)
        # The epoch began on a Thursday, so days 2 and 3 of each seven are the weekend.
        weekend = np.isin(epoch // 86_400 % 7, (2, 3))
        return self.rate * np.maximum(days, 0) * np.where(weekend, _WEEKEND, 1)


ENDPOINTS = (
    Endpoint(service="catalog", route="/catalog", method="GET", rate=6, errors=0.0011, latency=0.03),
    Endpoint(
        service="catalog", route="/catalog/{item}", method="GET", rate=5, errors=0.0012, latency=0.02, not_found=0.02
    ),
    Endpoint(service="search", route="/search", method="GET", rate=4, errors=0.0006, latency=0.07),
    Endpoint(service="cart", route="/cart", method="GET", rate=3, errors=0.0002, latency=0.015),
    Endpoint(service="cart", route="/cart/items", method="POST", rate=1.5, errors=0.0005, latency=0.025),
    Endpoint(service="cart", route="/cart/items/{item}", method="DELETE", rate=0.3, errors=0.0003, latency=0.02),
    Endpoint(service="checkout", route="/checkout", method="POST", rate=6, errors=0.0001, latency=0.07),
    Endpoint(service="checkout", route="/checkout/payment", method="POST", rate=5, errors=0.0001, latency=0.09),
    Endpoint(
        service="reports", route="/reports/daily", method="GET", rate=0.003, errors=0.003, latency=0.4, rhythm=1.5
    ),
)
SERVICES = tuple(dict.fromkeys(endpoint.service for endpoint in ENDPOINTS))


def errors_of(endpoint: Endpoint, errors: float) -> float:
    """The ratio of requests of *endpoint* that fail where *errors* is that of all requests of its service.

    They are those of the service's last route, such as payment of checkout, as far as it has enough requests: an
    incident usually has one cause, which is what top contributors are to show.

    >>> payment, order = (next(one for one in ENDPOINTS if one.route.endswith(end)) for end in ("payment", "checkout"))
    >>> round(errors_of(payment, 0.2), 2), errors_of(order, 0.2), errors_of(order, 1.0)
    (0.44, 0.0, 1.0)
    """
    routes = [one for one in ENDPOINTS if one.service == endpoint.service]
    share = routes[-1].rate / sum(one.rate for one in routes)
    if endpoint is routes[-1]:
        return min(errors / share, 1.0)
    return max(errors - share, 0.0) / (1.0 - share)
