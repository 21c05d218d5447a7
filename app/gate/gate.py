"""The gate: whether a change may go ahead, by what the newest evaluation has published.

Answers come from memory alone. What was decided is written beside, a few seconds later; exceptions are written at once.
"""

import math
import secrets
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from app.alerting import End, EndCode, Notification, Routing, resolve
from app.clock import Clock
from app.gate.columns import Asking, PolicyColumns
from app.gate.exception_requests import ExceptionRequest
from app.gate.notifications import break_glass_notification
from app.gate.places import SloPlaces
from app.gate.states import PolicyStates
from app.policy import (
    DEFAULT_POLICY,
    BudgetPolicy,
    GateException,
    GateQuestion,
    GateVerdict,
    SloFacts,
    SloVerdict,
    StateOfSlo,
    combined,
    judge_change,
    ranked,
    without_slos,
)
from app.slo import Tenants, tenant_of
from app.status import Board, Snapshot
from app.store import Database, StoreError
from app.store.gate import (
    DecisionFilter,
    DecisionRecord,
    append_decisions,
    list_decisions,
    load_exceptions,
    prune_gate,
    save_exception,
)
from app.store.policies import PolicyChange, list_policy_changes, prune_policy_changes
from app.store.recipients import enqueue_routed
from app.store.shards import ServiceLease
from app.wording.plain_text import one_line

_log = structlog.get_logger(__name__)
MOST_EXCEPTIONS = 1_000
"""Exceptions that are kept in memory, the newest; most of them are over."""
# Decisions that wait to be written; a client that asks thousands of times a second loses the oldest of them.
_MOST_WAITING = 5_000
# Of an answer about very many SLOs the worst are logged.
_MOST_FIGURES = 10
_KEPT = timedelta(days=180)
_PRUNED_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCaller:
    """Who asks: the name that it gives, and its address."""

    name: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateAnswer:
    """An answer, by the *id* under which it is in the log."""

    id: str
    at: datetime
    verdict: GateVerdict


class Gate:
    """Answers from any thread; `load` and `step` are for the thread of the evaluations.

    Nothing is known where no evaluation was published for *stale_after*.
    """

    def __init__(
        self,
        board: Board,
        database: Database,
        *,
        clock: Clock,
        stale_after: timedelta,
        policies: Callable[[], Sequence[BudgetPolicy]] = tuple,
        routing: Callable[[], Routing] = Routing,
        service_lease: ServiceLease | None = None,
    ) -> None:
        self.board = board
        self._database = database
        self.clock = clock
        self._stale_after_s = stale_after.total_seconds()
        self._policies = policies
        self._routing = routing
        self.states = PolicyStates(database, service_lease or ServiceLease())
        self._lock = threading.Lock()
        self._composing = threading.Lock()
        self._known_columns: PolicyColumns | None = None
        # Held while rows are written, so that no exception is written over by an older one.
        self._writing = threading.Lock()
        self._exceptions: dict[str, GateException] = {}
        self._firing: dict[str, Notification] = {}
        self._unwritten: set[str] = set()
        self._waiting: deque[DecisionRecord] = deque(maxlen=_MOST_WAITING)
        self._published_s = clock.monotonic() if board.snapshots else None
        self._pruned_at: datetime | None = None
        self._failing = False
        board.follow(self._published)

    def load(self) -> None:
        """Take over what a process before has written.

        Raises:
            StoreError: it cannot be read.
        """
        self.states.load()
        self._look()
        with self._database.read() as transaction, self._database.unreadable_is_damaged():
            found = load_exceptions(transaction, limit=MOST_EXCEPTIONS)
        with self._lock:
            self._exceptions = {one.id: one for one, _ in reversed(found)}
            self._firing = {one.id: sent for one, sent in found if sent is not None}

    def refresh_exceptions(self) -> None:
        """Take over the exceptions that other replicas have written.

        Raises:
            StoreError: they cannot be read.
        """
        with self._writing:
            with self._database.read() as transaction, self._database.unreadable_is_damaged():
                found = load_exceptions(transaction, limit=MOST_EXCEPTIONS)
            with self._lock:
                mine = {id_: self._exceptions[id_] for id_ in self._unwritten if id_ in self._exceptions}
                self._exceptions = {one.id: one for one, _ in reversed(found)} | mine
            self._firing = {one.id: sent for one, sent in found if sent is not None}

    def _published(self) -> None:
        # Not the wall clock: one that is set must not make old figures look fresh.
        self._published_s = self.clock.monotonic()

    def _look(self) -> None:
        """Look at all snapshots and states as they are now, so that no question has to."""
        with self._composing:
            self._compose(self._policies())

    @property
    def policies(self) -> Sequence[BudgetPolicy]:
        """The policies of the documents."""
        return self._policies()

    def ask(
        self, question: GateQuestion, *, caller: GateCaller, tenants: Tenants | None = None, about: str = ""
    ) -> GateAnswer:
        """Whether a change may go ahead, as far as the SLOs of *tenants* say, by default all; the answer is logged.

        *about* are the services of a question that names neither service nor SLO.
        """
        at = self.clock.now()
        verdict = self.verdict(question, at=at, tenants=tenants)
        answer = GateAnswer(id=secrets.token_hex(8), at=at, verdict=verdict)
        # Written after the next evaluation: a slow disk must not delay deployments (ADR-0071).
        self._waiting.append(_record(answer, caller, about))
        return answer

    def verdict(self, question: GateQuestion, *, at: datetime, tenants: Tenants | None = None) -> GateVerdict:
        """The answer to a question, without a log."""
        if not (question.service or question.slos or question.labels):
            return without_slos(question, "the question names no service, SLO or label", at=at)
        # The one that lasts longest changes a verdict: it is the last to be looked at.
        exceptions = sorted(self.active_exceptions(at), key=lambda one: one.until)
        doubt = self._doubt_of_all()
        asking = Asking(question=question, exceptions=exceptions, doubt=doubt, at=at)
        columns = self._columns()
        verdicts = columns.judged(asking, columns.places.concerned(question, tenants))
        if not verdicts.slos:
            reason = doubt or f"no SLO matches {_words(question)}"
            return without_slos(question, reason, exceptions=exceptions, at=at)
        if unknown := _unknown_slos(asking, columns.places, tenants):
            verdicts = ranked([*verdicts.slos, *unknown])
        return combined(question, verdicts)

    def current_states(self) -> Sequence[tuple[Snapshot, BudgetPolicy, StateOfSlo | None]]:
        """Every SLO with its policy and its state; None while nothing is known of its budget."""
        columns = self._columns()
        return list(zip(columns.snapshots, columns.policies, columns.states, strict=True))

    def _columns(self) -> PolicyColumns:
        """What questions are answered from: of the newest snapshots, or of those before while they are looked at."""
        known, policies = self._known_columns, self._policies()
        if known is not None and known.are_of(self.board.snapshots, policies):
            return known
        # At 10,000 SLOs that takes a tenth of a second: no answer waits for what another thread is making.
        if known is not None and self._composing.locked():
            return known
        with self._composing:
            return self._compose(policies)

    def _compose(self, policies: Sequence[BudgetPolicy]) -> PolicyColumns:
        known, snapshots = self._known_columns, self.board.snapshots
        if known is None or not known.are_of(snapshots, policies) or not known.are_in(self.states.stored):
            known = PolicyColumns(snapshots, policies, self.states, before=known, at=self.clock.now())
            self._known_columns = known
        return known

    def _doubt_of_all(self) -> str | None:
        if self._published_s is None:
            return "no slot has been evaluated yet"
        age_s = self.clock.monotonic() - self._published_s
        return f"nothing was evaluated for {age_s:.0f} s" if age_s > self._stale_after_s else None

    def active_exceptions(self, at: datetime) -> Sequence[GateException]:
        """The exceptions that hold at a time."""
        return [one for one in self.exceptions() if one.is_active(at)]

    def exceptions(self) -> Sequence[GateException]:
        """Every exception that is kept, the newest first."""
        with self._lock:
            return tuple(reversed(self._exceptions.values()))

    def add_exception(self, wanted: ExceptionRequest) -> GateException:
        """Let changes go ahead for a time.

        One by break-glass holds at once, also where it cannot be written; it is written, and receivers are notified, as
        soon as that works.

        Raises:
            StoreError: it cannot be written, and does not hold.
        """
        exception = GateException(
            id=secrets.token_hex(4),
            reason=wanted.reason,
            owner=wanted.owner,
            created_at=self.clock.now(),
            starts_at=wanted.starts_at,
            ends_at=wanted.ends_at,
            services=wanted.services,
            environments=wanted.environments,
            changes=wanted.changes,
            slos=wanted.slos,
            break_glass=wanted.break_glass,
            tenant=wanted.tenant,
        )
        # It holds before it is written: break-glass must work while the database does not.
        if exception.break_glass:
            _log.warning("break-glass exception added", id=exception.id, owner=exception.owner, reason=exception.reason)
            self.keep(exception)
        self._write_exception(exception)
        self.keep(exception)
        return exception

    def end_exception(self, id_: str, *, by: str) -> GateException | None:
        """End an exception before its time; None if there is none with this id.

        Raises:
            StoreError: it cannot be written, and goes on.
        """
        with self._lock:
            known = self._exceptions.get(id_)
        at = self.clock.now()
        if known is None or known.until <= at:
            return known
        ended = replace(known, ended_at=at, ended_by=by)
        self._write_exception(ended)
        self.keep(ended)
        return ended

    def keep(self, exception: GateException) -> None:
        """Let an exception hold; in memory alone."""
        with self._lock:
            self._exceptions[exception.id] = exception
            while len(self._exceptions) > MOST_EXCEPTIONS:
                self._exceptions.pop(next(iter(self._exceptions)))

    def _write_exception(self, exception: GateException) -> None:
        try:
            self._write(exception, at=self.clock.now())
        except StoreError:
            if not exception.break_glass or exception.ended_at is not None:
                raise
            self._unwritten.add(exception.id)

    def _write(self, exception: GateException, *, at: datetime) -> None:
        """Write an exception, and notify receivers of the beginning or the end of break-glass."""
        with self._writing:
            sent = self._firing.get(exception.id)
            lasts = exception.break_glass and exception.until > at
            notification = sent
            with self._database.begin() as transaction:
                if lasts and sent is None:
                    notification = break_glass_notification(exception, at=at)
                    enqueue_routed(transaction, notification, self._routing(), at=at)
                elif sent is not None and not lasts:
                    end = End(code=EndCode.SWITCHED_OFF, reason=_end_words(exception))
                    enqueue_routed(transaction, resolve(sent, at=at, end=end), self._routing(), at=at)
                    notification = None
                save_exception(transaction, exception, notification)
            self._firing.pop(exception.id, None)
            if notification is not None:
                self._firing[exception.id] = notification

    def step_own(self, at: datetime) -> None:
        """As `step`, where another replica sees to the states: they are read, and what was asked here is written."""
        self._look()
        with self._noting_failures():
            self._write_unwritten(at)
            self.write_decisions()
            self.states.load()
        self._look()

    def _write_unwritten(self, at: datetime) -> None:
        for id_ in tuple(self._unwritten):
            # As it is now: it may have been ended meanwhile.
            self._write(self._exceptions[id_], at=at)
            self._unwritten.discard(id_)

    @contextmanager
    def _noting_failures(self) -> Iterator[None]:
        try:
            yield
        except StoreError as error:
            # Once, not after each evaluation for as long as the database cannot be written.
            if not self._failing:
                _log.error(
                    "policy states and gate decisions cannot be written; they are written later", error=str(error)
                )
            self._failing = True
        else:
            self._failing = False

    def step(self, at: datetime) -> Sequence[PolicyChange]:
        """See to everything that is due after an evaluation; what cannot be written is done by a later step."""
        # At first: until it is done questions are answered by the evaluation before. Not when snapshots are published:
        # an error in a policy would be one of the evaluation (ADR-0071).
        self._look()
        changes: Sequence[PolicyChange] = ()
        with self._noting_failures():
            self._write_unwritten(at)
            with self._lock:
                over = [one for one in self._exceptions.values() if one.id in self._firing and one.until <= at]
            for exception in over:
                self._write(exception, at=at)
            changes = self.states.step(self.board.snapshots, self._policies(), self._routing(), at=at)
            self._look()
            self.write_decisions()
            self._prune(at)
        # Of a new service, or the first evaluation, every SLO that is not healthy has a state: one line.
        if first := Counter(change.state for change in changes if change.before is None):
            _log.info("error budget policy states began", states=dict(first))
        for change in (one for one in changes if one.before is not None):
            _log.info("error budget policy state changed", slo=change.slo, before=change.before, state=change.state)
        return changes

    def write_decisions(self) -> None:
        """Write the decisions that wait.

        Raises:
            StoreError: they cannot be written, and go on waiting.
        """
        with self._writing:
            records = tuple(self._waiting)
            if not records:
                return
            with self._database.begin() as transaction:
                append_decisions(transaction, records)
            written = {one.id for one in records}
            # Others may have come meanwhile, and pushed the oldest out.
            while self._waiting and self._waiting[0].id in written:
                self._waiting.popleft()

    def decisions(
        self, wanted: DecisionFilter, *, limit: int, before: int | None = None
    ) -> Sequence[tuple[int, DecisionRecord]]:
        """The newest decisions, newest first, with their numbers; those that wait are written before, where that works.

        Raises:
            StoreError: the log cannot be read.
        """
        # What was decided before can be read with a full disk, too.
        with suppress(StoreError):
            self.write_decisions()
        with self._database.read() as transaction:
            return list_decisions(transaction, wanted, limit=limit, before=before)

    def changes(
        self,
        *,
        services: Sequence[str],
        slos: Sequence[str],
        limit: int,
        before_id: int | None = None,
        tenants: Tenants | None = None,
    ) -> Sequence[tuple[int, PolicyChange]]:
        """The newest changes of states, newest first, with their numbers; those of *tenants*, if given.

        Raises:
            StoreError: they cannot be read.
        """
        with self._database.read() as transaction:
            return list_policy_changes(
                transaction, services=services, slos=slos, limit=limit, before_id=before_id, tenants=tenants
            )

    def _prune(self, at: datetime) -> None:
        if self._pruned_at is not None and abs(at - self._pruned_at) < _PRUNED_EVERY:
            return
        with self._database.begin() as transaction:
            prune_gate(transaction, before=at - _KEPT)
            prune_policy_changes(transaction, before=at - 4 * _KEPT)
        self._pruned_at = at


def figures_of(verdict: SloVerdict) -> Mapping[str, Any]:
    """The figures behind a verdict, as the log keeps them and the API shows them; null where not known."""
    facts = verdict.facts
    return {
        "slo": facts.slo,
        "decision": verdict.decision.value,
        "state": None if facts.state is None else facts.state.state,
        "budget_remaining": None if math.isnan(facts.remaining) else facts.remaining,
        "burn_rate": None if math.isnan(facts.burn_rate) else facts.burn_rate,
    }


def _record(answer: GateAnswer, caller: GateCaller, about: str) -> DecisionRecord:
    verdict, question = answer.verdict, answer.verdict.question
    return DecisionRecord(
        id=answer.id,
        at=answer.at,
        caller=caller.name,
        address=caller.address,
        # As callers wrote them: a NUL among them could never be written, nor could what waits with it.
        service=one_line(question.service or subject_of(question.slos) or about),
        environment=one_line(question.environment),
        change=one_line(question.change),
        decision=verdict.decision,
        reason=one_line(verdict.reason),
        policy=verdict.policy,
        exception=None if verdict.exception is None else verdict.exception.id,
        figures=tuple(figures_of(one) for one in verdict.slos[:_MOST_FIGURES]),
    )


def subject_of(names: Sequence[str]) -> str:
    """Services or SLOs as one text in the log, whose beginning says of which tenant they are.

    What is about several tenants is of none of them: its figures are those of all.
    """
    text = ",".join(names)
    return text if len({tenant_of(one) for one in names}) <= 1 else f"several: {text}"


def _unknown_slos(asking: Asking, places: SloPlaces, tenants: Tenants | None) -> Sequence[SloVerdict]:
    """The verdicts about SLOs that do not exist: of one that was misspelt or removed nothing is known."""
    # One of another service or environment exists, and is left out.
    missing = sorted({slo for slo in asking.question.slos if not places.has(slo, tenants)})
    service, doubt = one_line(asking.question.service), asking.doubt or "no SLO has this id"
    return [
        judge_change(
            asking.question,
            SloFacts(slo=one_line(slo), service=service, doubt=doubt),
            DEFAULT_POLICY,
            exceptions=asking.exceptions,
            at=asking.at,
        )
        for slo in missing
    ]


def _words(question: GateQuestion) -> str:
    parts = [
        *([f"service={question.service}"] if question.service else []),
        *([f"environment={question.environment}"] if question.environment else []),
        *(f"slo={one}" for one in question.slos),
        *(f"label={name}={value}" for name, value in question.labels),
    ]
    return ", ".join(parts)


def _end_words(exception: GateException) -> str:
    if exception.ended_by is not None:
        return f"{exception.ended_by} ended it"
    return f"its time was over at {exception.ends_at:%Y-%m-%d %H:%M} UTC"
