"""Where commands write: results to standard output, everything else to standard error."""

import sys
from enum import StrEnum
from typing import IO, Any, NoReturn

import orjson
import typer
from rich.console import Console

_PIPE_WIDTH = 240
"""Columns of a table that no terminal shows: wide enough for whole ids, so that grep and awk find them."""


class Format(StrEnum):
    """How a result is written: for people or for machines."""

    TEXT = "text"
    JSON = "json"


def output() -> Console:
    """Standard output, with colours on a terminal only."""
    return _console(sys.stdout)


def errors() -> Console:
    """Standard error."""
    return _console(sys.stderr)


def print_json(document: Any) -> None:
    """Write a document for machines."""
    typer.echo(orjson.dumps(document, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z))


def fail(message: str, *, code: int = 1) -> NoReturn:
    """End the command with what is wrong, one line for each thing."""
    for line in message.splitlines():
        errors().print(f"sloburn: {line}", markup=False, soft_wrap=True)
    raise typer.Exit(code)


def _console(file: IO[str]) -> Console:
    return Console(file=file, highlight=False, width=None if file.isatty() else _PIPE_WIDTH)
