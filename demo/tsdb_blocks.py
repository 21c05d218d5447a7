"""Puts the shop's history into the storage of a Prometheus that is not running, with promtool."""

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from demo.errors import DemoError
from demo.history import Scrapes, write_history

_ONE_BLOCK_HOURS = 1_000
"""Promtool reads its whole input once for each block; with its default of 2 h a month would be read 372 times."""


class ImportFailedError(DemoError):
    """Promtool refused the history; the message is its own."""


def import_history(
    storage: Path, scrapes: Scrapes, *, promtool: str, written: Callable[[float], None] | None = None
) -> None:
    """Write blocks with the shop's history into *storage*; *written* hears the share of the text written, 0..1.

    Raises:
        ImportFailedError: promtool failed.
    """
    storage.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="history-", dir=storage.parent) as folder:
        text = Path(folder) / "history.om"
        write_history(text, scrapes, done=written)
        command = [
            promtool,
            *("tsdb", "create-blocks-from", "openmetrics", "--quiet"),
            f"--max-block-duration={_ONE_BLOCK_HOURS}h",
            *(str(text), str(storage)),
        ]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise ImportFailedError(f"promtool could not import the history: {result.stderr.strip()}")
