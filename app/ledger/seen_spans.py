"""When counters were seen first and last, not what was counted of them: what was there together is not one counter."""

from dataclasses import dataclass, field

import numpy as np

from app.slo.arrays import Floats, Ints


@dataclass(slots=True)
class SeenSpans:
    """The times of the first and the last known sample of each counter, unix seconds, by index; NaN is *never seen*.

    Nothing of this is saved: after a start it is known of what has been read since.
    """

    first_s: Floats = field(default_factory=lambda: np.empty(0))
    last_s: Floats = field(default_factory=lambda: np.empty(0))

    def note(self, counter: Ints, first_s: Floats, last_s: Floats) -> None:
        """Note when samples of counters were seen, of each counter once."""
        missing = int(counter.max(initial=-1)) + 1 - len(self.first_s)
        if missing > 0:
            # As cursors grow: counters come one by one.
            room = np.full(max(missing, len(self.first_s) // 2), np.nan)
            self.first_s, self.last_s = np.append(self.first_s, room), np.append(self.last_s, room)
        self.first_s[counter] = np.fmin(self.first_s[counter], first_s)
        self.last_s[counter] = np.fmax(self.last_s[counter], last_s)

    def first_seen_s(self, counter: int) -> float:
        """When a counter was seen first, infinite if never."""
        return float(np.nan_to_num(self.first_s[counter], nan=np.inf)) if counter < len(self.first_s) else np.inf

    def together_s(self, one: int, other: int) -> float:
        """How long two counters were there at the same time, at or below 0 if they were not."""
        if max(one, other) >= len(self.first_s):
            return 0.0
        both = [one, other]
        return float(np.nan_to_num(self.last_s[both].min() - self.first_s[both].max()))
