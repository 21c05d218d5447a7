"""Evaluations, backfill and delivery, in one event loop in a thread of its own."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import structlog

from app.adjustments import CurrentAdjustments
from app.alerting import Notification
from app.delivery import FallbackMemory
from app.delivery.outcome import Outcome
from app.delivery.report_messages import ReportMessage
from app.delivery.restarting import is_set_within
from app.documents import LoadResult
from app.evaluation import EvaluationTiming, Evaluator, ExposedPast, MemberHistory, Past, RangeQuestion
from app.gate import Gate
from app.ingest.ports import NamedSource
from app.integrations import DeliveryConfig
from app.prometheus import PrometheusClient, PrometheusError
from app.remote_write import RemoteWriteStatus
from app.remote_write.writer import EvaluatedSlot
from app.remote_write.writers import RemoteWriters
from app.reports import ScheduledReport
from app.schedule import Schedule, guarded
from app.service.components import Components
from app.service.delivery_runtime import DeliveryRuntime, open_delivery_runtime
from app.service.found_changes import FoundChanges
from app.service.memory import trim_memory
from app.service.replica import Replica, slots_after
from app.service.source_clients import SourceClients
from app.sli import sources_of_sli
from app.slo import DEFAULT_SOURCE, Slo, SloId, format_duration, ungrouped_id
from app.status import (
    Board,
    ContributorsInRange,
    ContributorsState,
    Snapshot,
    SourceStatus,
    StoredAdjustments,
    StoredChanges,
)
from app.store import Database, StoreError, StoreUnavailableError
from app.store.outbox import complete_waiting
from app.store.shards import HeldShards

_log = structlog.get_logger(__name__)
# What the evaluation and the deliveries under way may take; the API has had 3 s before.
_STOP_WITHIN_S = 6.0
# What is done beside evaluations is looked for after each of them, and this often: pauses after failures end.
_IDLE_S = 5.0
# Above it Alertmanager may take an `endsAt` of ours for the past, which it answers with 200 and never notifies.
_MOST_SKEW_S = 30.0
# A clock that leaps is to be confirmed within the slot; Prometheus that does not answer confirms it (there is no
# other).
_CLOCK_WITHIN_S = 3.0
# So far ahead of Prometheus's clock there are no samples to evaluate: its look-back.
_FAR_AHEAD_S = 300.0
# Two late slots are a slow query or a restart of Prometheus; three are an outage.
_LATE_SLOTS = 3
# For the retention, of which only a warning depends.
_ASK_AGAIN_S = 30.0
# Shorter than that is a restart of a receiver. Usually half an interval is longer: a page is late by two at most.
_UNREACHED_S = 5.0
# What the last deliveries of a set of receivers may take that another has replaced.
_LAST_ATTEMPTS_S = 15.0
# The loop is never busy for longer; a reader whose copy has not come by then is refused.
_COPY_WITHIN_S = 20.0
# Of 10,000 SLOs an evaluation leaves 80 MB free in pieces; of fewer it is not worth the page faults of the next one.
_MANY_SLOS = 1_000
T = TypeVar("T")


class Engine:
    """Runs in a thread from `start` to `stop`; everything else may be called from other threads."""

    def __init__(self, components: Components, documents: LoadResult) -> None:
        self._components = components
        self._documents = documents
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._started = threading.Event()
        self._stop_requested = False
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._evaluator: Evaluator | None = None
        self._schedule: Schedule | None = None
        self._client: PrometheusClient | None = None
        self._background_client: PrometheusClient | None = None
        self._sources = SourceClients(components.settings, clock=components.clock, instruments=components.instruments)
        self._named_sources: Sequence[NamedSource] = ()
        self._last_skew = 0.0
        self._delivery: DeliveryRuntime
        self._memory: FallbackMemory
        self._remote_write: RemoteWriters
        self._retiring: set[asyncio.Task[None]] = set()
        self._explaining: asyncio.Task[Sequence[Notification] | None] | None = None
        self._completing: asyncio.Task[None] | None = None
        self._resting: list[asyncio.Event] = []
        self._reading_history = False
        # Without it this process evaluates everything.
        self._replica = Replica(components, self) if components.database.is_shared else None
        self._did_service = components.service_lease.is_mine
        # Not asked again: while documents differ, an SLO may be of no replica.
        self._knew_everything = self._replica is None
        self._began_s = components.clock.monotonic()
        self._learned_at: datetime | None = None
        self._stored_changes = StoredChanges(components.database, components.recent_changes, components.clock)
        self._gate = Gate(
            components.board,
            components.database,
            clock=components.clock,
            stale_after=self._late_after,
            policies=lambda: self._documents.policies,
            routing=lambda: self._delivery.config.routing,
            service_lease=components.service_lease,
        )

    def start(self) -> None:
        """Start working.

        Raises:
            Exception: what kept it from starting, such as a store error.
        """
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> bool:
        """Finish what is under way, at most for some seconds, and end; whether the thread has ended."""
        if self._thread.ident is None:
            return True
        self._stop_requested = True
        if self._loop is not None and self._stopping is not None:
            # The loop is closed once the thread ends by itself, as after an error at its start.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(_STOP_WITHIN_S)
        return not self._thread.is_alive()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Do something in the engine's loop, for other threads."""
        if self._loop is None:
            raise RuntimeError("the engine has not been started")
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def past(self, slo_id: SloId) -> Past | None:
        """A copy of what was counted of an SLO, for other threads; None if the SLO is not known.

        Raises:
            TimeoutError: the loop has been busy for too long.
            StoreError: another replica evaluates it, and the database cannot be read.
        """
        return self.own_past(slo_id) or self.stored_past(slo_id)

    def own_past(self, slo_id: SloId) -> Past | None:
        """As `past`, of what this process evaluates.

        Raises:
            TimeoutError: the loop has been busy for too long.
        """
        return self.submit(self._past(slo_id)).result(_COPY_WITHIN_S)

    def stored_past(self, slo_id: SloId) -> Past | None:
        """As `stored_pasts`, of one SLO.

        Raises:
            StoreError: the database cannot be read.
        """
        return self.stored_pasts([slo_id]).get(slo_id)

    def stored_pasts(self, slo_ids: Collection[SloId]) -> Mapping[SloId, Past]:
        """As `past`, of what other replicas evaluate, from the database as of their newest slot. Blocks.

        Raises:
            StoreError: the database cannot be read.
        """
        return self._stored(slo_ids, Evaluator.past)

    def _stored(self, slo_ids: Collection[SloId], past_of: Callable[[Evaluator, SloId], T | None]) -> Mapping[SloId, T]:
        reader = self._reader(slo_ids)
        pasts = {} if reader is None else {slo_id: past_of(reader, slo_id) for slo_id in slo_ids}
        return {slo_id: past for slo_id, past in pasts.items() if past is not None}

    def _reader(self, slo_ids: Collection[SloId], *, database: Database | None = None) -> Evaluator | None:
        """An evaluator that evaluates nothing, and has what was counted of some SLOs; None if no document has them.

        Raises:
            StoreError: the database cannot be read, that of the service if no other is given.
        """
        wanted = {ungrouped_id(slo_id) for slo_id in slo_ids}
        slos = [slo for slo in self._documents.slos if slo.id in wanted] if self._replica is not None else []
        return self._make_evaluator(slos, held=None, board=Board(), database=database) if slos else None

    async def _past(self, slo_id: SloId) -> Past | None:
        return self.evaluator.past(slo_id)

    @property
    def evaluator(self) -> Evaluator:
        """The current evaluator."""
        if self._evaluator is None:
            raise RuntimeError("the engine has not been started")
        return self._evaluator

    @property
    def adjustments(self) -> CurrentAdjustments:
        """The adjustments that were not withdrawn."""
        return self._components.adjustments

    @property
    def gate(self) -> Gate:
        """Whether changes may go ahead."""
        return self._gate

    @property
    def documents(self) -> LoadResult:
        """The current documents."""
        return self._documents

    @property
    def delivery(self) -> DeliveryConfig:
        """The current receivers and routes."""
        return self._delivery.config

    @property
    def scheduled_reports(self) -> Sequence[ScheduledReport]:
        """The reports that are sent after each period."""
        return self.delivery.reports

    async def send_report(self, receiver: str, message: ReportMessage) -> Outcome:
        """Try once to send a report to a receiver, for other loops."""
        return await asyncio.wrap_future(self.submit(self._delivery.send_report(receiver, message)))

    @property
    def remote_write(self) -> Sequence[RemoteWriteStatus]:
        """How far each receiver of remote write has got."""
        return self._remote_write.statuses if self._evaluator is not None else ()

    @property
    def sources(self) -> Sequence[SourceStatus]:
        """The health of each source that SLOs are counted from."""
        return self._evaluator.sources if self._evaluator is not None else ()

    @property
    def replicas(self) -> Sequence[str]:
        """What people know the processes by that evaluate, this one or several."""
        named = [] if self._replica is None else self._replica.names
        return named or [self._components.database.instance_name]

    async def contributors(self, slo_id: SloId, question: RangeQuestion) -> ContributorsInRange | None:
        """The contributors of an SLO or of a member of its group; None if it is not known."""
        own = await self.evaluator.contributors(slo_id, question)
        if own is not None:
            return own
        try:
            reader = await asyncio.to_thread(self._reader, [slo_id])
        except StoreUnavailableError:
            # Prometheus is asked what is bad: only of members of groups, and of composites, the ledger knows more.
            reader = await asyncio.to_thread(self._reader, [slo_id], database=self._memory.database)
            found = None if reader is None else await reader.contributors(slo_id, question)
            return found or ContributorsInRange(
                state=ContributorsState.UNANSWERED,
                start=question.start,
                end=question.end,
                by=question.by,
                problem="the database cannot be read",
            )
        return None if reader is None else await reader.contributors(slo_id, question)

    async def switch_to(self, documents: LoadResult, delivery: DeliveryConfig) -> None:
        """Switch to other documents and receivers between two evaluations: all of them, or none.

        History and alerts of what stays are kept, and so are receivers if nothing has changed about them.
        """
        async with self._swapping:
            old = self._delivery
            if delivery == old.config:
                # A new evaluator reads the whole ledger: nothing for documents that say the same as before.
                if documents.digest == self._documents.digest:
                    self._documents = documents
                else:
                    await self._swap(documents)
                return
            new = await self._open_delivery_runtime(delivery)
            # Before the documents are switched: an alert that they end is over at these receivers too.
            final = await old.final_notifications(new) if self._components.service_lease.is_mine else {}
            old_remote_write, new_remote_write = self._remote_write, self._new_remote_write(delivery)
            async with AsyncExitStack() as unless_switched:
                unless_switched.push_async_callback(new.stop, 0)
                unless_switched.push_async_callback(new_remote_write.stop)
                unless_switched.callback(self._use, old, old_remote_write)
                self._use(new, new_remote_write)
                await self._swap(documents)
                unless_switched.pop_all()
            # One after the other: two writers of one series would send its samples out of order.
            await old_remote_write.stop()
            await self._sources.close_others(delivery.sources)
            if self._components.service_lease.is_mine:
                new_remote_write.start()
            new.start()
            retiring = asyncio.create_task(self._retire(old, final))
            self._retiring.add(retiring)
            retiring.add_done_callback(self._retiring.discard)

    def _use(self, delivery: DeliveryRuntime, remote_write: RemoteWriters) -> None:
        self._delivery, self._remote_write = delivery, remote_write

    async def _retire(self, old: DeliveryRuntime, final: Mapping[str, Sequence[Notification]]) -> None:
        """End receivers that others have replaced; what still waits for those that are gone finds other ways."""
        await old.retire(final, _LAST_ATTEMPTS_S)
        if not self._components.service_lease.is_mine:
            return
        try:
            await self._delivery.forward_unknown_receivers()
        except StoreError as error:
            _log.error("what waits for receivers that are gone is seen to at the next start", error=str(error))

    async def _swap(self, documents: LoadResult, held: HeldShards | None = None) -> None:
        """Let a new evaluator go on from what the old one has committed; *held* are its shards, if they are others."""
        old = self.evaluator
        if not self.can_switch:
            # What is only in memory would be lost with the old evaluator.
            raise StoreUnavailableError(str(old.store_problem))
        await old.retire()
        with ExitStack() as unless_replaced:
            unless_replaced.callback(old.resume)
            new = await self._new_evaluator(documents.slos, held or old.held)
            unless_replaced.pop_all()
        new.continue_from(old)
        if self._replica is not None and documents is not self._documents:
            self._replica.forget_others()
        self._evaluator, self._documents = new, documents
        self._wake()

    @property
    def _late_after(self) -> timedelta:
        """How old the newest slot may be before evaluations are late."""
        settings = self._components.settings
        return _LATE_SLOTS * settings.evaluation_interval + settings.query_offset

    @property
    def evaluated(self) -> datetime | None:
        """The newest slot that this process has evaluated; None before the first."""
        return None if self._schedule is None else self._schedule.last

    @property
    def can_switch(self) -> bool:
        """Whether all that was evaluated is written, or belongs to another replica now."""
        return self.evaluator.store_problem is None or self.evaluator.fenced

    async def use(self, held: HeldShards) -> None:
        """Evaluate these shards from now on, and show their SLOs at once.

        Raises:
            StoreError: they cannot be loaded; those of before are evaluated further.
        """
        if self._evaluator is None:
            self._evaluator = await self._new_evaluator(self._documents.slos, held)
        else:
            before = self._components.board.own
            await self._swap(self._documents, held)
            if self.evaluator.stepped is None:
                self._components.board.publish((), {})
            else:
                self.evaluator.show_stored(self._components.clock.now())
            # What was given back is shown until its replica shows it.
            self._show_others(before)

    async def catch_up(self, held: HeldShards, slots: Sequence[datetime]) -> bool:
        """Evaluate slots of these shards alone, oldest first, as their replica would have; whether that is written.

        Raises:
            StoreError: they cannot be loaded.
        """
        alone = await self._new_evaluator(self._documents.slos, held, board=Board())
        await self._evaluate_left_out(alone, slots[:-1])
        if not alone.store_problem:
            await guarded("catching up", alone.evaluate(slots[-1]), instruments=self._components.instruments)
        await alone.retire()
        return alone.last_commit == slots[-1]

    def reasons_not_ready(self) -> Sequence[str]:
        """Why the service cannot serve, in words; empty if it can.

        A failing Prometheus or a full disk is no such reason: the UI and the API still show what is known. Of a
        database whose files are gone history cannot be read, and what is kept in memory ends with the process.
        """
        if self._evaluator is None:
            return ["it is starting"]
        if not self._thread.is_alive():
            return ["the engine has stopped; the log says why"]
        if not self._knew_everything:
            is_late = self._components.clock.monotonic() - self._began_s > self._late_after.total_seconds()
            self._knew_everything = self._shows_everything or is_late
            if not self._knew_everything:
                return ["what the other replicas show has not been read yet"]
        return [str(self._evaluator.store_problem)] if self._evaluator.store_gone else []

    def reasons_unhealthy(self) -> Sequence[str]:
        """Why evaluation is not healthy, in words; empty if it is."""
        evaluator, reasons = self._evaluator, list(self.reasons_not_ready())
        if evaluator is None:
            return reasons
        reasons += _trouble_with_prometheus(evaluator)
        if evaluator.store_problem is not None and not evaluator.store_gone:
            reasons.append(f"the database cannot be written: {evaluator.store_problem}")
        last = evaluator.last_commit
        if last is None:
            reasons.append("no slot has been evaluated yet")
        elif self._components.clock.now() - last > self._late_after:
            reasons.append(f"the last slot was evaluated at {last:%Y-%m-%d %H:%M:%S} UTC")
        elif evaluator.backfilling:
            reasons.append(f"history is being read: {evaluator.backfill_progress:.0%}")
        if self._schedule is not None and self._schedule.clock_went_backwards:
            reasons.append("the clock was set back; no slot is evaluated until it has caught up")
        reasons += [f"remote write to {one.receiver}: {one.problem}" for one in self.remote_write if one.problem]
        skews = {"Prometheus": self._clock_skew} if self._is_default_used else {}
        skews |= self._sources.clock_skews(self._delivery.config.sources)
        for peer, skew in {**skews, **self._delivery.clock_skews}.items():
            if abs(skew) > _MOST_SKEW_S:
                reasons.append(f"the clock of {peer} is {skew:+.0f} s from ours")
        return reasons

    def _run(self) -> None:
        try:
            asyncio.run(self._work())
        except Exception as error:  # noqa: BLE001  raised by `start`, in the thread that started us
            self._failure = error
            if self._started.is_set():
                _log.exception("the engine has stopped")
        finally:
            self._started.set()

    async def _work(self) -> None:
        settings, components = self._components.settings, self._components
        self._loop, self._stopping, self._swapping = asyncio.get_running_loop(), asyncio.Event(), asyncio.Lock()
        self._leaving = asyncio.Event()
        async with (
            self._sources.pair(settings.prometheus_http(), settings.prometheus_limits()) as (client, background_client),
            _fallback_memory() as memory,
            self._sources,
        ):
            self._client, self._background_client, self._memory = client, background_client, memory
            self._delivery = await self._open_delivery_runtime(components.delivery)
            self._remote_write = self._new_remote_write(components.delivery)
            await self._open_evaluator()
            await asyncio.to_thread(self._gate.load)
            await asyncio.to_thread(self.evaluator.mark_unconfirmed_if_stale, components.clock.now())
            self.evaluator.show_stored(components.clock.now())
            if components.service_lease.is_mine:
                await self._delivery.take_over()
            if self._stop_requested:
                # Stopped during the start: no slot is evaluated and nothing is sent any more.
                await self._delivery.stop(0)
                await self._remote_write.stop()
                return
            schedule = self._schedule = Schedule(
                self._evaluate,
                interval=settings.evaluation_interval,
                offset=settings.query_offset,
                clock=components.clock,
                instruments=components.instruments,
                confirms_clock_jump=self._is_that_late,
                goes_back=self._goes_back,
                resumed_after=self.evaluator.stepped,
                missed_by_all=self._missed_by_all,
            )
            schedule.start()
            self._delivery.start()
            if components.service_lease.is_mine:
                self._remote_write.start()
            others = [asyncio.create_task(work()) for work in self._work_beside(background_client)]
            self._started.set()
            await self._stopping.wait()
            await schedule.stop(_STOP_WITHIN_S / 3)
            await self._leave(others[:1])
            with suppress(StoreError):
                await asyncio.to_thread(self._gate.write_decisions)
            self.evaluator.stop_asking()
            beside = [one for one in (self._explaining, self._completing) if one is not None]
            await _cancelled((*others, *beside))
            async with self._swapping:
                await _cancelled(tuple(self._retiring))
                await self._delivery.stop(_STOP_WITHIN_S / 2)
                await self._remote_write.stop()

    async def _open_evaluator(self) -> None:
        """Evaluate everything, or what a replica takes at its start."""
        replica = self._replica
        if replica is None:
            self._evaluator = await self._new_evaluator(self._documents.slos)
            return
        await asyncio.to_thread(replica.begin)
        if not await replica.join():
            # What Prometheus or the database kept from being brought up is tried again beside the evaluations.
            await self.use(replica.held)
        self._did_service = self._components.service_lease.is_mine

    async def _leave(self, sharing: Sequence[asyncio.Task[None]]) -> None:
        """Give back all shards, so that the other replicas go on at once."""
        if self._replica is None:
            return
        # Not cancelled: what it does in a thread would go on, and take some again.
        self._leaving.set()
        await asyncio.wait(sharing, timeout=_STOP_WITHIN_S / 3)
        async with self._swapping:
            await self.evaluator.retire()
            try:
                await asyncio.to_thread(self._replica.leave)
            except StoreError as error:
                _log.warning("the shards are free for other replicas only once their leases end", error=str(error))

    async def _share(self) -> None:
        """Look at the leases of the replicas again and again."""
        replica = self._replica
        while replica is not None:
            await guarded("sharing SLOs", self._look(replica), instruments=self._components.instruments)
            if await is_set_within(self._leaving, timedelta(seconds=replica.term.look_every_s)):
                return

    async def _look(self, replica: Replica) -> None:
        if await replica.look(self._swapping):
            self._wake()
        # As what is read below: where the database is busy or away, all of it is tried again at the next look.
        with suppress(StoreError):
            await self._do_service_or_not()
        with suppress(StoreError):
            await self._yield_delivery(replica)
        self._components.instruments.replicas(
            len(replica.seen.living),
            shards=len(replica.held.epochs),
            unowned=replica.unowned,
            stuck=replica.stuck,
        )
        slos = {slo.id: slo for slo in self._documents.slos}
        with suppress(StoreError):
            if await asyncio.to_thread(replica.read_others, slos, stale_after=self._late_after):
                self._show_others()
            if not replica.is_alone:
                await asyncio.to_thread(self._gate.refresh_exceptions)
            await self._learn_stored(from_others=not replica.is_alone)
        if self._did_service and not replica.is_alone:
            # For what other replicas have put into the outbox.
            self._delivery.wake()

    def _show_others(self, before: Sequence[Snapshot] = ()) -> None:
        """Show what other replicas show, and what this one has shown *before* where they show nothing."""
        shown = () if self._replica is None else tuple(self._replica.others.values())
        snapshots = {snapshot.id: snapshot for snapshot in before}
        snapshots |= {snapshot.id: snapshot for one in shown for snapshot in one.snapshots}
        self._components.board.set_others(
            tuple(snapshots.values()),
            [notification for one in shown for notification in one.notifications],
            {slo.id: place for place, slo in enumerate(self._documents.slos)},
        )

    async def _do_service_or_not(self) -> None:
        """Begin to do what is done once for all SLOs, or stop it, if the shard of the service has changed hands.

        Raises:
            StoreError: it has not begun, and does at a later look.
        """
        is_mine = self._components.service_lease.is_mine
        if is_mine == self._did_service:
            return
        async with self._swapping:
            await self._remote_write.stop()
            self._remote_write = self._new_remote_write(self._delivery.config)
            if is_mine:
                await asyncio.to_thread(self._gate.load)
                await self._delivery.take_over()
                self._remote_write.start()
            self._did_service = is_mine

    async def _yield_delivery(self, replica: Replica) -> None:
        """Let another replica deliver where this one reaches no receiver: its network or its name server may be why.

        Raises:
            StoreError: it is tried again at the next look.
        """
        interval_s = self._components.settings.evaluation_interval.total_seconds()
        is_cut_off = self._delivery.unanswered_for.total_seconds() >= max(interval_s / 2, _UNREACHED_S)
        if is_cut_off and self._did_service and await asyncio.to_thread(replica.yield_delivery):
            _log.warning("no receiver can be reached from here; another replica delivers")
            await self._give_back()

    def _work_beside(self, client: PrometheusClient) -> tuple[Callable[[], Coroutine[Any, Any, None]], ...]:
        """What is done beside evaluations, each by itself."""
        changes = partial(self._found_changes(client).run, self._components.instruments)
        # The first is ended before the others.
        return self._share, changes, self._read_history, self._inspect, self._forecast, self._check_retention

    def _found_changes(self, client: PrometheusClient) -> FoundChanges:
        components = self._components

        def clients() -> Mapping[str, PrometheusClient]:
            # Where no SLO is counted from, there may be no Prometheus at all.
            names = {name for slo in self.documents.slos for name in sources_of_sli(slo.sli)}
            known = {DEFAULT_SOURCE: client, **self._sources.background(self.delivery.sources)}
            return {name: one for name, one in known.items() if name in names}

        return FoundChanges(
            clients,
            StoredChanges(components.database, components.recent_changes, components.clock),
            queries=lambda: self.delivery.changes,
            services=lambda: frozenset(slo.service for slo in self.documents.slos),
            clock=components.clock,
            service_lease=components.service_lease,
        )

    async def _evaluate(self, at: datetime) -> None:
        async with self._swapping:
            await self._evaluate_through(at)
            if self.evaluator.fenced and self._replica is not None:
                await self._evaluate_rest(self._replica, at)
            if self.evaluator.mostly_ended_series and self.evaluator.store_problem is None:
                await self._swap(self._documents)
        self._wake()
        self._compare_clocks()
        if self._explaining is not None and not self._components.service_lease.is_mine:
            self._completing = asyncio.create_task(self._complete_waiting(self._explaining))
        if self._components.service_lease.is_mine and self._shows_everything:
            await asyncio.to_thread(self._gate.step, at)
        else:
            await asyncio.to_thread(self._gate.step_own, at)
        await self._delivery.evaluation_ended(self.evaluator.unwritten, at=at)
        if self._remote_write.receivers:
            self._remote_write.evaluation_ended(self._evaluated_slot(at))
        await self._give_back()
        if len(self._components.board.snapshots) >= _MANY_SLOS:
            trim_memory()

    async def _evaluate_through(self, at: datetime) -> None:
        """Evaluate a slot, and before it those that a process has left out that is no more, or was fenced."""
        evaluator = self.evaluator
        stepped = evaluator.stepped
        # Only of what was loaded: a process that is too slow for its slots would fall behind further.
        if self._replica is not None and evaluator.evaluated is None and stepped is not None:
            slots = slots_after(stepped, at, interval=self._components.settings.evaluation_interval)
            await self._evaluate_left_out(evaluator, slots[:-1])
        if not evaluator.fenced:
            await evaluator.evaluate(at, judged=self._start_explaining)

    async def _evaluate_left_out(self, evaluator: Evaluator, slots: Sequence[datetime]) -> None:
        """Evaluate slots, oldest first, before a newer one: as long as a source answers, and none is fenced."""
        for at in slots:
            await guarded("catching up", evaluator.evaluate(at), instruments=self._components.instruments)
            if evaluator.fenced or evaluator.unanswered is not None:
                return

    async def _evaluate_rest(self, replica: Replica, at: datetime) -> None:
        """Evaluate a slot once more for the shards that are left, since others have some of them now."""
        try:
            await replica.lose()
        except StoreError as error:
            _log.warning("what other replicas have left to this one is not known", error=str(error))
            return
        await self._evaluate_through(at)

    async def _give_back(self) -> None:
        """Give back shards that another replica should evaluate, now that it has a whole interval to load them."""
        if self._replica is not None:
            async with self._swapping:
                await self._replica.give_back()

    @property
    def _shows_everything(self) -> bool:
        """Whether each SLO of the documents is on the board: what another replica shows may not be known yet."""
        if self._replica is None:
            return True
        content = self._components.board.current
        return all(content.members_of(slo.id) for slo in self._documents.slos)

    async def _learn_stored(self, *, from_others: bool) -> None:
        """Read what pages show while the database is away, and what other replicas have stored; once a slot.

        Not in the evaluation, which waits for no database that hangs.

        Raises:
            StoreError: it cannot be read.
        """
        if self._learned_at == self.evaluated:
            return
        self._learned_at = self.evaluated
        components = self._components
        await asyncio.to_thread(components.incident_memory.read, components.database, components.clock)
        if not from_others:
            return
        adjustments = StoredAdjustments(components.database, components.adjustments, components.clock)
        await asyncio.to_thread(adjustments.publish)
        await asyncio.to_thread(self._stored_changes.note_recent)

    def _evaluated_slot(self, at: datetime) -> EvaluatedSlot:
        """What remote write sends of a slot: figures of all replicas, and where their history is."""
        components, others = self._components, self._replica.others.values() if self._replica is not None else ()
        members = {slo: MemberHistory(*history) for shown in others for slo, history in shown.histories.items()}

        async def pasts_of(slo_ids: Collection[SloId]) -> Mapping[SloId, ExposedPast]:
            pasts = {slo_id: self.evaluator.exposed_past(slo_id) for slo_id in slo_ids}
            own = {slo_id: past for slo_id, past in pasts.items() if past is not None}
            rest = pasts.keys() - own.keys()
            # Not in this loop, in which evaluations wait for no database that hangs.
            return own | dict(await asyncio.to_thread(self._stored, rest, Evaluator.exposed_past)) if rest else own

        return EvaluatedSlot(
            at=at,
            snapshots=components.board.snapshots,
            changes=components.recent_changes.newest(at),
            members={**members, **self.evaluator.member_histories()},
            pasts_of=pasts_of,
        )

    def _start_explaining(self) -> None:
        """Ask for top contributors beside the evaluation: most answers come while it is written, and no page waits."""
        if self._explaining is None or self._explaining.done():
            asked, instruments = self.evaluator.find_top_contributors(), self._components.instruments
            work = guarded("asking for top contributors", asked, instruments=instruments)
            self._explaining = asyncio.create_task(work)

    async def _complete_waiting(self, explaining: asyncio.Task[Sequence[Notification] | None]) -> None:
        """Add top contributors to what waits for the replica that delivers, which does not know them yet."""
        explained = await asyncio.shield(explaining)
        if explained:
            with suppress(StoreError):
                await asyncio.to_thread(self._write_completed, explained)

    def _write_completed(self, explained: Sequence[Notification]) -> None:
        with self._components.database.begin() as transaction:
            complete_waiting(transaction, explained, at=self._components.clock.now())

    def _compare_clocks(self) -> None:
        before, self._last_skew = self._last_skew, self._clock_skew
        if abs(self._last_skew) > _MOST_SKEW_S >= abs(before):
            _log.error("clock skew with Prometheus exceeds 30 s", ahead_s=round(self._last_skew))

    async def _is_that_late(self) -> bool:
        """Whether Prometheus's clock advanced as ours did since the last evaluation; True also if it does not answer.

        Nor did ours leap ahead of it where it was slow, and is put right. At the start a small difference is only said.
        """
        await self._ask_clock()
        if self._schedule is not None and self._schedule.last is not None:
            return self._clock_skew >= min(self._last_skew, 0.0) - _MOST_SKEW_S
        self._compare_clocks()
        return self._clock_skew >= -_FAR_AHEAD_S

    async def _ask_clock(self) -> bool:
        """Compare our clock with that of a Prometheus; False if none answers, or no SLO is counted from any."""
        source = self._clock_source()
        if source is None:
            return False
        with suppress(PrometheusError):
            await source.build_info(deadline=_CLOCK_WITHIN_S)
            return True
        return False

    @property
    def _clock_skew(self) -> float:
        """How far the clock of Prometheus was ahead of ours when it answered last, in seconds; 0 if there is none."""
        source = self._clock_source()
        return 0.0 if source is None else source.clock_skew

    async def _missed_by_all(self, slots: int, at: datetime) -> int:
        return slots if self._replica is None else await asyncio.to_thread(self._replica.missed, slots, at)

    async def _goes_back(self, at: datetime) -> bool:
        """Go on from the slot *at* although later ones were evaluated, if Prometheus's clock agrees with ours now."""
        if not await self._ask_clock() or abs(self._clock_skew) > _MOST_SKEW_S:
            return False
        async with self._swapping:
            try:
                # What was counted is read again: in memory there is only room for what is near the newest slot.
                await self._swap(self._documents)
            except StoreError as error:
                _log.error("the ledger cannot be read again", error=str(error))
                return False
            await asyncio.to_thread(self.evaluator.go_back, at)
        return True

    async def _read_history(self) -> None:
        # The evaluator of the moment: a reload brings another one.
        await self._repeat("reading history", self._read_piece)

    async def _read_piece(self) -> bool:
        """Count a piece of history; after the last one, memory that is free again is returned to the kernel."""
        counted = await self.evaluator.backfill(self._components.clock.now())
        if self._reading_history and not counted:
            trim_memory()
        self._reading_history = counted
        return counted

    async def _inspect(self) -> None:
        await self._repeat("looking at metrics", lambda: self.evaluator.inspect(self._components.clock.now()))

    async def _forecast(self) -> None:
        await self._repeat("forecasting budgets", self._forecast_some)

    async def _forecast_some(self) -> bool:
        return await self.evaluator.forecast()

    async def _repeat(self, what: str, work: Callable[[], Awaitable[bool]]) -> None:
        """Do some work again and again, at once for as long as it says that there is more."""
        woken = asyncio.Event()
        self._resting.append(woken)
        while True:
            woken.clear()
            if await guarded(what, work(), instruments=self._components.instruments):
                await asyncio.sleep(0.0)
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), _IDLE_S)

    def _wake(self) -> None:
        """Look now for what is to be done beside evaluations: one has ended, or the SLOs are others."""
        for woken in self._resting:
            woken.set()

    async def _check_retention(self) -> None:
        """Say once which SLOs look back further than Prometheus remembers."""
        while True:
            try:
                info = await self._in_background().runtime_info() if self._is_default_used else None
            except PrometheusError:
                info = None
            if info is None:
                await asyncio.sleep(_ASK_AGAIN_S)
                continue
            kept = info.retention
            if kept is not None:
                longer = [slo.id for slo in self._documents.slos if slo.window.longest > kept]
                if longer:
                    _log.warning(
                        "Prometheus keeps less than the windows of some SLOs; their first budgets cover what it has, "
                        "later ones the whole window",
                        retention=format_duration(kept),
                        slos=longer[:10],
                        more=max(0, len(longer) - 10),
                    )
            return

    async def _new_evaluator(
        self, slos: Sequence[Slo], held: HeldShards | None = None, *, board: Board | None = None
    ) -> Evaluator:
        self._named_sources = await self._sources.open(self._delivery.config.sources)
        shown_on = board or self._components.board
        return await asyncio.to_thread(self._make_evaluator, slos, held=held, board=shown_on)

    def _make_evaluator(
        self, slos: Sequence[Slo], *, held: HeldShards | None, board: Board, database: Database | None = None
    ) -> Evaluator:
        settings, components, replica = self._components.settings, self._components, self._replica
        timing = EvaluationTiming(
            interval=settings.evaluation_interval,
            settle=settings.settle,
            timeout=settings.prometheus_limits().timeout,
            history=settings.backfill,
            older=self._remote_write.older,
            routing=self._delivery.config.routing,
        )
        return Evaluator(
            slos,
            source=self._prometheus(),
            background=self._in_background(),
            database=database or components.database,
            board=board,
            instruments=components.instruments,
            timing=timing,
            metrics=self._in_background(),
            sources=self._named_sources,
            recent_changes=components.recent_changes,
            adjustments=components.adjustments,
            held=held,
            shows_others=lambda: replica is not None and not replica.is_alone,
        )

    def _new_remote_write(self, config: DeliveryConfig) -> RemoteWriters:
        components = self._components
        components.instruments.know_remote_write_receivers([options.name for options in config.remote_write])
        return RemoteWriters(
            config.remote_write,
            policy=config.policy,
            ca_file=config.ca_file,
            database=components.database,
            clock=components.clock,
            instruments=components.instruments,
        )

    async def _open_delivery_runtime(self, config: DeliveryConfig) -> DeliveryRuntime:
        return await asyncio.to_thread(
            open_delivery_runtime, config, self._components, is_healthy=self._is_healthy, memory=self._memory
        )

    def _is_healthy(self) -> bool:
        """Whether slots are evaluated and stored: the condition of heartbeat and watchdog."""
        evaluator = self._evaluator
        if evaluator is None or evaluator.last_commit is None or evaluator.unanswered is not None:
            return False
        replica = self._replica
        if not self._components.service_lease.is_mine or (replica is not None and (replica.unowned or replica.stuck)):
            # Another replica has heartbeat and watchdog, or some SLOs are evaluated by none.
            return False
        return self._components.clock.now() - evaluator.last_commit <= self._late_after

    @property
    def _is_default_used(self) -> bool:
        """Whether an SLO is counted from the default source; otherwise there may be no such server at all."""
        sources = self._delivery.config.sources
        return not sources or any(DEFAULT_SOURCE in sources_of_sli(slo.sli) for slo in self._documents.slos)

    def _clock_source(self) -> PrometheusClient | None:
        """Whose clock is compared with ours: that of the default source, or of the first one where no SLO is of it.

        None while there is no Prometheus: services that count have no clock for us.
        """
        return self._prometheus() if self._is_default_used else self._sources.live(self._delivery.config.sources)

    def _prometheus(self) -> PrometheusClient:
        """The client that evaluations ask for the SLIs of the default source."""
        if self._client is None:
            raise RuntimeError("the engine has not been started")
        return self._client

    def _in_background(self) -> PrometheusClient:
        """The client for all that no evaluation waits for: its slow answers do not keep evaluations from asking."""
        if self._background_client is None:
            raise RuntimeError("the engine has not been started")
        return self._background_client


@asynccontextmanager
async def _fallback_memory() -> AsyncIterator[FallbackMemory]:
    """What receivers share that follow each other; what they have shown is in it too, so that it is closed last."""
    memory = await asyncio.to_thread(FallbackMemory)
    try:
        yield memory
    finally:
        memory.database.close()


def _trouble_with_prometheus(evaluator: Evaluator) -> Sequence[str]:
    unanswered = evaluator.unanswered_sources
    if unanswered:
        return [
            f"{'Prometheus' if name == DEFAULT_SOURCE else 'a source'} does not answer: {said}"
            for name, said in unanswered.items()
        ]
    return [] if evaluator.partial is None else [evaluator.partial]


async def _cancelled(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
