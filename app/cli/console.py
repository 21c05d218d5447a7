"""Where commands write, and how they end: results to standard output, everything else to standard error."""

import os
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated, Any, NoReturn, TypeVar

import orjson
import typer
from rich.console import Console
from rich.progress import Progress, ProgressColumn
from rich.table import Table

EXIT_FAILED = 1
"""The command ran and its result is bad: findings, or a service that does not answer or refuses."""
EXIT_USAGE = 2
"""A flag, a setting or a file keeps the command from starting; Click ends with the same code."""

# Columns of a table that no terminal shows: wide enough for whole ids, so that grep and awk find them.
_PIPE_WIDTH = 240
# Rich measures a table up to the width it is given: one that no table reaches.
_ANY_WIDTH = 10_000


class Format(StrEnum):
    """How a result is written: for people or for machines."""

    TEXT = "text"
    JSON = "json"


Choice = TypeVar("Choice", bound=StrEnum)


def choice_of(kind: type[Choice]) -> Callable[[str], Choice]:
    """A parser of options that take a value of *kind*; its errors name what can be written, and no type of Python."""

    def parse(text: str) -> Choice:
        try:
            return kind(text)
        except ValueError:
            raise typer.BadParameter(f"{text!r} is not one of {', '.join(kind)}") from None

    return parse


OutputFile = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", help="Write to this file instead of standard output.", metavar="FILE", show_default=False
    ),
]
FormatOption = Annotated[
    Format,
    typer.Option("--format", help="For people or for machines.", metavar="<text|json>", parser=choice_of(Format)),
]


def output() -> Console:
    """Standard output, with colours on a terminal only."""
    return _console(sys.stdout)


def errors() -> Console:
    """Standard error."""
    return _console(sys.stderr)


def print_items(items: Sequence[Any], form: Format, *, line: Callable[[Any], str], none: str) -> None:
    """Write what a service has listed: for people a *line* for each, or *none* where there are none."""
    if form is Format.JSON:
        print_json({"items": items})
        return
    for one in items:
        output().print(line(one), markup=False, soft_wrap=True)
    if not items:
        errors().print(none)


def print_json(document: Any) -> None:
    """Write a document for machines."""
    typer.echo(orjson.dumps(document, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z))


def progress_bar(*columns: ProgressColumn) -> Progress:
    """A bar on standard error while work lasts, on a terminal only."""
    console = errors()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def write_result(text: str, file: Path | None, *, make_folders: bool = False) -> None:
    """Write the result of a command to a file, or to standard output without one."""
    if file is None:
        typer.echo(text, nl=bool(text) and not text.endswith("\n"))
    else:
        write_file(file, text, make_folders=make_folders)


def write_file(file: Path, text: str, *, make_folders: bool = False, code: int = EXIT_USAGE) -> None:
    """Write a file that the command was asked for; where it cannot be written, the command fails."""
    try:
        if make_folders:
            file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        fail(f"cannot write {file}: {error.strerror or error}", code=code)


def fail(message: str, *, code: int = EXIT_FAILED) -> NoReturn:
    """End the command with *message* on standard error, each of its lines after the name of the program."""
    for line in message.splitlines():
        errors().print(f"sloburn: {line}", markup=False, soft_wrap=True)
    raise typer.Exit(code)


def table_fits(console: Console, table: Table) -> bool:
    """Whether a table fits; a pipe is made as wide as it needs."""
    needed = console.measure(table, options=console.options.update(max_width=_ANY_WIDTH)).maximum
    if not _has_width(console.file):
        console.width = max(console.width, needed)
    return needed <= console.width


def _console(file: IO[str]) -> Console:
    # Rich asks the terminal, or COLUMNS; it would take 80 for a pipe, and cut ids that grep looks for.
    known = _has_width(file)
    # No emoji: `slos.yaml:100:5` is a place.
    return Console(file=file, highlight=False, emoji=False, width=None if known else _PIPE_WIDTH)


def _has_width(file: IO[str]) -> bool:
    return file.isatty() or "COLUMNS" in os.environ
