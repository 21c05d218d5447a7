"""A clock of its own for a child process, which a test can set while it runs: libfaketime, steered by a file."""

from collections.abc import Mapping
from pathlib import Path

from testbed.process import NotReadyError

_PLACES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/local/lib/faketime/libfaketimeMT.so.1")


class FakedClock:
    """The wall clock of processes that run with `env`; the monotonic clock stays true, as on a machine that is set."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self._library = _library()
        self.set("+0")

    @property
    def env(self) -> Mapping[str, str]:
        """What a process needs in its environment."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            # Without a cache the file is read for every look at the clock, of which there are thousands in a second.
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # Otherwise waits for a lock return at once, and threads that want the interpreter use all CPU there is.
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
            "NO_FAKE_STAT": "1",
        }

    def set(self, ahead: str) -> None:
        """From now on the clock is so much ahead, such as ``-2h`` or ``+10m``."""
        new = self._file.with_suffix(".new")
        new.write_text(ahead + "\n")
        new.replace(self._file)


def _library() -> Path:
    for place in _PLACES:
        found = next(Path("/").glob(place.removeprefix("/")), None)
        if found is not None:
            return found
    raise NotReadyError("libfaketime is not installed: run 'apt-get install faketime' as root")
