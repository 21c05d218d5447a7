"""What the commands over documents share: their paths, and how findings are shown."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from app.cli.configuration import settings_for
from app.cli.console import EXIT_USAGE, errors, fail
from app.documents import Defaults, LoadResult, load_documents
from app.yamldoc import ErrorFinding, Finding, HintFinding, WarningFinding

# Arguments are described in the text of each command: in a list of arguments Typer would show types of Python.
Paths = Annotated[list[Path], typer.Argument(metavar="PATH", hidden=True)]

_COLOURS: dict[type[Finding], str] = {ErrorFinding: "red", WarningFinding: "yellow", HintFinding: "cyan"}


def sound_documents(paths: Iterable[Path]) -> LoadResult:
    """The documents at *paths*; ends the command with every error if there is one."""
    loaded = load_documents(*paths, defaults=Defaults.of(settings_for({}).default_window))
    if loaded.errors:
        show(loaded.errors)
        fail(f"{with_noun(len(loaded.errors), 'error')} in the documents", code=EXIT_USAGE)
    return loaded


def show(findings: Iterable[Finding]) -> None:
    """One line for each finding, with its place first so that editors can jump there."""
    console = errors()
    for finding in findings:
        console.print(f"{finding.place}: ", end="", markup=False, soft_wrap=True)
        console.print(f"{finding.word}: ", end="", style=_COLOURS[type(finding)])
        console.print(finding.named_text, markup=False, soft_wrap=True)


def with_noun(number: int, noun: str) -> str:
    """A number with its noun.

    >>> with_noun(1, "error"), with_noun(2, "error")
    ('1 error', '2 errors')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
