"""A real server as a child process on a free loopback port: started, watched, hurt and surely ended."""

import atexit
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import httpx

from testbed.waiting import PATIENCE_S, wait_until

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_random = random.SystemRandom()
_PORTS = range(12000, 31000)
"""Outside the range that outgoing connections use."""
_taken: set[int] = set()
_closed: list[socket.socket] = []


class Running(Protocol):
    """A process that was started: what of `subprocess.Popen` a `Server` uses."""

    @property
    def pid(self) -> int:
        """Its id, also of its process group."""

    @property
    def returncode(self) -> int | None:
        """How it ended, as far as that has been noticed; negative for a signal."""

    def poll(self) -> int | None:
        """How it ended; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """How it ends.

        Raises:
            subprocess.TimeoutExpired: not within *timeout* seconds.
        """


class NotReadyError(RuntimeError):
    """A server ended, or did not answer in time; the message holds the tail of its log."""


def free_port() -> int:
    """A loopback port that is free now, and that no other test of this run is given, so that it stays free."""
    ports = _ports_of_this_worker()
    for _ in range(200):
        port = _random.choice(ports)
        with socket.socket() as probe, suppress(OSError):
            if port not in _taken:
                probe.bind(("127.0.0.1", port))
                _taken.add(port)
                return port
    raise NotReadyError("no free port found on 127.0.0.1")


def closed_port() -> int:
    """A loopback port at which nobody listens as long as this process lives."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    _closed.append(held)
    atexit.register(held.close)
    return int(held.getsockname()[1])


def _ports_of_this_worker() -> range:
    """Every worker of pytest-xdist has ports of its own."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return _PORTS[worker % workers :: workers]


@dataclass(slots=True, kw_only=True)
class Server:
    """One server process and the port it listens on.

    The port, folder and command stay the same over `restart`, so that others can find it again.
    """

    name: str
    command: Sequence[str]
    port: int
    log_path: Path
    ready_path: str = "/-/ready"
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    _process: Running | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The base URL, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        if self._process is None:
            raise NotReadyError(f"{self.name} is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is there (it may be paused)."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How the process ended; None while it runs, or before the start."""
        return None if self._process is None else self._process.poll()

    @property
    def log(self) -> str:
        """Everything the server has written so far, over all its lives."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def launch(self) -> None:
        """Start the process without waiting for it."""
        self._process = self._spawn()
        # Ends the child even where a test run dies between the start and its `with`.
        atexit.register(self.kill)

    def start(self, timeout: float = PATIENCE_S) -> Self:
        """Start the process and wait until it is ready.

        Raises:
            NotReadyError: it ended or was not ready in time; nothing is left running.
        """
        self.launch()
        try:
            self.wait_ready(timeout)
        except BaseException:
            self.kill()
            raise
        return self

    def wait_ready(self, timeout: float = PATIENCE_S) -> None:
        """Wait until the readiness path answers 200.

        Raises:
            NotReadyError: the process ended, or *timeout* seconds have passed.
        """
        deadline = time.monotonic() + timeout
        # Without reading certificates, which would take a third of the time between two looks.
        with httpx.Client(base_url=self.url, timeout=20.0, trust_env=False, verify=False) as client:  # noqa: S501  HTTP
            while time.monotonic() < deadline:
                if not self.running:
                    raise NotReadyError(f"{self.name} ended with {self.exit_code}:\n{self.log[-3000:]}")
                with suppress(httpx.TransportError):
                    if client.get(self.ready_path).status_code == httpx.codes.OK:
                        return
                time.sleep(0.05)
        raise NotReadyError(f"{self.name} was not ready after {timeout} s:\n{self.log[-3000:]}")

    def stop(self, timeout: float = 60.0) -> int | None:
        """Ask the server to end (SIGTERM), then force it; its exit code."""
        if self._process is None:
            return None
        if self.running:
            self._signal(signal.SIGCONT)
            self._signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout)
        self.kill()
        return self._process.returncode

    def kill(self) -> None:
        """End the process and its children at once (SIGKILL)."""
        if self._process is not None and self._process.returncode is None:
            self._signal(signal.SIGKILL)
            self._process.wait()
        atexit.unregister(self.kill)

    def pause(self) -> None:
        """Let the server hang (SIGSTOP): connections are accepted by the kernel, and nothing answers."""
        self._signal(signal.SIGSTOP)
        # Threads that run on other cores stop a moment after the signal, and may answer until then.
        wait_until(self._is_stopped, f"{self.name} to stop")

    def resume(self) -> None:
        """Let a paused server go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def hang_up(self) -> None:
        """Send SIGHUP, which reloads the configuration."""
        self._signal(signal.SIGHUP)

    def restart(self, timeout: float = PATIENCE_S) -> None:
        """Stop and start again on the same port and folder, and wait until it is ready."""
        self.stop()
        self.start(timeout)

    def cpu_seconds(self) -> float:
        """User and system CPU that the process has used since it started, all threads, without children."""
        fields = _stat_fields(Path(f"/proc/{self.pid}/stat"))
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND

    def resident_bytes(self) -> int:
        """Memory of the process that is in RAM."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE_BYTES

    def _spawn(self) -> Running:
        """A new process, which leads a session of its own and writes to the log."""
        with self.log_path.open("ab") as log:
            return subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.env},
                cwd=self.cwd,
                start_new_session=True,
            )

    def _is_stopped(self) -> bool:
        """Whether all its threads have stopped, or ended."""
        states = set()
        for task in Path(f"/proc/{self.pid}/task").glob("*/stat"):
            with suppress(FileNotFoundError, ProcessLookupError):
                states.add(_stat_fields(task)[0])
        return states <= {"T", "Z", "X"}

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)


def _stat_fields(stat: Path) -> Sequence[str]:
    """The fields of a process or thread in `/proc`, from its state on; the name before it may have any character."""
    return stat.read_text().rpartition(")")[2].split()
