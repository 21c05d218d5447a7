"""Histories of several kinds, counted by a service that is restarted and gets samples late, and from the past alone.

Both are compared in slots that have become final: what is at or before the end by QUIET_S or more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from app.slo import Slo
from app.slo.arrays import Floats
from testbed.histories import History
from tests.evaluation.against_increase import GRACE_S, Counted, Counts, Outcome
from tests.evaluation.memory import MemorySource, Series, series_of
from tests.evaluation.running import INTERVAL_S, Running, slos_of

QUIET_S: Final = 900
"""After so long counts are final, in the turn of every SLI."""
WINDOWS_S: Final = {"5m": 300, "30m": 1800, "1h": 3600, "2h": 7200, "6h": 21_600, "20h": 72_000}
"""Windows that the finest cells of the ledger hold."""
_LIVE_S: Final = 3600
_LATE_SHARE: Final = 0.4
_MOST_LATE_S: Final = 240
"""Within the late-sample grace."""
_QUERY_OFFSET_S: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbances:
    """What happens to the service while it counts live: the slots after which it is restarted or reads all history."""

    restarts: Sequence[int]
    backfill: int

    @classmethod
    def of(cls, seed: int, start: int, end: int) -> "Disturbances":
        """Random ones within (start, end)."""
        dice = np.random.default_rng([seed, 89])
        slots = range(start + INTERVAL_S, end, INTERVAL_S)
        restarts = sorted(dice.choice(slots, int(dice.integers(1, 5)), replace=False).tolist())
        return cls(restarts=restarts, backfill=int(dice.choice(slots)))


@dataclass(slots=True)
class LateSource(MemorySource):
    """A Prometheus to which some *late* series come later than their times say, each in its order."""

    late: Sequence[tuple[Series, Floats]] = ()
    """Series and when each of their samples is there."""
    prompt: Sequence[Series] = ()
    _shown: tuple[int, ...] = field(default=())

    @classmethod
    def of(cls, histories: Sequence[History], *, since: float, until: float) -> "LateSource":
        """The series of some histories; in (since, until) those of some of them come late for a while."""
        prompt: list[Series] = []
        late = []
        for history in histories:
            dice = np.random.default_rng([history.seed, 90])
            if dice.random() >= _LATE_SHARE:
                prompt += series_of(history.trace.series)
                continue
            first = float(dice.uniform(since, until))
            last = first + float(dice.uniform(60, 900))
            some_only = dice.random() < 0.5
            for series in series_of(history.trace.series):
                delay_s = float(dice.uniform(30, _MOST_LATE_S))
                if some_only and dice.random() < 0.5:
                    prompt.append(series)
                else:
                    delayed = (series.times >= first) & (series.times < last)
                    known = np.maximum.accumulate(series.times + np.where(delayed, delay_s, 0.0))
                    late.append((series, known))
        return cls(series=[*prompt, *(series for series, _ in late)], late=late, prompt=prompt)

    def go_on(self, now: float) -> None:
        """Show what is there by *now*."""
        self.now = now
        shown = tuple(int(np.searchsorted(known, now, side="right")) for _, known in self.late)
        if shown == self._shown:
            return
        self._shown = shown
        self._selected.clear()
        self.series = [
            *self.prompt,
            *(
                Series(labels=series.labels, times=series.times[:many], values=series.values[:many])
                for (series, _), many in zip(self.late, shown, strict=True)
            ),
        ]


def compare_mixed(histories: Sequence[History], folder: Path, *, end: int) -> Outcome:
    """Count *histories*, which all end at or after *end* + GRACE_S, live for an hour and from the past alone."""
    traces = [history.trace for history in histories]
    slos = slos_of(traces, folder / "slos", window="1d")
    at, start = end + GRACE_S, end - _LIVE_S
    source = LateSource.of(histories, since=start, until=end)
    disturbances = Disturbances.of(histories[0].seed, start, end)

    def move(now: float) -> None:
        source.go_on(now - _QUERY_OFFSET_S)

    with (
        Running(slos, source, folder / "live.db", move=move) as live,
        Running(slos, source, folder / "fresh.db", move=move) as fresh,
    ):
        _live(live, disturbances, start=start, end=at)
        fresh.run(at - 600, at)
        fresh.backfill(at)
        quiet = at - QUIET_S
        lived, started = (_counts(slos, each, quiet) for each in (live, fresh))
    return Outcome.of(histories, lived, started, windows_s=WINDOWS_S)


def _live(live: Running, disturbances: Disturbances, *, start: int, end: int) -> None:
    at = start
    for stop in sorted({*disturbances.restarts, disturbances.backfill}):
        # History is read in between for half of the time, so that some of it is read after each restart.
        live.run(at, stop, backfill=stop > disturbances.backfill)
        if stop == disturbances.backfill:
            live.backfill(stop)
        if stop in disturbances.restarts:
            live.restart()
        at = stop
    live.run(at, end)
    live.backfill(end)


def _counts(slos: Sequence[Slo], running: Running, at: int) -> Counts:
    """What the ledger holds of every service in windows that end at *at*."""
    found = {}
    for slo in slos:
        past = running.evaluator.past(slo.id)
        assert past is not None
        for window, length_s in WINDOWS_S.items():
            if past.row is None:
                found[slo.service, window] = Counted(at=at, total=0.0, bad=0.0)
                continue
            totals, bads, _ = past.row.counted_before(np.array([at - length_s, at], dtype=np.float64))
            found[slo.service, window] = Counted(
                at=at, total=float(totals[1] - totals[0]), bad=float(bads[1] - bads[0])
            )
    return found


__all__ = ["Disturbances", "LateSource", "compare_mixed"]
