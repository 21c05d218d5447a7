"""The program in processes that are forked from one which has imported it: each start saves a second."""

import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from testbed.waiting import PATIENCE_S

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["app.cli", "app.service.run"])


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
        process = _context.Process(target=_run, args=(list(arguments), dict(env), cwd, output))
        process.start()
        process.join(PATIENCE_S)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutError(f"it has not ended after {PATIENCE_S:.0f} s: {output.read_text()}")
        return Ended(process.exitcode, output.read_text())


def _run(arguments: list[str], env: dict[str, str], cwd: Path, output: Path) -> None:
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    written = os.open(output, os.O_WRONLY | os.O_CREAT)
    os.dup2(written, sys.stdout.fileno())
    os.dup2(written, sys.stderr.fileno())
    sys.argv = ["sloburn", *arguments]
    from app.__main__ import main  # noqa: PLC0415  the process that is forked has what it imports

    main()
