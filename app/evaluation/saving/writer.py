"""From an evaluation to the database: counts, alerts, transitions and notifications, in one transaction."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

import structlog

from app.alerting import Alert, Notification, Routing
from app.evaluation.judging.judge import Judgement
from app.evaluation.saving.budget_record import BudgetRecord
from app.evaluation.saving.ledger_store import LedgerStore
from app.evaluation.saving.pending_writes import PendingWrites
from app.evaluation.saving.shown_record import ShownRecord
from app.ingest.ports import EvaluationInstruments
from app.replicas import SERVICE_SHARD
from app.slo import SloId
from app.store import Database, StoreError, StoreFencedError, StoreGoneError, StoreUnavailableError, Transaction
from app.store.alerts import append_transitions, forget_alerts, save_alerts
from app.store.audit import prune_audit
from app.store.budgets import prune_budgets, save_budgets
from app.store.changes import prune_changes
from app.store.deliveries import prune_outbox
from app.store.hanging_write import HangingWrite
from app.store.incidents import prune_incidents, prune_transitions, record_incidents
from app.store.ledger import save_stepped
from app.store.outbox import go_back, hold_beginnings, release_beginnings
from app.store.recipients import enqueue_rerouted, enqueue_routed
from app.store.shards import HeldShards

_log = structlog.get_logger(__name__)
# ADR-0013.
_TRANSITIONS_KEPT = timedelta(days=90)
# ADR-0013: dead letters can be sent again for as long.
_OUTBOX_KEPT = timedelta(days=30)
# ADR-0034.
_BUDGETS_KEPT = timedelta(days=180)
# Rows go out of date by the hour at most, and a pruning reads whole indexes.
_PRUNED_EVERY = timedelta(hours=1)
# Far longer than the largest commit takes. A disk that hangs, as one in a network may, fails no write and ends none.
_HANGS_AFTER_S = 30.0
_COMPUTES_S = 0.05


class Writer:
    """Writes evaluations; what cannot be written now is written with a later one, in order.

    Attributes:
        pending_writes: what evaluations have decided and is not written yet.
        last_commit: the newest slot that was written; None before the first.
        budgets: what the live budgets showed.
        problem: why the last attempt failed, None if it did not.
        gone: whether it failed since the files of the database were deleted or replaced.
        fenced: whether another replica has taken what is written here; nothing of it is kept then.
        shown: what the other replicas show of these SLOs; None without replicas.
    """

    def __init__(
        self,
        database: Database,
        ledger_store: LedgerStore,
        *,
        instruments: EvaluationInstruments,
        routing: Routing,
        held: HeldShards | None = None,
        shown: ShownRecord | None = None,
        owns: Callable[[SloId], bool] = lambda _: True,
    ) -> None:
        self.pending_writes = PendingWrites()
        self.budgets = BudgetRecord()
        self.last_commit: datetime | None = None
        self.problem: str | None = None
        self.gone = False
        self.fenced = False
        self.shown = shown
        self._held = held
        self._owns = owns
        self._database = database
        self._ledger_store = ledger_store
        self._instruments = instruments
        self._routing = routing
        self._pruned_at: datetime | None = None
        self._routes_checked = False
        self._holds = False
        self._saving: asyncio.Task[None] | None = None

    def hold_beginnings(self) -> None:
        """Let the next commit hold notifications that alerts fire, until fresh data confirms them."""
        self._holds = True

    async def commit(self, at: datetime, *, stepped: datetime | None) -> None:
        """Write the evaluation of the slot *at*; *stepped* is the newest slot that alerts were stepped through."""
        try:
            await self._write(partial(self._save, at, stepped))
            self.pending_writes.clear()
            self.last_commit = at
            if self.problem is not None:
                await asyncio.to_thread(self._database.check)
                _log.info("what was kept in memory is written; the database is sound")
        except StoreError as error:
            self._failed(error)
        else:
            self.problem, self.gone = None, False

    async def save_history(self, now: datetime) -> bool:
        """Write what was counted of the past; whether that worked."""
        try:
            await self._write(partial(self._save_ledger, now))
        except StoreError as error:
            self._failed(error)
            return False
        return True

    async def _write(self, save: Callable[[HangingWrite], None]) -> None:
        """Run *save* in a thread. One that hangs is given up, and nothing else is written until it ends.

        All of it is written again then, as after a commit that failed and has reached the disk all the same.

        Raises:
            StoreError: it failed, or hangs.
        """
        if self._saving is None or self._saving.done():
            write = HangingWrite()
            self._saving = asyncio.create_task(asyncio.to_thread(save, write))
            # If nothing waits for it any more, nothing else takes its error.
            self._saving.add_done_callback(lambda saving: saving.cancelled() or saving.exception())
            await asyncio.wait({self._saving}, timeout=_HANGS_AFTER_S)
            while not self._saving.done() and not write.give_up():
                # It reads the ledger, which must not change meanwhile; that takes a moment.
                await asyncio.wait({self._saving}, timeout=_COMPUTES_S)
            if self._saving.done():
                self._saving.result()
                return
        raise StoreUnavailableError(f"the database hangs: a write has not ended within {_HANGS_AFTER_S:g} s")

    def _save(self, at: datetime, stepped: datetime | None, write: HangingWrite) -> None:
        budgets, holds = tuple(self.budgets.unwritten), self._holds
        with self._begin(stepped) as transaction, write.computing(transaction):
            if holds:
                hold_beginnings(transaction, at=at, owns=self._owns)
            save_budgets(transaction, budgets)
            self._ledger_store.save(transaction, at_s=at.timestamp())
            judgement = self.pending_writes.whole
            if judgement is not None:
                self._save_judgement(transaction, judgement, at)
            if self.shown is not None:
                self.shown.save(transaction)
            if self._is_time_to_prune(at):
                self._prune(transaction, at)
        self._routes_checked |= judgement is not None and not _some_unconfirmed(judgement)
        if holds:
            self._holds = False
        self._ledger_store.committed()
        self.budgets.committed(len(budgets))

    @contextmanager
    def _begin(self, stepped: datetime | None = None) -> Iterator[Transaction]:
        """A transaction that no other replica can have overtaken, which notes that alerts were stepped to a slot."""
        with self._database.begin() as transaction:
            if self._held is not None:
                # First: what follows may be written, and no other takes it, until the transaction ends.
                self._held.check(transaction, stepped=stepped)
            elif stepped is not None:
                save_stepped(transaction, stepped)
            yield transaction

    def _prune(self, transaction: Transaction, at: datetime) -> None:
        self._ledger_store.keep(transaction, at_s=at.timestamp())
        self._ledger_store.prune_own(transaction, at_s=at.timestamp())
        if self._held is None or SERVICE_SHARD in self._held.epochs:
            self._ledger_store.prune(transaction, at_s=at.timestamp())
            prune_outbox(transaction, before=at - _OUTBOX_KEPT)
            prune_incidents(transaction, at=at)
            prune_transitions(transaction, before=at - _TRANSITIONS_KEPT)
            prune_budgets(transaction, before=at - _BUDGETS_KEPT)
            prune_changes(transaction, at=at)
            prune_audit(transaction)
        self._pruned_at = at

    def _is_time_to_prune(self, at: datetime) -> bool:
        """Whether rows may be out of date: by a clock that is far ahead, all would be."""
        if self._pruned_at is not None and abs(at - self._pruned_at) < _PRUNED_EVERY:
            return False
        return at.timestamp() - self._ledger_store.newest_s <= _PRUNED_EVERY.total_seconds()

    def _save_judgement(self, transaction: Transaction, judgement: Judgement, at: datetime) -> None:
        active = [alert for alerts in judgement.alerts.values() for alert in alerts if alert.is_notified]
        changed = {alert.key: alert for alert in (*judgement.changed, *active)}
        save_alerts(transaction, changed.values(), judgement.notifications)
        forget_alerts(transaction, judgement.gone)
        append_transitions(transaction, judgement.transitions)
        record_incidents(transaction, judgement.notified, judgement.transitions, judgement.alerts)
        for notification in judgement.notified:
            enqueue_routed(transaction, notification, self._routing, at=at)
        if not self._routes_checked:
            # Routes change with a reload or a restart, and each has a writer of its own.
            for notification in judgement.notifications.values():
                if not notification.unconfirmed:
                    enqueue_rerouted(transaction, notification, self._routing, at=at, kept=_OUTBOX_KEPT)
        release_beginnings(transaction, judgement.notifications.values(), at=at)

    def save_unconfirmed(
        self, alerts: Sequence[Alert], notifications: Mapping[str, Notification], at: datetime
    ) -> None:
        """Write alerts that are unconfirmed, and hold notifications that alerts fire.

        A database that cannot be written now is written by the first evaluation.
        """
        try:
            with self._begin() as transaction:
                save_alerts(transaction, alerts, notifications)
                held = hold_beginnings(transaction, at=at, owns=self._owns)
        except StoreError as error:
            self._failed(error)
            return
        _log.warning(
            "nothing was evaluated for a while; receivers are notified once fresh data confirms the alerts",
            alerts=len(alerts),
            notifications=held,
        )

    def save_gone_back(self, alerts: Sequence[Alert], notifications: Mapping[str, Notification], at: datetime) -> None:
        """Write that alerts have been stepped up to the slot *at* only; what cannot be written now is, slot by slot."""
        try:
            with self._begin(at) as transaction:
                save_alerts(transaction, alerts, notifications)
                go_back(transaction, at=at, owns=self._owns)
        except StoreError as error:
            self._failed(error)

    def _save_ledger(self, now: datetime, write: HangingWrite) -> None:
        with self._begin() as transaction, write.computing(transaction):
            self._ledger_store.save(transaction, at_s=now.timestamp())
        self._ledger_store.committed()

    def _failed(self, error: StoreError) -> None:
        if isinstance(error, StoreFencedError):
            # The replica that took it steps these alerts, and notifies of them: a page from here would be a second one.
            self.fenced = True
            self.pending_writes.clear()
            _log.warning("nothing of this evaluation is kept", reason=str(error))
        elif self.problem is None:
            _log.error("cannot write; results are kept in memory until it works again", error=str(error))
        self.problem, self.gone = str(error), isinstance(error, StoreGoneError)
        self._instruments.evaluation_failed(error.reason)


def _some_unconfirmed(judgement: Judgement) -> bool:
    """Whether an alert is unconfirmed, of which receivers are notified later."""
    return any(notification.unconfirmed for notification in judgement.notifications.values())
