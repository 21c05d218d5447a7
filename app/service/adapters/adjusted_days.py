"""Days and incidents of reports without what was adjusted: by the ledger's cells, else by totals of days."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from typing_extensions import override

from app.adjustments import AdjustedMember, Adjustment, CurrentAdjustments, overlays_of
from app.evaluation import with_older_days
from app.ledger import AdjustedTime, RowPast
from app.reports import Adjust, DaySums, IncidentFacts, Segment, SloDefinition
from app.service.engine import Engine
from app.slo import SloId, group_id
from app.store import Database
from app.store.daily_totals import load_daily_totals

# Sums of days and of cells differ in the last digits: so few events would be an objective that is missed.
_ROUNDING_EVENTS = 1e-6


class AdjustedDays(Adjust):
    """Takes adjusted time from sums of days and from incidents; nothing is read for an SLO without adjustments."""

    def __init__(self, engine: Engine, database: Database, current: CurrentAdjustments) -> None:
        self._engine = engine
        self._database = database
        self._current = current

    @override
    def days(self, segment: Segment, sums: Sequence[DaySums]) -> Sequence[DaySums]:
        adjustments, definition = self._current.all, segment.definition
        if not adjustments or not sums:
            return sums
        since, until = (datetime.fromtimestamp(at, UTC) for at in (segment.days.start_s, segment.days.end_s))
        members = [_member(definition, one) for one in sums]
        overlays = overlays_of(adjustments, members, since=since, until=until)
        return [
            one if overlay is None else self._adjusted(segment, member.id, one, overlay.budgets)
            for member, one, overlay in zip(members, sums, overlays, strict=True)
        ]

    @override
    def incidents(
        self, definition: SloDefinition, sums: Sequence[DaySums], incidents: Sequence[IncidentFacts]
    ) -> Sequence[IncidentFacts]:
        adjustments = self._current.all
        if not adjustments:
            return incidents
        members = {member.id: member for member in (_member(definition, one) for one in sums)}
        return [self._without_adjusted(one, members.get(one.slo), definition, adjustments) for one in incidents]

    def _without_adjusted(
        self,
        incident: IncidentFacts,
        member: AdjustedMember | None,
        definition: SloDefinition,
        adjustments: Sequence[Adjustment],
    ) -> IncidentFacts:
        first, last = incident.first_bad_at, incident.last_bad_at
        if member is None or first is None or last is None or not incident.bad_events:
            return incident
        (overlay,) = overlays_of(adjustments, [member], since=first, until=last)
        if overlay is None:
            return incident
        left = self._share_left(member.id, definition, overlay.budgets, (first.timestamp(), last.timestamp()))
        spent = None if incident.spent is None else incident.spent * left
        return replace(incident, bad_events=_rest(incident.bad_events * left), spent=spent)

    def _share_left(
        self, member: SloId, definition: SloDefinition, time: AdjustedTime, bounds: tuple[float, float]
    ) -> float:
        """The share of the bad events between two times that is not adjusted."""
        bounds_s = np.array(bounds)
        past = self._engine.past(member)
        row = past.row if past is not None and past.slo.sli.key == definition.sli else None
        if row is not None and row.edges_s[0] <= bounds_s[0]:
            counted, adjusted = row.counted_before(bounds_s)[1], row.adjusted(time).counted_before(bounds_s)[1]
            bad = float(counted[1] - counted[0])
            if bad > 0:
                return min(1.0, max(0.0, float(adjusted[1] - adjusted[0]) / bad))
        # What the ledger has forgotten is taken to have failed evenly for as long as it failed.
        return 1.0 - float(time.shares(bounds_s)[1][0])

    def _adjusted(self, segment: Segment, member: SloId, sums: DaySums, time: AdjustedTime) -> DaySums:
        row = self._row(segment, member, sums)
        bounds_s = np.array([segment.days.start_s, min(segment.days.end_s, sums.end_s)], dtype=np.float64)
        counted, adjusted = row.counted_before(bounds_s), row.adjusted(time).counted_before(bounds_s)
        total, bad = (
            float((before - after)[1] - (before - after)[0])
            for before, after in zip(counted[:2], adjusted[:2], strict=True)
        )
        return sums._replace(total=_rest(sums.total - total), bad=_rest(sums.bad - bad))

    def _row(self, segment: Segment, member: SloId, sums: DaySums) -> RowPast:
        """What was counted of a member in the days; of an SLI that is no longer counted only the days are known."""
        past, sli = self._engine.past(member), segment.definition.sli
        row = past.row if past is not None and past.slo.sli.key == sli else None
        until_s = np.inf if row is None else float(row.edges_s[0])
        with self._database.read() as transaction:
            days = load_daily_totals(
                transaction,
                sli,
                sums.group,
                start_s=segment.days.start_s,
                end_s=min(until_s, segment.days.end_s),
            )
        if past is not None and row is not None:
            return with_older_days(past, days).row or row
        edges_s = np.array([*(day.start_s for day in days), days[-1].end_s if days else 0.0], dtype=np.float64)
        total, bad, measured_s = (
            np.array([getattr(day, name) for day in days], dtype=np.float64) for name in ("total", "bad", "measured_s")
        )
        return RowPast(
            edges_s=edges_s,
            total=total,
            bad=bad,
            measured_s=measured_s,
            first_sample_s=float(edges_s[0]),
            complete_from_s=float(edges_s[0]),
            watermark_s=float(edges_s[-1]),
        )


def _member(definition: SloDefinition, sums: DaySums) -> AdjustedMember:
    return AdjustedMember(group_id(definition.slo, sums.group), definition.service, definition.labels, sums.group)


def _rest(events: float) -> float:
    return 0.0 if events < _ROUNDING_EVENTS else events
