"""Programs in processes that are forked from one which has imported `app`: each start saves a second of CPU.

What a process that is executed has and these have not: its own time of import, and libraries that are preloaded.
"""

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from typing_extensions import override

from testbed.process import Running, Server
from testbed.waiting import PATIENCE_S

context = multiprocessing.get_context("forkserver")
"""Of all processes here, so that they are forked from one."""
# The last three are what a service imports after its start.
_PRELOADED = ["app.cli", "app.service.run", "alembic.command", "fastapi_offline", "anyio._backends._asyncio"]
context.set_forkserver_preload(_PRELOADED)


def preload(module: str) -> None:
    """Have the process that all are forked from import *module*, too; to be called before it is started."""
    _PRELOADED.append(module)
    context.set_forkserver_preload(_PRELOADED)


def start_server() -> dict[str, Any]:
    """Start the process that all are forked from, and give what `use_server` needs to reach it."""
    forkserver.ensure_running()
    # Newer versions of Python ask for a key, too.
    names = ("_forkserver_address", "_forkserver_authkey")
    return {name: getattr(_server(), name) for name in names if hasattr(_server(), name)}


def use_server(reached_by: Mapping[str, Any]) -> None:
    """Fork from that of another process, which outlives this one: each takes seconds to import `app`, and 150 MB."""
    server = _server()
    for name, value in reached_by.items():
        setattr(server, name, value)
    # Sent with each request; the server only watches that of the process which has started it.
    server._forkserver_alive_fd, _ = os.pipe()
    server.ensure_running = resource_tracker.ensure_running


def _server() -> Any:
    # Of multiprocessing's own: it has no other way to share one.
    return forkserver._forkserver


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended, and what it has written to both outputs."""

    code: int
    output: str


def run_sloburn(arguments: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> Ended:
    """Run `sloburn` to its end.

    Raises:
        TimeoutError: it does not end in `PATIENCE_S`.
    """
    with TemporaryDirectory(prefix="sloburn-forked-") as folder:
        output = Path(folder) / "output"
        process = ForkedProcess(_sloburn, arguments, env=env, cwd=cwd, output=output)
        try:
            return Ended(process.wait(PATIENCE_S), output.read_text())
        except subprocess.TimeoutExpired:
            process.kill()
            raise TimeoutError(f"it has not ended after {PATIENCE_S:.0f} s: {output.read_text()}") from None


class ForkedServer(Server):
    """`sloburn` as a server; its command begins with the arguments of the program."""

    @override
    def _spawn(self) -> Running:
        env = {**os.environ, **self.env}
        return ForkedProcess(_sloburn, self.command, env=env, cwd=self.cwd or Path.cwd(), output=self.log_path)


class ForkedProcess:
    """One process that runs *program*, a function of a module, with `sys.argv` in a session of its own."""

    def __init__(
        self,
        program: Callable[[], None],
        arguments: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        output: Path,
    ) -> None:
        self._process: ForkServerProcess = context.Process(
            target=_run, args=(program, list(arguments), dict(env), cwd, output), daemon=True
        )
        self._process.start()
        # Signals go to its group, which it leads a moment after its start.
        with suppress(ProcessLookupError):
            while self.poll() is None and os.getpgid(self.pid) != self.pid:
                time.sleep(0.001)

    @property
    def pid(self) -> int:
        """Its id, also of its process group."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """How it ends.

        Raises:
            subprocess.TimeoutExpired: not within *timeout* seconds.
        """
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0.0)
        return self._process.exitcode

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        self._process.kill()
        self._process.join()


def _run(program: Callable[[], None], arguments: list[str], env: dict[str, str], cwd: Path, output: Path) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(written, sys.stdout.fileno())
    os.dup2(written, sys.stderr.fileno())
    os.close(written)
    sys.argv = [program.__name__, *arguments]
    program()


def _sloburn() -> None:
    sys.argv[0] = "sloburn"
    from app.__main__ import main  # noqa: PLC0415  the process that is forked has what it imports

    main()
