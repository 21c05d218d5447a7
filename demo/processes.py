"""The demo's processes: started one after the other, watched together, and ended without exception."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import httpx

from demo.errors import DemoError

_POLL_SECONDS = 0.1
_STOP_SECONDS = 12.0
_LOG_TAIL_LINES = 12


class ProcessEndedError(DemoError):
    """A process of the demo ended by itself, or never became ready; the message has the end of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """How to start one part; it is ready once *ready_url* answers 200.

    *env* is the whole environment of the process. *log* is None for a part that speaks to the terminal.
    """

    name: str
    argv: Sequence[str]
    ready_url: str
    env: Mapping[str, str]
    cwd: Path
    log: Path | None


@dataclass(frozen=True, slots=True)
class RunningProcess:
    """A running part."""

    command: Command
    process: subprocess.Popen[bytes]

    def check(self) -> None:
        """Raises ProcessEndedError where the process has ended."""
        code = self.process.poll()
        if code is not None:
            raise ProcessEndedError(f"{self.command.name} ended with {_exit(code)}{_tail(self.command.log)}")

    def signal(self, number: signal.Signals) -> None:
        """Send *number* to the process and all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


@dataclass(slots=True)
class Processes:
    """All running parts, in the order of their start."""

    running: list[RunningProcess] = field(default_factory=list)

    def start(self, command: Command, *, timeout: float) -> None:
        """Start a part and wait until it is ready.

        Raises:
            ProcessEndedError: it ended, or was not ready after *timeout* seconds.
        """
        process = RunningProcess(command, _spawn(command))
        self.running.append(process)
        deadline = time.monotonic() + timeout
        while not _ready(command.ready_url):
            self.check()
            if time.monotonic() > deadline:
                raise ProcessEndedError(f"{command.name} was not ready after {timeout:.0f} s{_tail(command.log)}")
            time.sleep(_POLL_SECONDS)

    def check(self) -> None:
        """Raises ProcessEndedError where any part has ended."""
        for process in self.running:
            process.check()

    def watch(self) -> None:
        """Wait for ever; raises ProcessEndedError once any part has ended."""
        while True:
            self.check()
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """End all parts, the last started first; one that does not end in time is killed."""
        for process in reversed(self.running):
            process.signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.process.wait(_STOP_SECONDS)
            process.signal(signal.SIGKILL)
            process.process.wait()
        self.running.clear()


def _spawn(command: Command) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C reaches the demo alone, which then ends its parts in order.
    with _output(command.log) as output:
        return subprocess.Popen(
            command.argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if command.log else None,
            env=dict(command.env),
            cwd=command.cwd,
            start_new_session=True,
        )


def _output(log: Path | None) -> AbstractContextManager[IO[bytes] | None]:
    return nullcontext() if log is None else log.open("ab")


def _ready(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2.0, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _exit(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"


def _tail(log: Path | None) -> str:
    lines = log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:] if log and log.exists() else []
    return "; the end of its log:\n  " + "\n  ".join(lines) if lines else ""
