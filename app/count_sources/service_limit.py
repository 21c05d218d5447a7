"""How much of its limit a service leaves us, and how long to wait where that is nothing."""

import math
from collections.abc import Mapping

# What history leaves to evaluations of the limit: a tenth is more than these need until it begins again.
_KEPT_SHARE = 0.1
# Without a word about when the limit begins again; New Relic counts by the minute.
_USUAL_PAUSE_S = 30.0
_LONGEST_PAUSE_S = 3600.0


class ServiceLimit:
    """The limit of one service, which all clients of it share; times are those of the event loop, in seconds."""

    def __init__(self) -> None:
        self._not_before_s = 0.0
        self._background_not_before_s = 0.0

    def note(self, headers: Mapping[str, str], now_s: float) -> None:
        """Learn from the headers of any answer, as Datadog sends them."""
        limit, remaining, reset_s = (_number(headers.get(f"x-ratelimit-{name}")) for name in _NAMES)
        if limit is None or remaining is None or reset_s is None:
            return
        again_s = now_s + min(reset_s, _LONGEST_PAUSE_S)
        if remaining <= 0:
            self._not_before_s = again_s
        if remaining <= limit * _KEPT_SHARE:
            self._background_not_before_s = again_s

    def refused(self, retry_after_s: float | None, headers: Mapping[str, str], now_s: float) -> float:
        """Learn from a refusal, and say for how many seconds nothing is to be asked."""
        reset_s = _number(headers.get("x-ratelimit-reset"))
        said_s = next((one for one in (retry_after_s, reset_s) if one is not None), _USUAL_PAUSE_S)
        pause_s = min(said_s, _LONGEST_PAUSE_S)
        self._not_before_s = max(self._not_before_s, now_s + pause_s)
        return pause_s

    def pause_s(self, now_s: float, *, background: bool) -> float:
        """For how many seconds from now nothing is to be asked."""
        before_s = max(self._not_before_s, self._background_not_before_s if background else 0.0)
        return max(before_s - now_s, 0.0)


_NAMES = ("limit", "remaining", "reset")


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    # With NaN, which a comparison never finds to be over, nothing would be asked for ever.
    return number if math.isfinite(number) else None
