"""How often something may happen, for each client apart, in bounded memory."""

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address

# More clients at once than one service has; a client with more addresses pushes out the least recent ones.
_MOST_KEYS = 10_000
# Of IPv6 everybody has so much.
_IPV6_HOST_BITS = 64
_MINUTE_S = 60.0


class RateLimiter:
    """So many a minute for each key, also all at once: a token bucket.

    None is no limit.
    """

    def __init__(self, per_minute: int | None, *, most_keys: int = _MOST_KEYS) -> None:
        self._per_minute = per_minute
        self._most_keys = most_keys
        # What each key has left, and when that was; a key that is not here has all.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, key: str, at_s: float) -> float:
        """Seconds until the next one of a key is allowed; 0 if it is now."""
        if self._per_minute is None:
            return 0.0
        return max(0.0, 1 - self._left_at(key, self._per_minute, at_s)) * _MINUTE_S / self._per_minute

    def take(self, key: str, at_s: float) -> float:
        """Count one of a key if it is allowed; seconds until it is, 0 if it was counted."""
        wait_s = self.wait_s(key, at_s)
        if not wait_s and self._per_minute is not None:
            self._left[key] = self._left_at(key, self._per_minute, at_s) - 1, at_s
            self._left.move_to_end(key)
            if len(self._left) > self._most_keys:
                self._left.popitem(last=False)
        return wait_s

    def _left_at(self, key: str, per_minute: int, at_s: float) -> float:
        left, since_s = self._left.get(key, (per_minute, at_s))
        # A clock that is set back gives nothing and takes nothing.
        return min(per_minute, left + max(0.0, at_s - since_s) * per_minute / _MINUTE_S)


def client_key(address: str) -> str:
    """What the addresses of one client have in common."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return f"{int(found) >> _IPV6_HOST_BITS:x}::" if isinstance(found, IPv6Address) else address
