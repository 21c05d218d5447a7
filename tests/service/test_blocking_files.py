"""Files that block a process that opens them, as on a network disk that is away."""

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.service.blocking_files import find_blocking_file


@contextmanager
def blocking(file: Path) -> Iterator[None]:
    """The kernel lets others that open *file* wait for its lease, which we do not give up: 45 s by default."""
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    try:
        with file.open("r+b") as leased:
            fcntl.fcntl(leased, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            yield
    finally:
        signal.signal(signal.SIGIO, before)


def test_a_file_that_blocks_is_found_among_others(tmp_path: Path) -> None:
    names = [tmp_path / f"{number}.yaml" for number in range(3)]
    for name in names:
        name.write_text("service: shop\n")
    os.mkfifo(tmp_path / "pipe.yaml")
    assert find_blocking_file([tmp_path, tmp_path / "nowhere"]) == []
    with blocking(names[1]):
        assert [error.file for error in find_blocking_file([tmp_path], within_s=0.2)] == [names[1]]
    assert find_blocking_file([tmp_path]) == []
