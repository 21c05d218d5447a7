"""Files on a disk that does not answer, found before they are read: reading them would never end.

The start would hang without a word, and a reload would keep all later ones waiting.
"""

import stat
from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from app.documents import find_files
from app.http.detached import DetachedCalls
from app.yamldoc import ErrorFinding
from app.yamldoc.findings import Findings

T = TypeVar("T")
# Files that are opened in one thread: a thread for each of thousands would take a second.
_BATCH = 256
# Far more than a slow network disk takes for a file, and less than supervisors wait for a service.
_WITHIN_S = 10.0
_calls = DetachedCalls()


def find_blocking_file(paths: Iterable[Path], *, within_s: float = _WITHIN_S) -> Sequence[ErrorFinding]:
    """An error for the first file at or below *paths* that cannot be opened and read within *within_s* seconds.

    Other faults of files are found by those who read them.
    """
    try:
        for path in paths:
            files = _within(path, path, partial(find_files, path, Findings()), within_s)
            for start in range(0, len(files), _BATCH):
                _open_all(files[start : start + _BATCH], within_s)
    except _BlockedError as error:
        return [error.finding]
    return []


class _BlockedError(Exception):
    def __init__(self, path: Path, within_s: float) -> None:
        super().__init__()
        problem, remedy = f"cannot be read within {within_s:g} s", "check the disk that it is on"
        self.finding = ErrorFinding(file=path, line=0, column=0, field="", problem=problem, remedy=remedy)


def _open_all(files: Sequence[Path], within_s: float) -> None:
    try:
        _within(files[0], tuple(files), partial(_open, files), within_s)
    except _BlockedError:
        # One of them blocks, or all are slow together.
        for file in files:
            _within(file, (file,), partial(_open, [file]), within_s)


def _within(path: Path, key: Hashable, work: Callable[[], T], within_s: float) -> T:
    try:
        return _calls.call_now(key, work, within_s=within_s)
    except OSError as error:
        raise _BlockedError(path, within_s) from error


def _open(files: Sequence[Path]) -> None:
    for file in files:
        with suppress(OSError):
            # To open a pipe blocks, and is refused where it is read.
            if stat.S_ISREG(file.stat().st_mode):
                with file.open("rb") as stream:
                    stream.read(1)
