"""What the commands over documents share: their paths, and how findings are shown."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from app.cli.config_file import configured, sound_config
from app.cli.configuration import settings_for
from app.cli.console import EXIT_USAGE, errors, fail
from app.documents import Defaults, LoadResult, load_all_documents, load_paths
from app.settings import Settings
from app.wording.sentences import listed
from app.yamldoc import ErrorFinding, Finding, HintFinding, LossFinding, WarningFinding

# Arguments are described in the text of each command: in a list of arguments Typer would show types of Python.
Paths = Annotated[list[Path], typer.Argument(metavar="PATH", hidden=True)]

_COLOURS: dict[type[Finding], str] = {
    ErrorFinding: "red",
    LossFinding: "red",
    WarningFinding: "yellow",
    HintFinding: "cyan",
}
# More ids would hide the advice; --format json has them all.
_MOST_NAMED = 10


def sound_documents(paths: Iterable[Path]) -> LoadResult:
    """The documents at *paths*, of the tenants whose folders they are in; ends the command with every error if any."""
    settings = settings_for({})
    # Other mistakes in that file do not matter here, such as secrets that are on another machine.
    tenants = configured(settings).config.tenants
    return _sound(load_paths(list(paths), tenants, defaults=Defaults.of(settings.default_window)))


def sound_documents_of(settings: Settings) -> LoadResult:
    """The documents that the service has, those of all tenants included; ends the command as `sound_documents`."""
    tenants = sound_config(settings).tenants
    return _sound(load_all_documents(settings.specs, tenants, defaults=Defaults.of(settings.default_window)))


def _sound(loaded: LoadResult) -> LoadResult:
    if loaded.errors:
        show(loaded.errors)
        fail(f"{with_noun(len(loaded.errors), 'error')} in the documents", code=EXIT_USAGE)
    return loaded


def show(findings: Iterable[Finding]) -> None:
    """One line for each finding, with its place first so that editors can jump there.

    What is said of several SLOs in the same words is one line, at the place of the first; those of other files have
    their places behind them.
    """
    console = errors()
    for finding in _grouped(findings):
        console.print(f"{finding.place}: ", end="", markup=False, soft_wrap=True)
        console.print(f"{finding.word}: ", end="", style=_COLOURS[type(finding)])
        console.print(finding.named_text, markup=False, soft_wrap=True)


def _grouped(findings: Iterable[Finding]) -> Iterator[Finding]:
    groups: dict[object, list[Finding]] = {}
    for found in findings:
        alike = type(found), found.code, found.field, found.problem, found.remedy
        groups.setdefault(alike if found.subject else found, []).append(found)
    for group in groups.values():
        names = list(dict.fromkeys(_named(found, beside=group[0]) for found in group))
        yield replace(group[0], subject=listed(names, _MOST_NAMED))


def _named(found: Finding, *, beside: Finding) -> str:
    """The subject of a finding, with its place where that is in another file than what it is said beside."""
    return found.subject if found.file == beside.file else f"{found.subject} ({found.file}:{found.line})"


def with_noun(number: int, noun: str) -> str:
    """A number with its noun.

    >>> with_noun(1, "error"), with_noun(2, "error")
    ('1 error', '2 errors')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
