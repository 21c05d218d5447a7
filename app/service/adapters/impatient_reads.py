"""Reads of the database for people, who are paged while it is away: none waits for long, and few wait at all."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from app.http import DetachedCalls, TooManyCallsError
from app.store import Database, StoreUnavailableError, Transaction

# Between two cores and a busy server; a machine that is gone answers no connection at all.
_ANSWERS_WITHIN_S = 3.0
# The history of a year is read in a second or two.
_READS_WITHIN_S = 20.0
# As long it counts as what it was: away, or there.
_KNOWN_FOR_S = 3.0
T = TypeVar("T")


class ImpatientReads:
    """Reads a database that may hang, such as that of a machine which is cut off; one that is a file is simply read.

    Whether it answers is asked before, with a deadline, so that no thread of the server waits for one that does not.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._calls = DetachedCalls()
        self._answered_s = self._away_s = float("-inf")

    def read(self, work: Callable[[Transaction], T]) -> T:
        """What *work* returns of a transaction.

        Raises:
            StoreUnavailableError: the database cannot be read, or has not answered in time.
        """

        def begun() -> T:
            with self._database.read() as transaction:
                return work(transaction)

        return self.run(begun)

    def run(self, work: Callable[[], T]) -> T:
        """As `read`, of *work* that reads by itself."""
        if not self._database.is_shared:
            return work()
        now_s = time.monotonic()
        if now_s - self._away_s < _KNOWN_FOR_S:
            raise StoreUnavailableError("the database could not be read a moment ago")
        with self._noted():
            if now_s - self._answered_s >= _KNOWN_FOR_S:
                self._calls.call_now("answers", self._answers, within_s=_ANSWERS_WITHIN_S)
            # Each has a thread of its own: one that hangs holds up no other.
            return self._calls.call_now(object(), work, within_s=_READS_WITHIN_S)

    def _answers(self) -> None:
        self._database.ping()
        self._answered_s = time.monotonic()

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except StoreUnavailableError:
            self._away_s = time.monotonic()
            raise
        except (TimeoutError, TooManyCallsError) as error:
            self._away_s = time.monotonic()
            raise StoreUnavailableError("the database does not answer") from error
