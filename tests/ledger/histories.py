"""Samples of labelled series, counted live, for good and backwards, as the service would."""

from collections.abc import Mapping, Sequence

import numpy as np

from app.ledger import (
    LOOKBACK_S,
    Increments,
    LastSamples,
    Registry,
    RowKey,
    Samples,
    count,
    fingerprint,
    positions_at,
)
from app.slo import Weights
from app.slo.arrays import Floats
from tests.support.counting import count_backwards

Labels = Mapping[str, str]
Points = tuple[Floats, Floats]
"""Times in seconds, and values."""
SCRAPE_S = 30.0


def grid(start: float, end: float, *, phase: float = 5.0) -> Floats:
    """The times of scrapes in [start, end)."""
    return np.arange(start + phase, end, SCRAPE_S)


class History:
    """Series of one SLI: those with a `code` from 500 on are bad."""

    def __init__(self, series: Sequence[tuple[Labels, Points]]) -> None:
        assert all((np.diff(times) >= 0).all() for _, (times, _) in series)
        self._registry = Registry()
        self._series = series
        self.cursor = LastSamples.empty()
        self.dipped: list[tuple[int, float]] = []
        self.counted = Increments.of(())

    @property
    def copies(self) -> tuple[tuple[int, int], ...]:
        """The pairs of series that were found to be one counter."""
        return tuple(self._registry.unions)

    def live(
        self, since: float, until: float, *, hindsight_s: float = 0.0, slot_s: float = 30.0
    ) -> tuple[float, float]:
        """Total and bad events in (since, until], slot by slot; *hindsight_s* of later samples are known."""
        registry, seed = self._registry, self._between(since - LOOKBACK_S, since)
        cursor, parts = positions_at(seed, registry, until=since), []
        for at in [*np.arange(since + slot_s, until, slot_s).tolist(), until]:
            counted = count(self._between(at - slot_s, at + hindsight_s), cursor, registry, until=at)
            cursor = counted.cursor
            self.dipped += counted.dipped
            parts.append(counted.with_first_samples(registry))
        self.cursor = cursor
        self.counted = Increments.joined([*parts, Increments.of(())])
        return self.events(since, until)

    def final(self, since: float, until: float) -> tuple[float, float]:
        """Total and bad events in (since, until], as they are settled."""
        return self.live(since, until, hindsight_s=LOOKBACK_S, slot_s=300.0)

    def backwards(
        self, since: float, until: float, *, chunk_s: float = 10_800.0, warm_up_s: float = LOOKBACK_S
    ) -> tuple[float, float]:
        """Total and bad events in (since, until], counted from the end to the beginning."""
        edges = [since, *np.arange(until, since, -chunk_s)[::-1].tolist()]
        counted = count_backwards(self._between, self._registry, edges, warm_up_s=warm_up_s)
        self.counted = Increments.joined([counted, Increments.of(())])
        return self.events(since, until)

    def events(self, since: float, until: float) -> tuple[float, float]:
        """Total and bad events in (since, until] of what was counted last; those of holes are spread over them."""
        begin, at = self.counted.since, self.counted.at
        inside = (at > since) & (at <= until)
        spread = ~self.counted.steady & (at > begin)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.clip((np.minimum(at, until) - np.maximum(begin, since)) / (at - begin), 0, 1)
        share = np.where(spread, share, inside)
        return float(share @ self.counted.total), float(share @ self.counted.bad)

    def _between(self, since: float, until: float) -> Samples:
        row = self._registry.row(RowKey("sli", ()))
        parts = []
        for labels, (times, values) in self._series:
            first, last = np.searchsorted(times, (since, until), side="right").tolist()
            if first < last:
                weights = Weights(total=1.0, bad=float(labels["code"] >= "500"))
                counter = self._registry.counter(row, fingerprint(labels), weights, tuple(labels.items()))
                parts.append(Samples.of_counter(counter, times[first:last], values[first:last]))
        return Samples.joined(parts)
