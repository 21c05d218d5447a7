"""The evaluator: one evaluation after another, and between them a piece of history.

An evaluation asks Prometheus, counts, computes, steps the alerts and commits, in this order; what fails is logged, and
made up for by a later evaluation. Evaluations and backfill take turns at the ledger, never at Prometheus.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
import structlog

from app.adjustments import CurrentAdjustments
from app.alerting import Notification, Routing, Transition, shortest_windows_s
from app.evaluation.contributors_in_range import (
    ANSWERED_WITHIN_S,
    RangeQuestion,
    contributing_components,
    contributors_in_range,
    of_one_source,
)
from app.evaluation.figures.adjusted import AdjustedFigures, MemberOverlays, compute_adjusted
from app.evaluation.figures.figures import Figures
from app.evaluation.figures.members import Member, members_of
from app.evaluation.figures.never_matched_log import NeverMatchedLog
from app.evaluation.figures.snapshots import snapshots, with_counted
from app.evaluation.forecasting import Forecasting
from app.evaluation.history import Past
from app.evaluation.judging.fault_isolation import FaultIsolation
from app.evaluation.judging.judge import (
    AlertsBySlo,
    Judgement,
    NotificationsByKey,
    alerts_for,
    burning_members,
    judge_all,
)
from app.evaluation.judging.normal_rates import NormalRates
from app.evaluation.judging.since_resolved import since_resolved
from app.evaluation.past_figures import ExposedPast, MemberHistory
from app.evaluation.saving.counted_before import counted_for_slices
from app.evaluation.saving.ledger_store import LedgerStore
from app.evaluation.saving.shown_record import ShownRecord
from app.evaluation.saving.writer import Writer
from app.evaluation.top_contributors import FOUND_WITHIN_S, ContributorQueries, contributor_queries
from app.ingest.counting import composites
from app.ingest.counting.ledger_writer import LedgerWriter
from app.ingest.history.backfill import history_progress
from app.ingest.ports import EvaluationInstruments, NamedSource, Source
from app.ingest.queries.query_health import QueryHealth
from app.ingest.series.tracked_slis import PARTIAL_REMEDY, tracked_slis_of
from app.ingest.sources.ingests import WAITED_FOR_S, Ingests, OwnPace, SourceHistory, sources_of
from app.ingest.sources.source_ingest import AskedSlot, SlotTiming, SourceIngest
from app.prometheus import MetricSource
from app.replicas import Share
from app.slo import Cause, GroupKey, Sli, Slo, SloId
from app.status import Board, ContributorsInRange, RecentChanges, SourceStatus
from app.store import Database
from app.store.alerts import load_alerts
from app.store.ledger import load_stepped
from app.store.shards import HeldShards, load_stepped_of
from app.tracing import trace_span

_log = structlog.get_logger(__name__)
# After so long an Alertmanager has forgotten what fired, and what we knew may be over.
_STALE_AFTER = timedelta(minutes=5)
# With slots of more than a minute, five minutes are a few slots: as many may be missed before alerts are doubted.
_STALE_AFTER_SLOTS = 4
# Each time costs as much as the figures of a whole evaluation.
_SHOWN_EVERY = timedelta(seconds=5)
# For each member: to show what history has added takes as much longer.
_SHOWN_LESS_OFTEN_BY = timedelta(milliseconds=2)
# Saving the ledger takes longer the more SLIs there are, and a piece of history is of a hundred at most. What a crash
# loses of it is read again.
_SLIS_SAVED_AT_ONCE = 500

_LATE = f"it has not answered within {WAITED_FOR_S:g} s; what it answers later is counted then"
# How long after an alert began to fire its top contributors are asked for again, where there was no answer.
_EXPLAINED_WITHIN = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationTiming:
    """When and how long is asked: slots of *interval*, final after *settle*; *routing* says who is notified.

    Of a new SLI at most *history* is read, all that its windows need if that is None; *older* is how much is kept
    beyond that, so that the budgets of the past are known too.
    """

    interval: timedelta
    settle: timedelta
    timeout: timedelta
    history: timedelta | None = None
    older: timedelta = timedelta(0)
    routing: Routing = field(default_factory=Routing)


class Evaluator:
    """Evaluates one set of SLOs; a new set gets a new evaluator on the same database.

    SLOs that name no source are counted from *source*, as `NamedSource` says; *sources* are the others, by name.
    With *held*, only what is in these shards of a replica is evaluated; *shows_others* says whether there are other
    replicas, which are shown its figures.
    """

    def __init__(
        self,
        slos: Sequence[Slo],
        *,
        source: Source,
        background: Source | None = None,
        database: Database,
        board: Board,
        instruments: EvaluationInstruments,
        timing: EvaluationTiming,
        metrics: MetricSource | None = None,
        sources: Sequence[NamedSource] = (),
        recent_changes: RecentChanges | None = None,
        adjustments: CurrentAdjustments | None = None,
        held: HeldShards | None = None,
        shows_others: Callable[[], bool] = lambda: False,
    ) -> None:
        share = Share.whole(slos) if held is None else Share.of(slos, held.epochs)
        self._slos = share.slos
        self.held = held
        self._board = board
        self._instruments = instruments
        self._timing = timing
        self._recent_changes = recent_changes or RecentChanges()
        self._overlays = MemberOverlays(adjustments or CurrentAdjustments(), self._slos)
        self._ledger_writer = LedgerWriter(
            tracked_slis_of(self._slos, older=timing.older),
            interval_s=round(timing.interval.total_seconds()),
            history=timing.history,
        )
        ledger_store = LedgerStore(self._ledger_writer)
        self._turn = asyncio.Lock()
        self._default = NamedSource(live=source, background=background or source, metrics=metrics)
        self._ingests = self._ingests_of(sources, instruments)
        self._inspected = OwnPace()
        self._query_health = QueryHealth(instruments)
        self._normal_rates = NormalRates(self._ledger_writer.ledger)
        self._fault_isolation = FaultIsolation(instruments)
        self.forecasting = Forecasting(timing.interval, instruments)
        self._never_matched = NeverMatchedLog()
        self._shown = None if held is None else ShownRecord(share, wanted=shows_others)
        self._writer = self._writer_to(database, ledger_store, share)
        self._contributor_queries = ContributorQueries(self._ingests.background_of)
        self._known_members: tuple[tuple[int, bytes], tuple[Member, ...]] | None = None
        self._members_by_id: dict[SloId, Member] = {}
        self._judged: tuple[datetime, Sequence[Member], Figures] | None = None
        self._retired = False
        self._evaluated_at: datetime | None = None
        self._pieces = 0
        self._shown_at = datetime.min.replace(tzinfo=UTC)
        self._shown_progress, self._shown_backfilling = 1.0, False
        self._load(database, ledger_store, share)
        self._note_backfill()

    def _writer_to(self, database: Database, ledger_store: LedgerStore, share: Share) -> Writer:
        return Writer(
            database,
            ledger_store,
            instruments=self._instruments,
            routing=self._timing.routing,
            held=self.held,
            shown=self._shown,
            owns=share.owns,
        )

    def _load(self, database: Database, ledger_store: LedgerStore, share: Share) -> None:
        """Take over what evaluations before have written."""
        with database.read() as transaction, database.unreadable_is_damaged():
            ledger_store.load(transaction)
            self._ledger_writer.forget_unfinished_history()
            counted = counted_for_slices(transaction, self._ledger_writer)
            for history in self._ingests.histories:
                history.backfill.know_counted(counted)
            stored = load_alerts(transaction)
            held = self.held
            self._stepped = load_stepped(transaction) if held is None else load_stepped_of(transaction, held.epochs)
        self._alerts: AlertsBySlo = {slo: alerts for slo, alerts in stored.alerts.items() if share.owns(slo)}
        self._notifications: NotificationsByKey = {
            key: one for key, one in stored.notifications.items() if share.owns(one.slo)
        }

    def _ingests_of(self, sources: Sequence[NamedSource], instruments: EvaluationInstruments) -> Ingests:
        return Ingests(
            sources_of(sources, self._default),
            self._ledger_writer,
            turn=self._turn,
            instruments=instruments,
            timing=SlotTiming(settle=self._timing.settle, timeout=self._timing.timeout),
        )

    async def evaluate(self, at: datetime, *, judged: Callable[[], None] = lambda: None) -> None:
        """Evaluate the slot that ends at *at*; slots must be strictly later from call to call.

        *judged* is called once all alerts have been stepped, before that is written: `find_top_contributors` has work
        from then on.
        """
        with trace_span("sloburn.evaluate", {"sloburn.slot": at.isoformat(), "sloburn.slos": len(self._slos)}):
            await self._evaluate(at, judged)

    async def _evaluate(self, at: datetime, judged: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        late = self._ingests.answered()
        if late:
            # Before it is asked for again: its next slot begins where this one ends.
            async with self._turn:
                self._enter(late)
        asked = await self._ingests.ask(at)
        async with self._turn:
            with trace_span("sloburn.count"):
                self._enter(asked)
                composites.count_slot(self._ledger_writer)
                self._ledger_writer.ledger.advance(at.timestamp())
                self._ledger_writer.series_index.renew_places()
                self._query_health.note_refused(self._ledger_writer.tracked_slis)
            with trace_span("sloburn.judge"):
                if self._stepped is not None and at <= self._stepped:
                    # A restart within a slot, or under a clock that was set back: to step alerts once more would move
                    # them early.
                    self._refresh(at)
                else:
                    self._judge(at)
                    judged()
                self._note_backfill()
            with trace_span("sloburn.write"):
                await self._writer.commit(at, stepped=self._stepped)
        for one in self._ingests.all:
            self._instruments.asked(
                one.name, answered_at=one.answered_at, at=at, seconds=one.seconds, failing=one.failing
            )
        self._instruments.asked_only(self._ingests.by_name)
        self._instruments.evaluated(loop.time() - began, at)

    def _enter(self, asked: Sequence[tuple[SourceIngest, AskedSlot]]) -> None:
        for ingest, answers in asked:
            ingest.enter(answers)

    async def backfill(self, now: datetime) -> bool:
        """Count one more piece of history; False if there is none to count now."""
        return await self._ingests.pace.step(
            {history.name: partial(self._backfill_one, history, now) for history in self._ingests.histories}
        )

    async def _backfill_one(self, history: SourceHistory, now: datetime) -> bool:
        with trace_span("sloburn.backfill", {"sloburn.source": history.name}):
            return await self._read_piece(history, now)

    async def _read_piece(self, history: SourceHistory, now: datetime) -> bool:
        if await self._count_copies_again(history, now):
            return True
        time_range, answers = await history.backfill.read(now)
        if time_range is None or answers is None:
            return await self._read_window_edges(history, now)
        for ingest in history.ingests:
            await ingest.start_times.look_up_past(answers.samples, time_range.since_s, time_range.until_s)
        async with self._turn:
            if self._retired:
                return False
            history.backfill.enter(time_range, answers, now)
            history.health.note_history(answers)
            self._pieces += 1
            if self._pieces > len(self._ledger_writer.tracked_slis) // _SLIS_SAVED_AT_ONCE:
                saved = await self._writer.save_history(now)
                self._pieces = 0 if saved else self._pieces
            self._show_backfill(now)
        self._instruments.backfill_progress(self._shown_progress)
        return True

    async def inspect(self, now: datetime) -> bool:
        """Look at the metrics of a few SLIs: what they are, which buckets they have; False if none is due."""
        inspections = {one.name: one.inspection for one in self._ingests.all if one.inspection is not None}
        if await self._inspected.step({name: partial(one.step, now) for name, one in inspections.items()}):
            return True
        if self._evaluated_at is not None:
            # Before that, the board shows what the evaluator of the documents before has left.
            self._never_matched.note(self._board.own, now)
        return False

    async def forecast(self) -> bool:
        """Forecast the budgets of a few SLOs by what has been evaluated; False if none is due now."""
        at = self._evaluated_at
        if at is None or self._retired:
            return False
        members = self._members()
        overlays = self._overlays.of(members, at)

        def past_of(place: int) -> Past:
            # By the overlays of evaluations: none is expanded again for a forecast.
            return replace(self._past_of(members[place]), overlay=lambda: overlays.get(place)).adjusted

        burning = {one.slo for one in self._notifications.values() if one.cause is Cause.BURN}
        return await self.forecasting.step(members, past_of, at=at, burning=burning, overlays=overlays)

    async def _count_copies_again(self, history: SourceHistory, now: datetime) -> bool:
        found = await history.copy_recounts.read(now)
        if found is None:
            return False
        async with self._turn:
            if self._retired:
                return False
            history.copy_recounts.enter(found)
            # That they are one is stored already: after a restart they are not found to have been two.
            await self._writer.save_history(now)
        return True

    async def _read_window_edges(self, history: SourceHistory, now: datetime) -> bool:
        found = await history.window_edges.read(now)
        if found is None:
            return False
        async with self._turn:
            if self._retired:
                return False
            history.window_edges.enter(*found, now)
            self._show_backfill(now)
        return True

    async def retire(self) -> None:
        """Let another evaluator take over: what is still under way here is not written any more."""
        async with self._turn:
            self._retired = True
            self.stop_asking()

    def stop_asking(self) -> None:
        """Give up what is asked beside evaluations, such as of a source that hangs."""
        self._ingests.stop()
        self._inspected.stop()

    def resume(self) -> None:
        """Go on after all, since the other evaluator could not begin."""
        self._retired = False

    def continue_from(self, other: "Evaluator") -> None:
        """Go on from what the other one has committed."""
        self._writer.last_commit = other.last_commit
        self.forecasting.continue_from(other.forecasting, self._members())

    @property
    def stepped(self) -> datetime | None:
        """The newest slot that alerts were stepped through, by this process or one before; None if there is none."""
        return self._stepped

    @property
    def evaluated(self) -> datetime | None:
        """The newest slot that this evaluator has evaluated; None before the first."""
        return self._evaluated_at

    @property
    def last_commit(self) -> datetime | None:
        """The newest slot that was written, None before the first."""
        return self._writer.last_commit

    @property
    def store_problem(self) -> str | None:
        """Why the database cannot be written, None if it can."""
        return self._writer.problem

    @property
    def fenced(self) -> bool:
        """Whether another replica has taken SLOs of this evaluator, which writes nothing any more."""
        return self._writer.fenced

    @property
    def store_gone(self) -> bool:
        """Whether the files of the database were deleted or replaced while in use."""
        return self._writer.gone

    @property
    def mostly_ended_series(self) -> bool:
        """Whether most of what is remembered of series is of series long gone; a new evaluator forgets them."""
        return self._ledger_writer.mostly_ended_series

    @property
    def backfill_progress(self) -> float:
        """Share of the wanted history that has been counted, 0 to 1."""
        return self._shown_progress

    @property
    def backfilling(self) -> bool:
        """Whether history is being read that Prometheus answers; what it refuses is not waited for."""
        return self._shown_backfilling

    def _note_backfill(self) -> None:
        """Keep how far history was read for other threads: what it is computed from changes while they would look."""
        self._shown_progress = history_progress(self._ledger_writer.tracked_slis)
        missing = any(
            not tracked.backfilled
            and tracked.problem is None
            and tracked.history_problem is None
            and tracked.partial_history is None
            and tracked.refusal is None
            for tracked in self._ledger_writer.tracked_slis
        )
        self._shown_backfilling = missing or any(one.window_edges.missing for one in self._ingests.histories)

    @property
    def unwritten(self) -> Sequence[Notification]:
        """Notifications that could not be put into the outbox so far, oldest first."""
        return self._writer.pending_writes.notified

    @property
    def unanswered(self) -> str | None:
        """Why no source answers, None if any does."""
        unanswered = self._ingests.unanswered
        return next(iter(unanswered.values()), None) if len(unanswered) == len(self._ingests.all) else None

    @property
    def unanswered_sources(self) -> Mapping[str, str]:
        """Why sources do not answer, by their names."""
        return self._ingests.unanswered

    @property
    def sources(self) -> Sequence[SourceStatus]:
        """The health of each source, for any thread."""
        late = self._ingests.late
        return [
            SourceStatus(
                name=one.name,
                answered_at=one.answered_at,
                seconds=one.seconds,
                slis=len(one.tracked_slis),
                failing=one.failing,
                answers=one.answered_at is not None and one.health.unanswered is None and one.name not in late,
                problem=one.health.unanswered or (_LATE if one.name in late else one.health.partial),
            )
            for one in self._ingests.all
        ]

    @property
    def partial(self) -> str | None:
        """What is missing from the answers of a source and what to do about it, None if all are whole."""
        partial = next(iter(self._ingests.partial.values()), None)
        return None if partial is None else f"{partial}; {PARTIAL_REMEDY}"

    def past(self, slo_id: SloId) -> Past | None:
        """A copy of what was counted of an SLO, to be read in any thread; None if the SLO is not known.

        Only for the event loop of the evaluations, but at any time: between two of its steps the ledger is whole, so
        that no reader waits for an evaluation and no evaluation for a reader.
        """
        member = self._member(slo_id)
        return None if member is None else self._past_of(member)

    def _past_of(self, member: Member) -> Past:
        row = None if member.row is None else self._ledger_writer.ledger.past(member.row)
        tracked = member.tracked
        known_from_s = tracked.wanted_from_s if tracked.backfilled else tracked.complete_from_s
        past = Past(slo=member.slo, group=member.group, row=row, known_from_s=known_from_s)
        return past if row is None else replace(past, overlay=self._overlays.of_past(member, float(row.edges_s[-1])))

    @property
    def member_ids(self) -> tuple[SloId, ...]:
        """The ids of all SLOs, and of all members of groups."""
        return tuple(member.id for member in self._members())

    def member_histories(self) -> Mapping[SloId, MemberHistory]:
        """What each SLO and group member is counted from, by id."""
        return {
            member.id: MemberHistory(member.tracked.key, member.tracked.history_recounts, member.tracked.backfilled)
            for member in self._members()
        }

    def exposed_past(self, slo_id: SloId) -> ExposedPast | None:
        """As `past`, with what of it is exposed."""
        member = self._member(slo_id)
        if member is None:
            return None
        ledger = self._ledger_writer.ledger
        ever = (0.0, 0.0) if member.row is None else np.concatenate(ledger.ever(np.array([member.row])))
        past = self._past_of(member)
        return ExposedPast(
            id=member.id,
            past=past.adjusted,
            counted=past.row,
            windows=member.shown,
            good_ever=float(ever[0]),
            bad_ever=float(ever[1]),
        )

    @property
    def _timeout_s(self) -> float:
        return self._timing.timeout.total_seconds()

    def _members(self) -> tuple[Member, ...]:
        shortest_s = shortest_windows_s(self._ledger_writer.ledger.scrape_s)
        state = self._ledger_writer.series_index.changes, shortest_s.tobytes()
        if self._known_members is None or self._known_members[0] != state:
            self._known_members = state, members_of(self._slos, self._ledger_writer.tracked_slis, shortest_s)
            self._members_by_id = {member.id: member for member in self._known_members[1]}
        return self._known_members[1]

    def _member(self, slo_id: SloId) -> Member | None:
        self._members()
        return self._members_by_id.get(slo_id)

    def _shares(self, member: Member, window: timedelta) -> Mapping[str, float] | None:
        """The shares of a composite's components in what was bad; None for SLIs whose series are asked for."""
        if not member.tracked.is_composite:
            return None
        return composites.bad_shares(
            member.tracked,
            self._ledger_writer.ledger,
            until_s=member.tracked.counted_s,
            window_s=window.total_seconds(),
        )

    async def contributors(self, slo_id: SloId, question: RangeQuestion) -> ContributorsInRange | None:
        """The contributors of an SLO or of a member of its group; None if it is not known.

        Never under the lock: neither an evaluation nor a page waits for it.
        """
        member = self._member(slo_id)
        deadline_s = min(ANSWERED_WITHIN_S, self._timeout_s)

        def ask(sli: Sli, group: GroupKey) -> Awaitable[ContributorsInRange]:
            one, asked = of_one_source(sli, question)
            return contributors_in_range(one, group, self._ingests.background_of(one), asked, deadline_s=deadline_s)

        if member is None:
            # Of a whole group its members contribute.
            slis = [slo.sli for slo in self._slos if slo.id == slo_id]
            return await ask(slis[0], ()) if slis else None
        if member.tracked.is_composite:
            found = composites.bad_of_components(
                member.tracked,
                self._ledger_writer.ledger,
                start_s=question.start.timestamp(),
                end_s=min(question.end.timestamp(), member.tracked.counted_s),
            )
            return contributing_components(found, question)
        return await ask(member.slo.sli, member.group)

    def mark_unconfirmed_if_stale(self, now: datetime) -> None:
        """If nothing was evaluated for long, as in a database that slept or was restored, assert nothing unseen.

        Call it before anything is delivered.
        """
        if self._is_stale(now):
            self._mark_unconfirmed()
            alerts = [alert for alerts in self._alerts.values() for alert in alerts if alert.is_notified]
            self._writer.save_unconfirmed(alerts, self._notifications, now)

    def go_back(self, at: datetime) -> None:
        """Go on with the slot *at* although later ones were evaluated, by a clock that was ahead.

        Alerts that began in the future begin now. Call it before the first evaluation.
        """
        self._stepped = at - self._timing.interval
        self._alerts = {slo: tuple(one.not_after(at) for one in alerts) for slo, alerts in self._alerts.items()}
        self._notifications = {key: notification.not_after(at) for key, notification in self._notifications.items()}
        alerts = [alert for alerts in self._alerts.values() for alert in alerts]
        self._writer.save_gone_back(alerts, self._notifications, self._stepped)

    def show_stored(self, now: datetime) -> None:
        """Show the figures and alerts of the last evaluation before the start, with their time, until the first one.

        Nothing was stored before the first evaluation of all: nothing is shown then.
        """
        if self._stepped is not None:
            members = self._members()
            self._publish(members, self._adjusted(members, now), now)

    def _is_stale(self, at: datetime) -> bool:
        return self._stepped is not None and at - self._stepped > max(
            _STALE_AFTER, _STALE_AFTER_SLOTS * self._timing.interval
        )

    def _mark_unconfirmed(self) -> None:
        self._notifications = {
            key: replace(notification, unconfirmed=True) for key, notification in self._notifications.items()
        }

    def _judge(self, at: datetime) -> None:
        if self._is_stale(at):
            self._mark_unconfirmed()
            self._writer.hold_beginnings()
        members = self._members()
        adjusted = self._adjusted(members, at)
        figures = adjusted.judged

        def judge(some: Sequence[Member], before: AlertsBySlo, notified_before: NotificationsByKey) -> Judgement:
            return judge_all(
                some,
                figures if some is members else self._adjusted(some, at).judged,
                before,
                notified_before,
                since_resolved=since_resolved(some, self._ledger_writer.ledger, before, at=at),
                normal_rates=self._normal_rates,
                at=at,
                interval=self._timing.interval,
                muted=adjusted.muted,
                left_out=adjusted.left_out,
                forecast_of=self.forecasting.of,
            )

        judgement = self._fault_isolation.judge(members, self._alerts, self._notifications, judge, at=at)
        judgement = judgement.explained(self._contributor_queries.known(judgement.notified))
        judgement = judgement.with_changes(self._recent_changes, interval=self._timing.interval)
        self._alerts, self._notifications = judgement.alerts, judgement.notifications
        self._stepped = self._evaluated_at = at
        # Alerts have moved on: what they tell is kept, even if the rest of this evaluation fails.
        self._writer.pending_writes.add(judgement)
        self._publish(members, adjusted, at)
        _announce(judgement.transitions)
        # As counted: an adjustment may be withdrawn, and until then the past is computed.
        self._writer.budgets.note(members, adjusted.counted_remaining, at.timestamp())
        self._judged = at, members, figures

    def _refresh(self, at: datetime) -> None:
        """Show a slot without stepping any alert."""
        self._evaluated_at = at
        members = self._members()
        self._publish(members, self._adjusted(members, at), at)

    def _adjusted(self, members: Sequence[Member], at: datetime) -> AdjustedFigures:
        return compute_adjusted(members, self._ledger_writer.ledger, self._overlays.of(members, at), at=at)

    def _show_backfill(self, now: datetime) -> None:
        """Show what history has added, now and then and at its end, without stepping any alert."""
        self._note_backfill()
        rest = _SHOWN_EVERY + len(self._members()) * _SHOWN_LESS_OFTEN_BY
        if self._evaluated_at is None or (self.backfilling and now - self._shown_at < rest):
            return
        self._refresh(self._evaluated_at)
        self._shown_at = now

    def _publish(self, members: Sequence[Member], figures: AdjustedFigures, at: datetime) -> None:
        alerts = [alerts_for(member, self._alerts) for member in members]
        shown = snapshots(
            members,
            figures.shown,
            alerts,
            at=at,
            interval=self._timing.interval,
            forecast_of=self.forecasting.of,
        )
        if figures.counted is not None:
            shown = with_counted(shown, members, alerts, figures.counted, at=at, interval=self._timing.interval)
        self._board.publish(shown, self._notifications)
        if self._shown is not None:
            self._shown.note(shown, self._notifications, self.member_histories, at)

    async def find_top_contributors(self) -> Sequence[Notification]:
        """Ask for the top contributors of what has begun to burn; the notifications that got some.

        Never under the lock: neither an evaluation nor a page waits for it.
        """
        if self._judged is None:
            return ()
        (at, members, figures), self._judged = self._judged, None
        young = [
            notification
            for notification in self._notifications.values()
            if at - notification.starts_at < _EXPLAINED_WITHIN
        ]
        self._contributor_queries.want(
            contributor_queries(young, burning_members(members, figures, self._alerts), self._member, self._shares), at
        )
        texts = await self._contributor_queries.ask(at, deadline_s=min(FOUND_WITHIN_S, self._timeout_s))
        if not texts or self._retired:
            return ()
        unexplained = [
            notification
            for notification in self._notifications.values()
            if notification.slo in texts and notification.long and not notification.top_contributors
        ]
        explained = {
            notification.key: replace(notification, top_contributors=texts[notification.slo])
            for notification in unexplained
        }
        if explained:
            self._notifications = {**self._notifications, **explained}
            self._board.set_notifications(self._notifications)
        return [*explained.values()]


def _announce(transitions: Sequence[Transition]) -> None:
    for change in transitions:
        if change.notify:
            _log.info(
                f"alert {change.kind}",
                event_name=f"alert.{change.kind}",
                slo=change.slo,
                severity=change.severity.value,
                tier=change.tier,
                at=str(change.at),
            )
