"""Forecasts of the budgets of all SLOs: a few beside each evaluation, so that none is longer for them (ADR-0081)."""

import asyncio
import math
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import structlog

from app.alerting import is_stale
from app.budget.forecast import (
    CELL_S,
    LEARNED_CELLS,
    LEAST_HISTORY,
    Budgets,
    CountedCells,
    NoForecast,
    Outlook,
    forecasts,
    outlook,
)
from app.evaluation.figures.members import Member
from app.evaluation.history import Past
from app.evaluation.history.past import is_known, window_starts
from app.evaluation.judging.fault_isolation import attempt
from app.ingest.ports import EvaluationInstruments
from app.ledger import RowPast
from app.slo import RollingWindow, Slo, SloId
from app.slo.arrays import Floats

_log = structlog.get_logger(__name__)
# A forecast takes 2.2 ms of CPU: one in twenty minutes is a seventh of what the evaluations of an SLO take. One that
# burns has one each minute.
_RENEWED_S = 1_200.0
_RENEWED_BURNING_S = 60.0
# At a start history is read in seconds: what had none to go by then must not wait for twenty minutes.
_AWAITED = frozenset({NoForecast.HISTORY_UNREAD, NoForecast.NO_DATA})
# So many at once share what each call of numpy costs, and keep the interpreter for 30 ms.
_AT_ONCE = 16

Forecasted = Outlook | NoForecast
"""The forecast of one SLO or member of a group, or why there is none."""


def outlooks(
    pasts: Sequence[Past], *, fresh: Callable[[RowPast], bool] = lambda _: True, with_steps: bool = False
) -> list[Forecasted]:
    """The forecasts by what was counted, adjustments included; of what is not *fresh* there is none."""
    found: list[Forecasted] = [NoForecast.NO_DATA] * len(pasts)
    alike: defaultdict[int, list[tuple[int, _Counted]]] = defaultdict(list)
    for place, past in enumerate(pasts):
        row = past.row
        if row is None or math.isnan(row.watermark_s) or not fresh(row):
            continue
        counted = _Counted.of(past, row)
        if isinstance(counted, NoForecast):
            found[place] = counted
        else:
            alike[counted.cells.shape[1]].append((place, counted))
    for those in alike.values():
        each = _forecast([counted for _, counted in those], with_steps=with_steps)
        for (place, _), forecasted in zip(those, each, strict=True):
            found[place] = forecasted
    return found


class _Counted(NamedTuple):
    """What one SLO is forecast by: total and bad events and measured seconds of its quarter hours, shape (3, cells)."""

    slo: Slo
    cells: Floats
    at_s: float
    reach_s: float
    horizon_s: float

    @classmethod
    def of(cls, past: Past, row: RowPast) -> "_Counted | NoForecast":
        at_s, window = row.watermark_s, past.slo.window
        start_s = float(window_starts(past.slo, np.array([at_s]))[0])
        if not is_known(row, np.array([start_s]), past.known_from_s)[0]:
            return NoForecast.HISTORY_UNREAD
        end_s = math.ceil(at_s / CELL_S) * CELL_S
        kept = int((end_s - row.edges_s[0]) // CELL_S)
        # Six weeks, however short the SLO window is.
        many = min(kept, max(math.ceil((end_s - start_s) / CELL_S), LEARNED_CELLS))
        edges_s = end_s - CELL_S * np.arange(many, -1.0, -1.0)
        cells = np.diff(np.stack(row.counted_before(edges_s)), axis=1)
        # Differences of sums leave the last digits of nothing.
        cells = np.maximum(cells, 0.0)
        total, _, measured_s = cells[:, -LEARNED_CELLS:].sum(axis=1)
        if measured_s < LEAST_HISTORY.total_seconds():
            return NoForecast.NOT_ENOUGH_HISTORY
        if not total > 0:
            return NoForecast.NO_TRAFFIC
        period_s = window.period(datetime.fromtimestamp(at_s, UTC)).total_seconds()
        horizon_s = period_s if isinstance(window, RollingWindow) else start_s + period_s - at_s
        return cls(past.slo, cells, at_s, end_s - start_s, horizon_s)


def _forecast(alike: Sequence[_Counted], *, with_steps: bool) -> list[Outlook]:
    """The forecasts of SLOs with as many cells."""
    total, bad, measured_s = np.stack([each.cells for each in alike], axis=1)
    rolls = [isinstance(each.slo.window, RollingWindow) for each in alike]
    found = forecasts(
        CountedCells(total=total, bad=bad, measured_s=measured_s),
        Budgets(
            error_budget=np.array([each.slo.error_budget for each in alike]),
            reach_s=np.array([each.reach_s for each in alike]),
            rolls=np.array(rolls),
            horizon_s=np.array([each.horizon_s for each in alike]),
        ),
    )
    moments = [datetime.fromtimestamp(each.at_s, UTC) for each in alike]
    return [
        outlook(
            found,
            place,
            at=at,
            error_budget=each.slo.error_budget,
            window=each.slo.window.period(at),
            rolls=rolls[place],
            with_steps=with_steps,
        )
        for place, (each, at) in enumerate(zip(alike, moments, strict=True))
    ]


class KnownForecast(NamedTuple):
    """The forecast of an SLO as it was and was adjusted, and the slot after which it was made."""

    slo: Slo
    at_s: float
    forecasted: Forecasted
    overlay: object


class Forecasting:
    """The newest forecast of each member, made again in turns; none is stored, as the same counts give the same."""

    def __init__(self, interval: timedelta, instruments: EvaluationInstruments) -> None:
        self._interval = interval
        self._instruments = instruments
        self.known: dict[SloId, KnownForecast] = {}
        self._slot: datetime | None = None
        self._due: list[int] = []

    def of(self, member: SloId) -> Forecasted:
        """The newest forecast of a member."""
        known = self.known.get(member)
        return NoForecast.PENDING if known is None else known.forecasted

    def continue_from(self, other: "Forecasting", members: Sequence[Member]) -> None:
        """Go on with the forecasts that another one has of members whose SLO has not changed."""
        there = {member.id: member.slo for member in members}
        self.known = {member: known for member, known in other.known.items() if there.get(member) == known.slo}

    async def step(
        self,
        members: Sequence[Member],
        past_of: Callable[[int], Past],
        *,
        at: datetime,
        burning: Collection[SloId],
        overlays: Mapping[int, object] = MappingProxyType({}),
    ) -> bool:
        """Forecast a few of those that are due after the slot *at*; False if no more are due in this slot.

        *past_of* copies what was counted of the member at a position, *burning* are those of which an alert fires;
        *overlays* are the adjustments of members by position, another object after each change.
        """
        if at != self._slot:
            self._begin_slot(members, at, burning, overlays)
        some, self._due = self._due[:_AT_ONCE], self._due[_AT_ONCE:]
        some = [place for place in some if place < len(members)]
        if not some:
            return False
        due, pasts = [members[place] for place in some], [past_of(place) for place in some]
        found = await asyncio.to_thread(self._isolated, due, pasts, at)
        for place, member, forecasted in zip(some, due, found, strict=True):
            self.known[member.id] = KnownForecast(member.slo, at.timestamp(), forecasted, overlays.get(place))
        return True

    def _begin_slot(
        self, members: Sequence[Member], at: datetime, burning: Collection[SloId], overlays: Mapping[int, object]
    ) -> None:
        """Choose whose forecasts are too old: those that burn or were adjusted first, then the oldest.

        In no slot more than all of them need to have their turn in time, at a start neither.
        """
        late: list[tuple[bool, float, int]] = []
        interval_s, at_s = self._interval.total_seconds(), at.timestamp()
        for place, member in enumerate(members):
            known, burns = self.known.get(member.id), member.id in burning
            made_s = -math.inf if known is None else known.at_s
            is_first = burns or (known is not None and known.overlay is not overlays.get(place))
            awaited = known is not None and isinstance(known.forecasted, NoForecast) and known.forecasted in _AWAITED
            if at_s - made_s >= (_RENEWED_BURNING_S if is_first or awaited else _RENEWED_S) - interval_s / 2:
                late.append((not is_first, made_s, place))
        most = max(_AT_ONCE, math.ceil(len(members) * interval_s / _RENEWED_S))
        self._slot, self._due = at, [place for _, _, place in sorted(late)[:most]]
        if len(self.known) > len(members):
            there = {member.id for member in members}
            self.known = {member: known for member, known in self.known.items() if member in there}

    def _isolated(self, members: Sequence[Member], pasts: Sequence[Past], at: datetime) -> list[Forecasted]:
        """The forecasts; where one cannot be made, the others are all the same."""
        at_s, interval_s = at.timestamp(), self._interval.total_seconds()

        def make(some: Sequence[Past]) -> list[Forecasted]:
            return outlooks(some, fresh=lambda row: not is_stale(row.watermark_s, at_s=at_s, interval_s=interval_s))

        found = attempt(partial(make, pasts))
        if not isinstance(found, Exception):
            return found
        each: list[Forecasted] = []
        for member, past in zip(members, pasts, strict=True):
            alone = attempt(partial(make, [past]))
            if isinstance(alone, Exception):
                self._instruments.evaluation_failed("internal")
                _log.error("an SLO cannot be forecast", slo=member.id, exc_info=alone)
                each.append(NoForecast.FAILED)
            else:
                each += alone
        return each
