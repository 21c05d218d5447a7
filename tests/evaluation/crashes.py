"""A database that breaks: at a chosen statement, or behind a commit."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event
from typing_extensions import override

from app.store import Database, open_database


class Crash(BaseException):
    """The process ends here; nothing of the code in between may catch it."""


class Breakable(Database):
    """Says where it is before each statement of a write transaction, and before and after its commit."""

    def __init__(self, database: Database, reached: Callable[[str], None]) -> None:
        super().__init__(database._backend)
        self._reached = reached
        self._writing = False
        event.listen(self._backend.engine, "before_cursor_execute", self._before_statement)

    @contextmanager
    @override
    def begin(self) -> Iterator[Connection]:
        try:
            with super().begin() as connection:
                self._writing = True
                yield connection
                self._reached("commit")
        finally:
            self._writing = False
        self._reached("committed")

    def _before_statement(self, _connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if self._writing:
            self._reached(statement)


def breakable(reached: Callable[[str], None]) -> Callable[[str], Database]:
    """Opens databases that call *reached*, which may raise."""
    return lambda url: Breakable(open_database(url), reached)
