"""Imports the history of the shop into the storage of a Prometheus that is not running, with promtool.

A file in the storage marks an import that has begun, and another one that it is complete: an import that was
interrupted leaves blocks behind, and importing once more on top of them would count the month twice.
"""

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from demo.errors import DemoError
from demo.history import Scrapes, write_history

_ONE_BLOCK_HOURS = 1_000
"""Promtool reads its whole input once for each block; with its default of 2 h it would read a month 372 times."""
_WORD_EVERY_S = 10.0
"""Promtool says nothing while it works, for up to a minute."""
_BEGUN = "demo-history.incomplete"
_COMPLETE = "demo-history.complete"
# A block is named by a ULID; promtool adds a suffix while it writes one.
_BLOCK = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}(\.tmp-for-creation)?")
_TEXT = "demo-history-"


class ImportFailedError(DemoError):
    """Promtool refused the history; the text is its own."""


class StorageInUseError(DemoError):
    """The storage holds data that this import did not write."""

    exit_code = 2


def import_history(
    storage: Path,
    scrapes: Scrapes,
    *,
    promtool: str,
    written: Callable[[float], None] | None = None,
    importing: Callable[[float], None] | None = None,
) -> bool:
    """Write blocks with the history of the shop into *storage*; whether there was anything to do.

    A complete import is left alone, and what an interrupted one has left is removed first. *written* is called with
    the share of the text that is written, 0 to 1, and then *importing*, now and then, with the seconds that promtool
    has taken.

    Raises:
        StorageInUseError: the storage holds other data.
        ImportFailedError: promtool failed.
    """
    storage.mkdir(parents=True, exist_ok=True)
    if (storage / _COMPLETE).exists():
        return False
    _remove_interrupted(storage)
    (storage / _BEGUN).touch()
    # In the storage itself: beside it may be a root filesystem that is read-only, or one that is too small.
    with tempfile.TemporaryDirectory(prefix=_TEXT, dir=storage) as folder:
        text = Path(folder) / "history.om"
        write_history(text, scrapes, done=written)
        command = [
            promtool,
            *("tsdb", "create-blocks-from", "openmetrics", "--quiet"),
            f"--max-block-duration={_ONE_BLOCK_HOURS}h",
            *(str(text), str(storage)),
        ]
        code, errors = _run(command, importing)
    if code != 0:
        raise ImportFailedError(f"promtool could not import the history: {errors.strip()}")
    # The last step, and atomic: from here on the import counts as complete.
    (storage / _BEGUN).rename(storage / _COMPLETE)
    return True


def _run(command: list[str], running: Callable[[float], None] | None) -> tuple[int, str]:
    """The exit code of a command and what it wrote to standard error."""
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        while True:
            try:
                _, errors = process.communicate(timeout=_WORD_EVERY_S)
            except subprocess.TimeoutExpired:
                if running is not None:
                    running(time.monotonic() - began)
            except BaseException:
                # As Ctrl-C: the blocks that it has begun would be imported twice.
                process.kill()
                raise
            else:
                return process.returncode, errors


def _remove_interrupted(storage: Path) -> None:
    """Remove what an import that did not complete has left in *storage*.

    Raises:
        StorageInUseError: there is anything else.
    """
    ours = [path for path in storage.iterdir() if _BLOCK.fullmatch(path.name) or path.name.startswith(_TEXT)]
    begun = storage / _BEGUN
    # `lost+found` is that of a volume which is a filesystem of its own.
    others = sorted(path.name for path in storage.iterdir() if path not in {*ours, begun, storage / "lost+found"})
    if others or (ours and not begun.exists()):
        held = ", ".join([*others, *(path.name for path in ours)][:3])
        raise StorageInUseError(
            f"{storage} holds other data ({held}): give the storage of a Prometheus that has not been started yet, "
            "or remove this one first"
        )
    for path in ours:
        shutil.rmtree(path)
