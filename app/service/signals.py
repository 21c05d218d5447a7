"""What signals make the service do, during its start and while it serves."""

import signal
from collections.abc import Callable
from types import FrameType

_STOP = (signal.SIGTERM, signal.SIGINT)


class StopRequestedError(BaseException):
    """The service was told to stop before it served; not an `Exception`, so that no handler of errors keeps it."""


class Signals:
    """SIGTERM and SIGINT stop the service, SIGHUP reloads its documents; made in the main thread.

    During the start a signal to stop raises `StopRequestedError` in the main thread, and one to reload is kept for
    later: documents may have been read already. Once the service serves, `stop_by` and `reload_by` say what is called.
    """

    def __init__(self) -> None:
        self._stop: Callable[[], object] | None = None
        self._reload: Callable[[], object] | None = None
        self._stopping = False
        self._reload_wanted = False

    def install(self) -> None:
        """Handle the signals from now on."""
        for number in _STOP:
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_reload)

    def stop_by(self, stop: Callable[[], object]) -> None:
        """Call *stop* from now on instead of raising."""
        self._stop = stop

    def reload_by(self, reload: Callable[[], object]) -> None:
        """Call *reload* from now on, and at once if a signal came before."""
        self._reload = reload
        if self._reload_wanted:
            self._reload_wanted = False
            reload()

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        if self._stop is not None:
            self._stop()
        elif not self._stopping:
            # A second signal must not break off what the first one has begun.
            self._stopping = True
            raise StopRequestedError

    def _on_reload(self, _number: int, _frame: FrameType | None) -> None:
        if self._reload is None:
            self._reload_wanted = True
        else:
            self._reload()
