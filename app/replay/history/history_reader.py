"""The past of SLOs from Prometheus, slot by slot: counted stretch by stretch, as backfill counts it, for no ledger.

Raw samples give slots. Where that is too much, cells of five minutes are read first and their events spread evenly;
the hours in which a rule comes near its factor are then read sample by sample.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

import numpy as np

from app.alerting import shortest_windows_s
from app.ingest import (
    HistoryCounter,
    OneSource,
    QueryBatcher,
    Source,
    SourceReaders,
    TimeRange,
    TrackedSli,
    labelled,
    leaves_of,
    tracked_slis_of,
)
from app.ledger import COARSE_WIDTH_S, MIDDLE_WIDTH_S, SlotColumns
from app.prometheus import UnreachableError
from app.replay.history.slot_history import SlotHistory
from app.replay.history.window_series import WindowSeries
from app.slo import GroupKey, Slo, SloId, group_id
from app.slo.arrays import Bools, Floats

# Of one series 720 samples at 15 s, as in backfill.
_RAW_STRETCH_S = 3 * 3600
_CELLS_STRETCH_S = 86_400
# A stretch is counted as a whole.
_MOST_SLIS = 100
# Hours that follow on each other are one stretch for as long as they hold no more samples than others do.
_MOST_SLI_HOURS = _MOST_SLIS * _RAW_STRETCH_S // 3600
_MOST_HOURS = 24
_DEADLINE_S = 60.0
# Raw samples that are read for all slots: tens of seconds on one core. More are read in cells.
_MOST_RAW_SAMPLES = 10_000_000
_USUAL_SCRAPE_S = 15.0
# Which share of its factor a burn rate in cells must reach so that the slots are wanted: within a cell all errors may
# lie in one slot.
_NEAR = 0.25
# Rules with longer short windows see no difference between slots and cells of five minutes.
_SHORT_S = 3600.0


class HistoryDetail(StrEnum):
    """How finely history is read: all *raw*, or *cells* where rules are far from their factors; *auto* by its size."""

    AUTO = "auto"
    RAW = "raw"
    CELLS = "cells"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberPast:
    """What was counted of an SLO, or of one member of its group."""

    id: SloId
    slo: Slo
    history: SlotHistory
    shortest_window_s: float = 0.0


@dataclass(slots=True, kw_only=True)
class PastReader:
    """Reads the slots from *start* to *end*, which lie on a quarter of an hour, of some SLOs.

    *sources* are asked by their names. *advanced* is called with the share that is done. *problems* say by the keys of
    SLIs what could not be read.
    """

    sources: Mapping[str, Source]
    start: datetime
    end: datetime
    interval_s: int
    detail: HistoryDetail = HistoryDetail.AUTO
    advanced: Callable[[float], None] = lambda _: None
    problems: dict[str, str] = field(default_factory=dict)
    _columns: dict[int, SlotColumns] = field(default_factory=dict)
    _resolution: dict[str, int] = field(default_factory=dict)

    async def read(self, slos: Sequence[Slo]) -> list[MemberPast]:
        """The members of the SLOs, in their order; *problems* say which stretches are missing of which.

        Raises:
            UnreachableError: nothing answers.
        """
        counter = HistoryCounter(tracked_slis_of(slos), interval_s=self.interval_s)
        batcher = QueryBatcher(counter.series_index)
        reader = SourceReaders(
            {name: OneSource(batcher, labelled(source, name)) for name, source in self.sources.items()}
        )
        wanted = []
        for tracked in counter.tracked_slis:
            if not tracked.slos:
                continue
            # A composite is counted from where its components are.
            unknown = {leaf.sli.source for leaf in leaves_of(tracked)} - self.sources.keys()
            if unknown:
                self.problems[tracked.key] = f"there is no source {', '.join(sorted(unknown))}"
            else:
                wanted.append(tracked)
        for begin in range(0, len(wanted), _MOST_SLIS):
            some = wanted[begin : begin + _MOST_SLIS]
            await self._read(some, counter, reader, done=(begin / len(wanted), len(some) / len(wanted)))
        return [member for tracked in wanted for member in self._members(tracked, counter)]

    async def _read(
        self,
        tracked_slis: Sequence[TrackedSli],
        counter: HistoryCounter,
        reader: SourceReaders,
        *,
        done: tuple[float, float],
    ) -> None:
        start_s, end_s = self.start.timestamp(), self.end.timestamp()
        in_cells = self.detail is HistoryDetail.CELLS
        at_s = start_s
        while at_s < end_s:
            width_s = MIDDLE_WIDTH_S if in_cells else None
            until_s = min(end_s, at_s + (_CELLS_STRETCH_S if in_cells else _RAW_STRETCH_S))
            time_range = TimeRange(since_s=at_s, until_s=until_s, width_s=width_s)
            series = await self._read_stretch(time_range, tracked_slis, counter, reader)
            raw_samples = series * (end_s - start_s) / _USUAL_SCRAPE_S
            in_cells |= self.detail is HistoryDetail.AUTO and raw_samples > _MOST_RAW_SAMPLES
            at_s = until_s
            self.advanced(done[0] + done[1] * (at_s - start_s) / (end_s - start_s))
        if in_cells:
            await self._read_near_factors(tracked_slis, counter, reader)

    async def _read_stretch(
        self, time_range: TimeRange, tracked_slis: Sequence[TrackedSli], counter: HistoryCounter, reader: SourceReaders
    ) -> int:
        """Count one stretch, and give how many series it had."""
        answers = await reader.read(time_range, tracked_slis, deadline=_DEADLINE_S, partial=True)
        for tracked, error in answers.failed:
            if isinstance(error, UnreachableError) and not answers.answered:
                raise error
            self.problems.setdefault(tracked.key, str(error))
        for tracked in answers.answered:
            if tracked.key in answers.partial:
                self.problems.setdefault(tracked.key, answers.partial[tracked.key])
        if not answers.answered:
            return 0
        slots = counter.count(
            answers.answered,
            answers.samples,
            since_s=time_range.since_s,
            until_s=time_range.until_s,
            in_cells=time_range.width_s is not None,
        )
        first = self._place(time_range.since_s)
        for row, columns in slots.items():
            if time_range.width_s is not None:
                columns = _spread(columns, time_range.width_s // self.interval_s)  # noqa: PLW2901
            whole = self._columns.setdefault(row, SlotColumns.empty(self._size))
            for into, found in zip(whole.columns, columns.columns, strict=True):
                into[first : first + len(found)] = found
        for tracked in answers.answered:
            width_s = time_range.width_s or self.interval_s
            self._resolution[tracked.key] = max(self._resolution.get(tracked.key, 0), width_s)
        return len(np.unique(answers.samples.counter))

    async def _read_near_factors(
        self, tracked_slis: Sequence[TrackedSli], counter: HistoryCounter, reader: SourceReaders
    ) -> None:
        """Read the hours sample by sample in which a rule comes near its factor; many SLIs share them in an outage."""
        shared: dict[int, list[TrackedSli]] = {}
        for tracked in tracked_slis:
            # Of an SLI of several sources the samples of each are read.
            if any(leaf.sli.evaluated is not None for leaf in leaves_of(tracked)) or tracked.is_composite:
                continue
            for hour in self._near_factors(tracked, counter):
                shared.setdefault(hour, []).append(tracked)
        start_s, end_s = self.start.timestamp(), self.end.timestamp()
        for first, after, some in _joined_hours(shared):
            since_s, until_s = max(start_s, first * _SHORT_S), min(end_s, after * _SHORT_S)
            time_range = TimeRange(since_s=since_s, until_s=until_s, width_s=None)
            await self._read_stretch(time_range, some, counter, reader)

    def _near_factors(self, tracked: TrackedSli, counter: HistoryCounter) -> list[int]:
        """The numbers of the hours in which a rule of any SLO comes near its factor, in any member."""
        near = np.zeros(self._size * self.interval_s // MIDDLE_WIDTH_S, dtype=bool)
        for row in tracked.rows.values():
            columns = self._columns.get(row)
            if columns is None or not columns.bad.any():
                continue
            cells = _in_cells(self._history(row, tracked, counter))
            for slo in tracked.slos:
                near |= _near(slo, WindowSeries(cells, error_budget=slo.error_budget))
        ends_s = self.start.timestamp() + (np.flatnonzero(near) + 0.5) * MIDDLE_WIDTH_S
        hours: list[int] = np.unique((ends_s // _SHORT_S).astype(np.int64)).tolist()
        return hours

    def _members(self, tracked: TrackedSli, counter: HistoryCounter) -> Iterable[MemberPast]:
        rows: Sequence[tuple[GroupKey, int | None]] = [*sorted(tracked.rows.items())] or [((), None)]
        for slo in tracked.slos:
            for group, row in rows:
                shortest_s = np.zeros(1) if row is None else shortest_windows_s(np.array([counter.scrape_s(row)]))
                yield MemberPast(
                    id=group_id(slo.id, group),
                    slo=slo,
                    history=self._history(row, tracked, counter),
                    shortest_window_s=float(shortest_s[0]),
                )

    @property
    def nothing(self) -> SlotHistory:
        """The slots of an SLI of which nothing was measured."""
        return SlotHistory(
            first=round(self.start.timestamp() / self.interval_s) + 1,
            interval_s=self.interval_s,
            slots=SlotColumns.empty(self._size),
            first_sample_s=np.nan,
            resolution_s=self.interval_s,
        )

    def _history(self, row: int | None, tracked: TrackedSli, counter: HistoryCounter) -> SlotHistory:
        resolution_s = self._resolution.get(tracked.key, self.interval_s)
        columns = None if row is None else self._columns.get(row)
        return replace(
            self.nothing,
            slots=SlotColumns.empty(self._size) if columns is None else columns,
            first_sample_s=np.nan if row is None else counter.first_sample_s(row),
            resolution_s=resolution_s,
        )

    @property
    def _size(self) -> int:
        return round((self.end - self.start).total_seconds() / self.interval_s)

    def _place(self, at_s: float) -> int:
        return round((at_s - self.start.timestamp()) / self.interval_s)


def _spread(columns: SlotColumns, each: int) -> SlotColumns:
    """The slots of cells, whose events were counted in one slot, spread evenly over all *each* of them."""
    total, bad = (np.repeat(column.reshape(-1, each).mean(axis=1), each) for column in (columns.total, columns.bad))
    return SlotColumns(total, bad, columns.measured_s)


def _in_cells(history: SlotHistory) -> SlotHistory:
    """The same in cells of five minutes, of which it was made: a tenth of the work."""
    each = MIDDLE_WIDTH_S // history.interval_s
    return replace(
        history,
        first=(history.first - 1) // each + 1,
        interval_s=MIDDLE_WIDTH_S,
        slots=SlotColumns(*(column.reshape(-1, each).sum(axis=1) for column in history.slots.columns)),
    )


def _near(slo: Slo, series: WindowSeries) -> Bools:
    """In which cells a rule of an SLO comes near its factor, and a quarter of an hour before and after."""
    near = np.zeros(len(series.history), dtype=bool)
    for policy in slo.alerting.policies:
        for rule in policy.rules:
            if rule.short.total_seconds() >= _SHORT_S:
                continue
            # Events are even within a cell, so that no burn rate is higher in it than at both of its ends.
            long, short = (_at_either_end(series.columns(each).burn_rate) for each in (rule.long, rule.short))
            near |= (long >= _NEAR * rule.factor) & (short >= _NEAR * rule.factor)
    around = COARSE_WIDTH_S // MIDDLE_WIDTH_S
    wide = np.convolve(near, np.ones(2 * around + 1), mode="same") > 0
    found: Bools = wide
    return found


def _at_either_end(burn_rates: Floats) -> Floats:
    """The higher of the burn rates at the beginning and at the end of each cell; NaN where both are."""
    highest: Floats = np.fmax(burn_rates, np.concatenate([[np.nan], burn_rates[:-1]]))
    return highest


def _joined_hours(shared: Mapping[int, list[TrackedSli]]) -> Iterator[tuple[int, int, list[TrackedSli]]]:
    """Hours of the same SLIs that follow on each other, from the first to the one after the last.

    To read and to count a stretch costs as much as some hundred of its samples.
    """
    run: tuple[int, int, list[TrackedSli]] | None = None
    for hour, some in sorted(shared.items()):
        if run is not None:
            first, after, before = run
            fits = after - first < min(_MOST_HOURS, max(1, _MOST_SLI_HOURS // len(some)))
            if hour == after and fits and [one.key for one in before] == [one.key for one in some]:
                run = first, hour + 1, before
                continue
            yield run
        run = hour, hour + 1, some
    if run is not None:
        yield run


def past_bounds(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """The least stretch on the coarsest grid of cells that holds another one, so that no cell is cut."""
    since_s = start.timestamp() // COARSE_WIDTH_S * COARSE_WIDTH_S
    until_s = -(-end.timestamp() // COARSE_WIDTH_S) * COARSE_WIDTH_S
    return datetime.fromtimestamp(since_s, start.tzinfo), datetime.fromtimestamp(until_s, end.tzinfo)
