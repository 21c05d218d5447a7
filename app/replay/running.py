"""Running a backtest: the past of some SLOs at a time is read, and judged in processes beside."""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_context

from app.alerting import with_windows_of_at_least
from app.documents import ProposedRules
from app.ingest import BoundedSource, Source
from app.replay.backtest import BacktestedSlo, BacktestQuestion, BacktestResult, SloOutcome, backtest_slo
from app.replay.history.history_reader import HistoryDetail, MemberPast, PastReader, past_bounds
from app.replay.history.ledger_history import HistorySource, LedgerReader, lacks_history, with_ledger
from app.replay.incidents.files import LabelledIncident, incidents_of, incidents_of_no_slo
from app.replay.prometheus_alerts import rules_of_others
from app.slo import Slo
from app.store import StoreUnavailableError

# Slots of a month of so many SLOs, of one member each, are 50 MB.
_SLOS_AT_ONCE = 20
_QUERIES_AT_ONCE = 2
"""Of history: evaluations, dashboards and rules of others go first."""
# Backtests run beside evaluations, which must find a core for themselves.
_MOST_WORKERS = 2
_FEW_SLOS = 3
NICE = 19
"""The lowest priority: what a backtest computes waits for everything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestPlan:
    """Which SLOs of all in the *documents* are backtested, and how.

    *labelled* are the incidents that people know of, None to find them.
    """

    slos: tuple[Slo, ...]
    documents: tuple[Slo, ...]
    question: BacktestQuestion
    interval_s: int
    proposed: tuple[ProposedRules, ...] = ()
    labelled: tuple[LabelledIncident, ...] | None = None
    are_complete: bool = True
    detail: HistoryDetail = HistoryDetail.AUTO
    source: HistorySource = HistorySource.AUTO

    @property
    def looks_back(self) -> timedelta:
        """How much history is needed before the stretch that is judged."""
        longest = [slo.longest_alert_window for slo in self.slos]
        if self.question.with_others:
            windows = {slo.window.nominal for slo in self.slos}
            longest += [rules.longest for window in windows for rules in rules_of_others(window)]
        longest += [
            rule.long
            for slo in self.slos
            for rules in self.proposed
            for policy in rules.alerting(slo).policies
            for rule in policy.rules
        ]
        return max(longest, default=timedelta(0))

    @property
    def problems(self) -> dict[str, str]:
        """What is left out, by SLO or by what an incident names: proposed rules of no use, incidents of no SLO."""
        found = dict(incidents_of_no_slo(self.labelled or (), self.documents))
        for slo in self.slos:
            why = [f"{rules.name}: {one}" for rules in self.proposed for one in rules.left_out(slo)]
            if why:
                found[str(slo.id)] = f"rules left out: {'; '.join(why)}"
        return found


async def run_backtest(
    plan: BacktestPlan,
    sources: Mapping[str, Source],
    *,
    ledger: LedgerReader | None = None,
    advanced: Callable[[float], None] = lambda _: None,
    beside: bool = True,
) -> BacktestResult:
    """Read and judge all SLOs, some at a time; *sources* are by their names.

    *advanced* is called with the share that is done.

    What Prometheus has no samples of is taken from the *ledger*, if there is one. Many are judged in other processes,
    unless not *beside*, while the next ones are read.

    Raises:
        PrometheusError: it does not answer.
        StoreError: the ledger cannot be read.
    """
    result = BacktestResult(question=plan.question, problems=plan.problems)
    bounded = {name: BoundedSource(source, asyncio.Semaphore(_QUERIES_AT_ONCE)) for name, source in sources.items()}
    loop = asyncio.get_running_loop()
    start, end = past_bounds(plan.question.start - plan.looks_back, plan.question.end)
    judging: list[asyncio.Future[SloOutcome]] = []
    with _workers(len(plan.slos) if beside else 0) as workers:
        for begin in range(0, len(plan.slos), _SLOS_AT_ONCE):
            some = plan.slos[begin : begin + _SLOS_AT_ONCE]
            share = len(some) / len(plan.slos)

            def note(done: float, *, before: float = begin / len(plan.slos), of: float = share) -> None:
                advanced(before + 0.8 * of * done)

            reader = PastReader(
                sources=bounded,
                start=start,
                end=end,
                interval_s=plan.interval_s,
                detail=plan.detail,
                advanced=note,
            )
            ids = {slo.id for slo in some}
            found = []
            if plan.source is not HistorySource.LEDGER:
                found = await reader.read(_with_components(some, plan.documents))
            members = _with_ledger([member for member in found if member.slo.id in ids], some, plan, reader, ledger)
            # Of what is not read at all there is no member.
            read = {member.slo.id for member in members}
            unread = [slo for slo in some if slo.id not in read]
            keys = [(member.id, member.slo.sli.key) for member in members] + [(slo.id, slo.sli.key) for slo in unread]
            for slo_id, key in keys:
                if key in reader.problems:
                    result.add_problem(slo_id, reader.problems[key])
            # Before more is handed over, so that never more than what is read and what is judged is in memory.
            await _take_in(judging, result)
            wanted = [_wanted(member, plan) for member in members]
            judging = [loop.run_in_executor(workers, backtest_slo, one, plan.question) for one in wanted]
        await _take_in(judging, result)
    advanced(1.0)
    return result


def _with_ledger(
    members: list[MemberPast], some: Sequence[Slo], plan: BacktestPlan, reader: PastReader, ledger: LedgerReader | None
) -> list[MemberPast]:
    """The members with what the ledger has of them, where the plan wants that or Prometheus lacks it."""
    if ledger is None or plan.source is HistorySource.PROMETHEUS:
        return members
    lacking = {member.slo.id for member in members if lacks_history(member.history)}
    lacking |= {slo.id for slo in some} - {member.slo.id for member in members}
    if not lacking:
        return members
    try:
        counted = ledger.counted([slo for slo in some if slo.id in lacking], among=plan.documents, start=reader.start)
    except StoreUnavailableError:
        if plan.source is HistorySource.LEDGER:
            raise
        return members
    read = {member.slo.id for member in members}
    for one in counted:
        if one.slo.id not in read:
            # Prometheus was not asked, as it is not what counts this SLI.
            reader.problems.pop(one.slo.sli.key, None)
    return with_ledger(members, counted, nothing=reader.nothing)


async def _take_in(judging: Sequence[asyncio.Future[SloOutcome]], result: BacktestResult) -> None:
    for outcome in await asyncio.gather(*judging):
        result.add(outcome)


def _with_components(some: Sequence[Slo], documents: Sequence[Slo]) -> list[Slo]:
    """Some SLOs, and those of which the composites among them are made."""
    by_key = {slo.sli.key: slo for slo in reversed(documents)}
    found = {slo.id: slo for slo in some}
    waiting = list(some)
    while waiting:
        evaluated = waiting.pop().sli.evaluated
        composition = None if evaluated is None else evaluated.composition
        for component in () if composition is None or composition.of_sources else composition.components:
            part = by_key.get(component.key)
            if part is not None and part.id not in found:
                found[part.id] = part
                waiting.append(part)
    return list(found.values())


def _wanted(member: MemberPast, plan: BacktestPlan) -> BacktestedSlo:
    slo = with_windows_of_at_least(member.slo, timedelta(seconds=member.shortest_window_s))
    proposed = tuple((rules.name, rules.alerting(slo)) for rules in plan.proposed)
    known = None if plan.labelled is None else incidents_of(plan.labelled, member.id, slo.service)
    return BacktestedSlo(
        id=member.id,
        slo=slo,
        history=member.history.until(plan.question.end),
        proposed=proposed,
        incidents=known,
        are_complete=plan.are_complete,
    )


@contextmanager
def _workers(slos: int) -> Iterator[Executor]:
    executor: Executor
    if slos <= _FEW_SLOS:
        # To start processes takes longer than to judge some SLOs.
        executor = ThreadPoolExecutor(1, thread_name_prefix="backtest")
    else:
        # Forked processes would inherit the threads' locks of the service.
        executor = ProcessPoolExecutor(
            min(_MOST_WORKERS, os.cpu_count() or 1),
            mp_context=get_context("spawn"),
            initializer=os.setpriority,
            initargs=(os.PRIO_PROCESS, 0, NICE),
        )
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)
