"""Adapters of the ports of charts to the engine and the database."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from typing_extensions import override

from app.adjustments import AdjustedMember, AdjustedMembers, adjustment_title, occurrences
from app.alerting import Transition
from app.api.admission import leave_place
from app.budget.forecast import NoForecast, Outlook
from app.changes import Change, ChangeKind, change_title, concerns
from app.clock import Clock
from app.evaluation import (
    Past,
    RangeQuestion,
    cost,
    days,
    outlooks,
    range_series,
    sum_of_members,
    with_older_days,
)
from app.service.adapters.engine_reads import past_of, recorded_of
from app.service.adapters.impatient_reads import ImpatientReads
from app.service.engine import Engine
from app.service.source_clients import graphs_of_sources
from app.settings import Settings
from app.slo import Labels, SloId, group_in_id, ungrouped_id
from app.status import (
    Board,
    BoardContent,
    BudgetCost,
    Contributors,
    ContributorsInRange,
    ContributorsState,
    DaySummary,
    IncidentMemory,
    Pasts,
    RangeMark,
    RangeMarkKind,
    RangeSeries,
)
from app.store import StoreUnavailableError, Transaction
from app.store.alerts import TransitionFilter, list_transitions
from app.store.changes import ChangeFilter, list_changes
from app.store.daily_totals import load_daily_totals
from app.store.incidents import Incident, IncidentFilter, list_incidents
from app.ui import Surroundings
from app.wording.links import change_page, incident_page
from app.wording.sentences import incident_title
from app.wording.timeline import transition_words

# Queries of evaluations always find connections free, and each of these reads its whole range.
_ASKED_AT_ONCE = 1
_MOST_WAITING = 8
# An incident's contributors change by minutes; what is over does not change any more.
_FRESH_S = 60.0
_ANSWERS_KEPT = 256
# More lines hide the chart.
_MOST_MARKS = 100
# SQLite takes so many parameters in one statement, and more.
_SLOS_AT_ONCE = 500
# The longest SLO window, which reaches so far back from the start of a range: days are a few bytes each.
_BEFORE_S = 367 * 86_400.0


def surroundings_of(engine: Engine, settings: Settings, alertmanager_url: Callable[[], str | None]) -> Surroundings:
    """Where people go from the page of an SLO: to Prometheus, to Alertmanager, and to the document."""

    def place_of(slo_id: SloId) -> str | None:
        place = engine.documents.places.get(slo_id)
        return None if place is None else f"{place.file}:{place.line}"

    return Surroundings(
        # A reload may bring other sources.
        graphs=lambda: graphs_of_sources(settings, engine.delivery),
        alertmanager_url=alertmanager_url,
        place_of=place_of,
    )


class EnginePasts(Pasts):
    """The past, as ledger and store have it: copied in the engine's loop, computed in this thread."""

    def __init__(self, engine: Engine, reads: ImpatientReads, board: Board, memory: IncidentMemory) -> None:
        self._engine = engine
        self._reads = reads
        self._board = board
        self._memory = memory
        self._forecasts: tuple[BoardContent | None, dict[SloId, Outlook | NoForecast]] = (None, {})

    @override
    def series(
        self,
        slo_id: SloId,
        members: Sequence[SloId],
        start: datetime,
        end: datetime,
        step: timedelta,
        *,
        adjusted: bool = True,
    ) -> RangeSeries:
        past = sum_of_members(self._pasts(members, start, adjusted=adjusted))
        if past is None:
            return RangeSeries(id=slo_id, since=None)
        # What was shown was shown of each member.
        recorded = recorded_of(self._reads, members[0], start=start, end=end) if len(members) == 1 else ()
        return range_series(slo_id, past, start=start, end=end, step=step, recorded=recorded)

    @override
    def days(
        self, members: Sequence[SloId], start: datetime, end: datetime, *, adjusted: bool = True
    ) -> Sequence[DaySummary]:
        past = sum_of_members(self._pasts(members, start, adjusted=adjusted))
        return () if past is None else days(past, start=start, end=end)

    @override
    def cost(self, members: Sequence[SloId], start: datetime, end: datetime) -> BudgetCost | None:
        past = sum_of_members(self._pasts(members, start))
        return None if past is None else cost(past, start=start, end=end)

    @override
    def forecast(self, slo_id: SloId) -> Outlook | NoForecast:
        # A page and its chart ask after each evaluation, and so does each reader: it is computed for the first of them.
        content, known = self._board.current, self._forecasts
        if known[0] is not content:
            known = self._forecasts = (content, {})
        if slo_id not in known[1]:
            known[1][slo_id] = self._forecast(slo_id)
        return known[1][slo_id]

    def _forecast(self, slo_id: SloId) -> Outlook | NoForecast:
        past = past_of(self._engine, self._reads, slo_id)
        if past is None:
            return NoForecast.NO_DATA
        (found,) = outlooks([past.adjusted], with_steps=True)
        return found

    @override
    def marks(self, slos: Sequence[SloId], start: datetime, end: datetime) -> Sequence[RangeMark]:
        members = self._members(slos)
        try:
            found, transitions, changes = self._reads.read(
                partial(self._happened, slos=slos, members=members, start=start, end=end)
            )
        except StoreUnavailableError:
            known, some = self._memory.known, frozenset(slos)
            found = known.listed(IncidentFilter(slos=some, since=start, until=end), limit=_MOST_MARKS)
            of_alerts = TransitionFilter(slos=some, since=start, until=end)
            transitions = [one for _, one in known.transitions(of_alerts, limit=_MOST_MARKS)]
            changes = ()
        # The marks of incidents have these already.
        bounds = {(one.id, at) for one in found for at in (one.started_at, one.ended_at)}
        single = [_transition_mark(one) for one in transitions if (one.incident, one.at) not in bounds]
        marks = [*map(_mark, found), *map(_change_mark, changes), *self._adjusted(members, start, end)]
        return _by_time([*_by_time(marks)[-_MOST_MARKS:], *_by_time(single)[-_MOST_MARKS:]])

    def _happened(
        self,
        transaction: Transaction,
        *,
        slos: Sequence[SloId],
        members: Sequence[AdjustedMember],
        start: datetime,
        end: datetime,
    ) -> tuple[Sequence[Incident], Sequence[Transition], Sequence[Change]]:
        """The newest incidents, transitions and changes of SLOs in a range."""
        found: list[Incident] = []
        transitions: list[Transition] = []
        for first in range(0, len(slos), _SLOS_AT_ONCE):
            some = frozenset(slos[first : first + _SLOS_AT_ONCE])
            wanted = IncidentFilter(slos=some, since=start, until=end)
            found += list_incidents(transaction, wanted, limit=_MOST_MARKS)
            of_alerts = TransitionFilter(slos=some, since=start, until=end)
            transitions += [one for _, one in list_transitions(transaction, of_alerts, limit=_MOST_MARKS)]
        return found, transitions, self._changes(transaction, members, start, end)

    def _adjusted(self, members: Sequence[AdjustedMember], start: datetime, end: datetime) -> Iterator[RangeMark]:
        """The newest occurrences of adjustments in a range that mean any of the SLOs or members."""
        for adjustment in self._engine.adjustments.all:
            if any(adjustment.means(member) for member in members):
                for one in occurrences(adjustment, start, end)[-_MOST_MARKS:]:
                    yield RangeMark(
                        at=one.start,
                        until=one.end,
                        kind=RangeMarkKind.ADJUSTMENT,
                        title=adjustment_title(adjustment),
                        path="/adjustments",
                    )

    def _members(self, slos: Sequence[SloId]) -> list[AdjustedMember]:
        """The SLOs and members that documents have, with their labels."""
        documented = self._engine.documents.slos
        known, members = {slo.id: slo for slo in documented}, AdjustedMembers(documented)
        pairs = [(id_, known[ungrouped_id(id_)]) for id_ in slos if ungrouped_id(id_) in known]
        return [members.member(id_, slo, group_in_id(id_, slo.sli.by) or ()) for id_, slo in pairs]

    def _changes(
        self, transaction: Transaction, members: Sequence[AdjustedMember], start: datetime, end: datetime
    ) -> Sequence[Change]:
        """The newest changes in a range that concern any of the SLOs."""
        services = frozenset(member.service for member in members)
        if not services:
            return ()
        wanted = ChangeFilter(services=services, since=start, until=end)
        found = list_changes(transaction, wanted, limit=_MOST_MARKS)
        return [
            each for each in found if any(concerns(each, one.service, (*one.labels, *one.group)) for one in members)
        ]

    def _pasts(self, members: Sequence[SloId], start: datetime, *, adjusted: bool = True) -> Iterator[Past]:
        """The past of each member, for a range from *start* on, with the days that the ledger has forgotten."""
        since_s = start.timestamp() - _BEFORE_S
        for slo_id in members:
            # One by one: the engine's loop is busy with each for a moment only.
            past = past_of(self._engine, self._reads, slo_id)
            if past is None or past.row is None:
                continue
            oldest_s = float(past.row.edges_s[0])
            if since_s < oldest_s:
                # While the database is away, what is in memory is better than nothing.
                with suppress(StoreUnavailableError):
                    stored = self._reads.read(
                        partial(
                            load_daily_totals,
                            sli=past.slo.sli.key,
                            group=past.group,
                            start_s=since_s,
                            end_s=oldest_s,
                        )
                    )
                    past = with_older_days(past, stored)
            yield past.adjusted if adjusted else past


def _mark(incident: Incident) -> RangeMark:
    return RangeMark(
        at=incident.started_at,
        until=incident.ended_at,
        kind=RangeMarkKind(incident.severity.value),
        title=incident_title(incident.notification),
        path=incident_page("", incident.id),
    )


def _change_mark(change: Change) -> RangeMark:
    is_deploy = change.kind in (ChangeKind.DEPLOY, ChangeKind.ROLLBACK)
    return RangeMark(
        at=change.started_at,
        until=change.finished_at,
        kind=RangeMarkKind.DEPLOY if is_deploy else RangeMarkKind.CHANGE,
        title=change_title(change),
        path=change_page("", change.id),
    )


def _transition_mark(transition: Transition) -> RangeMark:
    path = None if transition.incident is None else incident_page("", transition.incident)
    title = transition_words(transition)
    return RangeMark(at=transition.at, until=transition.at, kind=RangeMarkKind.TRANSITION, title=title, path=path)


def _by_time(marks: Sequence[RangeMark]) -> list[RangeMark]:
    return sorted(marks, key=lambda mark: mark.at)


class EngineContributors(Contributors):
    """Contributors, asked in the engine's loop: one range at a time, and not again for a minute."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._turn = asyncio.Semaphore(_ASKED_AT_ONCE)
        self._waiting = 0
        self._known: OrderedDict[tuple[SloId, RangeQuestion], tuple[float, ContributorsInRange]] = OrderedDict()

    @override
    async def contributors(
        self, slo_id: SloId, start: datetime, end: datetime, *, by: Sequence[str], within: Labels
    ) -> ContributorsInRange | None:
        question = RangeQuestion(start=start, end=end, by=tuple(by), within=within).rounded
        found = await self._answer(slo_id, question)
        return None if found is None else replace(found, start=start, end=end)

    async def _answer(self, slo_id: SloId, question: RangeQuestion) -> ContributorsInRange | None:
        known = self._answer_of(slo_id, question)
        if known is not None:
            return known
        if self._waiting >= _MOST_WAITING:
            return ContributorsInRange(
                state=ContributorsState.BUSY, start=question.start, end=question.end, by=question.by
            )
        self._waiting += 1
        # Prometheus computes it: nothing that is answered at once waits for it.
        leave_place()
        try:
            async with self._turn:
                # It may have been answered while this one waited.
                known = self._answer_of(slo_id, question)
                return known or await self._ask(slo_id, question)
        finally:
            self._waiting -= 1

    def _answer_of(self, slo_id: SloId, question: RangeQuestion) -> ContributorsInRange | None:
        asked_s, known = self._known.get((slo_id, question), (0.0, None))
        return known if known is not None and self._clock.monotonic() - asked_s < _FRESH_S else None

    async def _ask(self, slo_id: SloId, question: RangeQuestion) -> ContributorsInRange | None:
        work = self._engine.submit(self._contributors(slo_id, question))
        found = await asyncio.wrap_future(work)
        # What failed may be asked again at once.
        if found is not None and found.problem is None:
            self._known[slo_id, question] = self._clock.monotonic(), found
            while len(self._known) > _ANSWERS_KEPT:
                self._known.popitem(last=False)
        return found

    async def _contributors(self, slo_id: SloId, question: RangeQuestion) -> ContributorsInRange | None:
        return await self._engine.contributors(slo_id, question)
