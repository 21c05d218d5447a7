"""Giving up a write that hangs: on a disk in a network, say, a statement may take hours and fail no sooner."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from sqlalchemy import Connection, event

from app.store.errors import StoreUnavailableError


class HangingWrite:
    """A write in another thread, which may be given up while it waits for the database, never while it computes.

    What is to be written may be changed once it is given up: the write reads none of it any more and is rolled back as
    soon as its statement returns. A commit that hangs may still reach the disk.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._computing = False
        self._given_up = False

    def give_up(self) -> bool:
        """Let the write fail if it waits for the database; False while it computes."""
        with self._lock:
            self._given_up = not self._computing
            return self._given_up

    @contextmanager
    def computing(self, transaction: Connection) -> Iterator[None]:
        """Surrounds all that the write does in its transaction.

        Raises:
            StoreUnavailableError: the write was given up.
        """
        self._compute()
        event.listen(transaction, "before_cursor_execute", self._wait)
        event.listen(transaction, "after_cursor_execute", self._compute)
        yield
        self._wait()

    def _wait(self, *_statement: object) -> None:
        with self._lock:
            self._computing = False

    def _compute(self, *_statement: object) -> None:
        with self._lock:
            if self._given_up:
                raise StoreUnavailableError("the write took too long and was given up")
            self._computing = True
