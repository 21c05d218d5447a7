"""Days and incidents of reports without what was adjusted: by the ledger's cells, and by what is kept of those."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import structlog
from typing_extensions import override

from app.adjustments import AdjustedMember, AdjustedMembers, Adjustment, CurrentAdjustments, overlays_of
from app.ledger import AdjustedTime, RowPast
from app.reports import Adjust, DaySums, IncidentFacts, Segment, SloDefinition
from app.service.engine import Engine
from app.slo import Slo, group_id
from app.store import Database, StoreError
from app.store.adjusted_shares import AdjustedShare, load_adjusted_shares, save_adjusted_shares
from app.store.daily_totals import load_daily_totals
from app.store.ledger import find_row_id

_log = structlog.get_logger(__name__)
# Sums of days and of cells differ in the last digits: so few events would be an objective that is missed.
_ROUNDING_EVENTS = 1e-6


class AdjustedDays(Adjust):
    """Takes adjusted time from sums of days and from incidents; nothing is read for an SLO without adjustments."""

    def __init__(
        self,
        engine: Engine,
        database: Database,
        current: CurrentAdjustments,
        *,
        slos: Callable[[], Sequence[Slo]] = tuple,
    ) -> None:
        self._engine = engine
        self._database = database
        self._current = current
        self._slos = slos
        self._members: tuple[Sequence[Slo], AdjustedMembers] = (), AdjustedMembers(())

    @override
    def days(self, segment: Segment, sums: Sequence[DaySums]) -> Sequence[DaySums]:
        adjustments, definition = self._current.all, segment.definition
        if not adjustments or not sums:
            return sums
        since, until = (datetime.fromtimestamp(at, UTC) for at in (segment.days.start_s, segment.days.end_s))
        members = [self._member(definition, one) for one in sums]
        overlays = overlays_of(adjustments, members, since=since, until=until)
        return [
            one if overlay is None else self._adjusted(segment, member, one, overlay.budgets)
            for member, one, overlay in zip(members, sums, overlays, strict=True)
        ]

    @override
    def incidents(
        self, definition: SloDefinition, sums: Sequence[DaySums], incidents: Sequence[IncidentFacts]
    ) -> Sequence[IncidentFacts]:
        adjustments = self._current.all
        if not adjustments:
            return incidents
        members = {member.id: member for member in (self._member(definition, one) for one in sums)}
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
        span = _Span(
            member, definition.sli, round(first.timestamp()), round(last.timestamp()), 0.0, incident.bad_events
        )
        # One that goes on has another span with each of its errors: nothing of it is kept.
        left = 1.0 - self._taken([span], overlay.budgets, keep=incident.ended_at is not None)[0][1]
        spent = None if incident.spent is None else incident.spent * left
        return replace(incident, bad_events=_rest(incident.bad_events * left), spent=spent)

    def _adjusted(self, segment: Segment, member: AdjustedMember, sums: DaySums, time: AdjustedTime) -> DaySums:
        with self._database.read() as transaction:
            days = load_daily_totals(
                transaction, segment.definition.sli, sums.group, start_s=segment.days.start_s, end_s=sums.end_s
            )
        wanted = dict(segment.days.days)
        spans = [
            _Span(member, segment.definition.sli, day.start_s, day.end_s, day.total, day.bad)
            for day in days
            # Zones that share the start of a day may have another length of it.
            if wanted.get(day.start_s) == day.length_s
        ]
        taken = self._taken(spans, time)
        total = sum(span.total * share for span, (share, _) in zip(spans, taken, strict=True))
        bad = sum(span.bad * share for span, (_, share) in zip(spans, taken, strict=True))
        return sums._replace(total=_rest(sums.total - total), bad=_rest(sums.bad - bad))

    def _taken(self, spans: Sequence["_Span"], time: AdjustedTime, *, keep: bool = True) -> list[tuple[float, float]]:
        """The shares of all and of bad events that are adjusted in spans of one member, as they were first computed.

        The ledger forgets its slots, then its cells, so that what is computed later differs a little: a report of a
        closed period must not (ADR-0088). A day that has been counted again since is computed again.
        """
        parts = [time.within(span.start_s, span.end_s) for span in spans]
        # Of what is not adjusted in part every resolution says the same.
        partly = [place for place, part in enumerate(parts) if part and not _is_even(part, spans[place])]
        found = [_by_time(part, span) for part, span in zip(parts, spans, strict=True)]
        if not partly:
            return found
        with self._database.read() as transaction:
            row_id = find_row_id(transaction, spans[0].sli, spans[0].member.group)
            start_s, end_s = spans[partly[0]].start_s, spans[partly[-1]].start_s + 1
            kept = {} if row_id is None else load_adjusted_shares(transaction, row_id, start_s=start_s, end_s=end_s)
        keys = {place: (spans[place].start_s, spans[place].end_s, parts[place].fingerprint) for place in partly}
        known = {place: kept[key] for place, key in keys.items() if key in kept}
        for place, share in known.items():
            found[place] = (share.total_share, share.bad_share)
        outdated = [place for place in partly if place not in known or not _is_of(known[place], spans[place])]
        # A copy of the cells is made in the loop of the evaluations: not where everything is kept.
        row = self._ledger_row(spans[0]) if outdated else None
        new: list[AdjustedShare] = []
        for place in outdated:
            span, part = spans[place], parts[place]
            computed = _by_cells(row, part, span)
            if computed is not None:
                found[place] = computed
                if row_id is not None:
                    new.append(
                        AdjustedShare(
                            row_id, span.start_s, span.end_s, part.fingerprint, span.total, span.bad, *computed
                        )
                    )
            elif place not in known:
                found[place] = self._by_older_days(row, part, span) or found[place]
        if new and keep:
            self._keep(new)
        return found

    def _member(self, definition: SloDefinition, sums: DaySums) -> AdjustedMember:
        slos = self._slos()
        # By identity: a reload brings others.
        if slos is not self._members[0]:
            self._members = slos, AdjustedMembers(slos)
        id_, parts = group_id(definition.slo, sums.group), self._members[1].parts_of(definition.slo)
        return AdjustedMember(id_, definition.service, definition.labels, sums.group, parts)

    def _keep(self, shares: Sequence[AdjustedShare]) -> None:
        try:
            with self._database.begin() as transaction:
                save_adjusted_shares(transaction, shares)
        except StoreError as error:
            # The report is right without: the next one keeps them.
            _log.warning("what adjustments take from days could not be kept", error=str(error))

    def _ledger_row(self, span: "_Span") -> RowPast | None:
        """What the ledger has of a member; None where its SLI is no longer counted."""
        past = self._engine.past(span.member.id)
        return past.row if past is not None and past.slo.sli.key == span.sli else None

    def _by_older_days(self, row: RowPast | None, time: AdjustedTime, span: "_Span") -> tuple[float, float] | None:
        """The shares in a day of which the ledger has the end only: of what it has forgotten by the share of time."""
        if row is None or row.edges_s[0] >= span.end_s or not span.total:
            return None
        bounds_s = np.array([row.edges_s[0], span.end_s], dtype=np.float64)
        cut = np.array([span.start_s, row.edges_s[0]], dtype=np.float64)
        shares = []
        for place, whole, early in zip((0, 1), (span.total, span.bad), time.shares(cut), strict=True):
            counted, left = (
                float(np.diff(one.counted_before(bounds_s)[place])[0]) for one in (row, row.adjusted(time))
            )
            older = max(whole - counted, 0.0)
            shares.append(_share(counted - left + older * float(early[0]), whole))
        return shares[0], shares[1]


class _Span(NamedTuple):
    """Time of one member (unix seconds) with the events that were counted in it."""

    member: AdjustedMember
    sli: str
    start_s: int
    end_s: int
    total: float
    bad: float


def _is_of(share: AdjustedShare, span: _Span) -> bool:
    """Whether the shares were computed of the events that the span has now: it has not been counted again since."""
    return (share.total, share.bad) == (span.total, span.bad)


def _is_even(time: AdjustedTime, span: _Span) -> bool:
    """Whether all of a span is adjusted alike."""
    return len(time.since_s) == 1 and float(time.until_s[0] - time.since_s[0]) >= span.end_s - span.start_s


def _by_time(time: AdjustedTime, span: _Span) -> tuple[float, float]:
    """The shares by time alone, as if the events of a span were spread evenly."""
    if not time or span.end_s <= span.start_s:
        return 0.0, 0.0
    total, bad = time.shares(np.array([span.start_s, span.end_s], dtype=np.float64))
    return float(total[0]), float(bad[0])


def _by_cells(row: RowPast | None, time: AdjustedTime, span: _Span) -> tuple[float, float] | None:
    """The shares by the cells of the ledger; None where it does not have all of the span."""
    if row is None or row.edges_s[0] > span.start_s or row.edges_s[-1] < span.end_s:
        return None
    bounds_s = np.array([span.start_s, span.end_s], dtype=np.float64)
    counted, left = row.counted_before(bounds_s), row.adjusted(time).counted_before(bounds_s)
    total, bad = (
        _share(float(np.diff(before)[0] - np.diff(after)[0]), float(np.diff(before)[0]))
        for before, after in zip(counted[:2], left[:2], strict=True)
    )
    return total, bad


def _share(part: float, whole: float) -> float:
    return min(max(part / whole, 0.0), 1.0) if whole > 0 else 0.0


def _rest(events: float) -> float:
    return 0.0 if events < _ROUNDING_EVENTS else events
