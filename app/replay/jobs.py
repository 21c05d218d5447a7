"""Backtests that a service runs beside its evaluations: one at a time, each in a process of the lowest priority.

A process of its own has its own interpreter lock and its own memory, and can be ended at any time; so no backtest
delays an evaluation.
"""

import asyncio
import os
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from app.clock import SystemClock
from app.ingest import Source
from app.prometheus import OpensSource, PrometheusError, open_sources
from app.replay.documents import backtest_document
from app.replay.history.ledger_history import LedgerReader
from app.replay.running import NICE, BacktestPlan, run_backtest
from app.store import StoreError

# Results are some megabytes at most, and are looked at soon.
_MOST_KEPT = 20
_MOST_WAITING = 5


class JobState(StrEnum):
    """How far a backtest is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(slots=True, kw_only=True)
class BacktestJob:
    """One backtest: *progress* is a ratio, *result* its document once it is done, *problem* why it failed."""

    id: str
    plan: BacktestPlan
    created_at: datetime
    state: JobState = JobState.WAITING
    progress: float = 0.0
    finished_at: datetime | None = None
    result: Mapping[str, Any] | None = None
    problem: str | None = None


class TooManyBacktestsError(Exception):
    """As many wait already as may."""


class RunningBacktest(Protocol):
    """A backtest under way, in another process."""

    def receive(self) -> tuple[str, Any]:
        """What it says next: ``progress`` and a ratio, ``done`` and a document, or ``failed`` and why.

        Raises:
            EOFError, OSError: it has ended.
        """
        ...

    def stop(self) -> None:
        """End it, from any thread: `receive` says so."""
        ...

    def close(self) -> None:
        """Let go of what it holds, in the thread that has received from it, after `stop`."""
        ...


Launch = Callable[[BacktestPlan], RunningBacktest]


@dataclass(slots=True, kw_only=True)
class BacktestJobs:
    """The backtests of a service; the newest few are kept. Called from any thread."""

    launch: Launch
    now: Callable[[], datetime]
    _jobs: dict[str, BacktestJob] = field(default_factory=dict)
    _running: dict[str, RunningBacktest] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _worker: threading.Thread | None = None

    def add(self, plan: BacktestPlan) -> BacktestJob:
        """Let a backtest run when those before it have.

        Raises:
            TooManyBacktestsError: too many wait.
        """
        with self._lock:
            if sum(job.state is JobState.WAITING for job in self._jobs.values()) >= _MOST_WAITING:
                raise TooManyBacktestsError(f"{_MOST_WAITING} backtests wait already; ask again when one has run")
            job = BacktestJob(id=secrets.token_hex(8), plan=plan, created_at=self.now())
            self._jobs[job.id] = job
            over = [one for one in self._jobs.values() if one.finished_at is not None]
            for old in over[: max(len(self._jobs) - _MOST_KEPT, 0)]:
                del self._jobs[old.id]
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="backtests", daemon=True)
                self._worker.start()
        return job

    def find(self, job: str) -> BacktestJob | None:
        """One of them, None if it is not known any more."""
        with self._lock:
            return self._jobs.get(job)

    def listed(self) -> tuple[BacktestJob, ...]:
        """All that are known, the newest first."""
        with self._lock:
            return tuple(reversed(self._jobs.values()))

    def remove(self, job: str) -> bool:
        """End and forget a backtest; False if it is not known."""
        with self._lock:
            running = self._running.get(job)
            found = self._jobs.pop(job, None)
        if running is not None:
            running.stop()
        return found is not None

    def close(self) -> None:
        """End all of them."""
        for job in self.listed():
            self.remove(job.id)

    def _work(self) -> None:
        while True:
            with self._lock:
                job = next((one for one in self._jobs.values() if one.state is JobState.WAITING), None)
                if job is None:
                    self._worker = None
                    return
                job.state = JobState.RUNNING
            self._run(job)

    def _run(self, job: BacktestJob) -> None:
        try:
            running = self.launch(job.plan)
        except OSError as error:
            # No memory or no process is left: this one fails, and the next may run.
            self._note(job, "failed", str(error))
            return
        with self._lock:
            self._running[job.id] = running
            removed = job.id not in self._jobs
        try:
            while not removed and job.state is JobState.RUNNING:
                self._note(job, *running.receive())
        except (EOFError, OSError):
            self._note(job, "failed", "its process has ended")
        finally:
            with self._lock:
                del self._running[job.id]
            running.stop()
            running.close()

    def _note(self, job: BacktestJob, kind: str, value: Any) -> None:
        with self._lock:
            if kind == "progress":
                job.progress = value
                return
            job.finished_at = self.now()
            if kind == "done":
                job.result, job.progress, job.state = value, 1.0, JobState.DONE
            else:
                job.problem, job.state = str(value), JobState.FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryAccess:
    """How to reach what history is read from: *sources*, by their names, as there are when a backtest starts.

    The *ledger* is for what they no longer have.
    """

    sources: Callable[[], Mapping[str, OpensSource[Source]]]
    ledger: LedgerReader | None = None

    def launch(self, plan: BacktestPlan) -> "BacktestProcess":
        """Start a process for a backtest."""
        # Spawned: a fork would inherit the locks that other threads hold.
        context = get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(
            target=_serve, args=(theirs, self.sources(), self.ledger, plan), daemon=True, name="backtest"
        )
        process.start()
        theirs.close()
        return BacktestProcess(ours, process)


@dataclass(frozen=True, slots=True)
class BacktestProcess:
    """A backtest in a process of its own."""

    connection: Connection
    process: BaseProcess

    def receive(self) -> tuple[str, Any]:
        """As in `RunningBacktest`."""
        kind, value = self.connection.recv()
        return kind, value

    def stop(self) -> None:
        """End the process; the connection stays open, as another thread may wait on it."""
        self.process.kill()

    def close(self) -> None:
        """Wait for the end of the process, and close the connection."""
        self.process.join()
        self.connection.close()


def _serve(
    connection: Connection, sources: Mapping[str, OpensSource[Source]], ledger: LedgerReader | None, plan: BacktestPlan
) -> None:
    """Run a backtest in this process and send its progress and result; it ends once the connection is closed."""
    # Not os.nice, which adds: a service of a higher priority would give its backtests a share of the machine.
    os.setpriority(os.PRIO_PROCESS, 0, NICE)

    async def run() -> Mapping[str, Any]:
        async with open_sources(sources, clock=SystemClock()) as clients:
            result = await run_backtest(
                plan,
                clients,
                ledger=ledger,
                advanced=lambda share: connection.send(("progress", share)),
                beside=False,
            )
        return backtest_document(result)

    try:
        connection.send(("done", asyncio.run(run())))
    except (PrometheusError, StoreError) as error:
        connection.send(("failed", str(error)))
    except BrokenPipeError:
        return
