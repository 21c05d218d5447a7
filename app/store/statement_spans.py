"""Statements as spans of what they are executed for: which of them is slow, and how many there are."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext

from app.tracing import trace_child

_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE|TABLE)\s+\"?(\w+)")
# Values are parameters, so that no text of a statement has any; the longest name hundreds of these.
_MOST_TEXT = 500
_OPEN: Final = "sloburn.span"
"""Where a connection keeps the span of the statement that it executes."""


@contextmanager
def trace_statements() -> Iterator[None]:
    """Trace the statements of every engine until the end of the block."""
    listeners = (
        ("before_cursor_execute", _begin),
        ("after_cursor_execute", _end),
        ("handle_error", _fail),
    )
    for name, listener in listeners:
        event.listen(Engine, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners:
            event.remove(Engine, name, listener)


def _begin(
    connection: Connection, _cursor: Any, statement: str, _parameters: Any, _context: Any, _executemany: bool
) -> None:
    operation = statement.split(None, 1)[0].upper()
    table = _TABLE.search(statement)
    summary = f"{operation} {table[1]}" if table else operation
    attributes = {
        "db.system.name": connection.dialect.name,
        "db.query.summary": summary,
        "db.query.text": statement[:_MOST_TEXT],
    }
    # Begun in one listener and ended in another, in the same thread.
    ending = ExitStack()
    span = ending.enter_context(trace_child(summary, attributes, client=True))
    connection.info[_OPEN] = span, ending


def _end(connection: Connection, *_: Any) -> None:
    _, ending = connection.info.pop(_OPEN)
    ending.close()


def _fail(context: ExceptionContext) -> None:
    if context.connection is not None and _OPEN in context.connection.info:
        span, ending = context.connection.info.pop(_OPEN)
        span.fail(type(context.original_exception).__name__)
        ending.close()
