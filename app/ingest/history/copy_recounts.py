"""Counting again what two series counted that have proved to be one: a second server that was counted beside the first.

Copies prove by samples of some time, and what they counted meanwhile is final. Where live counting finds them, the time
in which both were there is read once more, and they become one counter from its beginning on, as in history (ADR-0102).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import structlog

from app.ingest.counting.ledger_writer import LedgerWriter
from app.ingest.history.history_reader import RangeReader, TimeRange
from app.ingest.series.tracked_slis import CountedApart, TrackedSli
from app.ledger import FINE_REACH_S, HOUR_S, LOOKBACK_S, MIDDLE_WIDTH_S, Samples

_log = structlog.get_logger(__name__)
# As in a piece of history.
_DEADLINE_S = 60.0
# Until then what they counted twice is shown, and said as a problem of the SLO.
_PAUSE = timedelta(minutes=5)
# Twenty samples prove large copies. Small ones prove as late as they have grown, so that more is read while both are
# there at the beginning: three times as much each time, up to the last day, which is what single slots are kept of.
_FIRST_S = float(HOUR_S)
_MORE = 3.0


class CopyRecount(NamedTuple):
    """What is to be counted again in (since, until]: copies of an SLI, and its samples from a warm-up before it on."""

    tracked: TrackedSli
    counters: Sequence[CountedApart]
    since_s: float
    until_s: float
    samples: Samples


class CopyRecounts:
    """Which SLIs have copies that were counted apart, and the samples to count them again."""

    def __init__(self, ledger_writer: LedgerWriter, tracked_slis: Sequence[TrackedSli], reader: RangeReader) -> None:
        self._ledger_writer = ledger_writer
        self._tracked_slis = tracked_slis
        self._reader = reader
        self._not_before: datetime | None = None

    async def read(self, now: datetime) -> CopyRecount | None:
        """The samples of the next SLI to count again; None if there is none, or Prometheus does not answer."""
        tracked = next((one for one in self._tracked_slis if one.copies), None)
        if tracked is None or (self._not_before is not None and now < self._not_before):
            return None
        found, length_s = await self._read(tracked, _FIRST_S), _FIRST_S
        while found is not None and length_s < FINE_REACH_S and self._both_begin(found):
            length_s = min(_MORE * length_s, float(FINE_REACH_S))
            found = await self._read(tracked, length_s) or found
        self._not_before = now + _PAUSE if found is None else None
        return found

    def enter(self, found: CopyRecount) -> None:
        """Count again, unless all history of the SLI has been taken back meanwhile."""
        tracked = found.tracked
        if tracked.copies:
            _log.info("copies of series are counted again as one", query=tracked.query)
            self._ledger_writer.count_copies_again(
                tracked, found.samples, found.counters, since_s=found.since_s, until_s=found.until_s
            )

    async def _read(self, tracked: TrackedSli, length_s: float) -> CopyRecount | None:
        _, begin_s, until_s = tracked.copies[0]
        counters = [one for one in tracked.copies if (one.since_s, one.until_s) == (begin_s, until_s)]
        since_s = max((until_s - length_s) // MIDDLE_WIDTH_S * MIDDLE_WIDTH_S, begin_s)
        time_range = TimeRange(since_s=since_s, until_s=until_s, width_s=None)
        answers = await self._reader.read(time_range, [tracked], deadline=_DEADLINE_S)
        if tracked not in answers.answered or tracked.key in answers.partial:
            return None
        return CopyRecount(tracked, counters, since_s, until_s, answers.samples)

    def _both_begin(self, found: CopyRecount) -> bool:
        """Whether a copy and its counter are there at the beginning already: there is more to read before."""
        if found.since_s <= found.counters[0].since_s:
            return False
        samples, arrays = found.samples, self._ledger_writer.ledger.registry.arrays
        early = set(samples.counter[np.abs(samples.time - found.since_s) <= LOOKBACK_S].tolist())
        copies = {counter for one in found.counters for counter in one.counters}
        others = set(arrays.stream[list(early - copies)].tolist())
        return not others.isdisjoint(arrays.stream[list(early & copies)].tolist())
