"""`sloburn convert`: documents of any tool as native ones, or as OpenSLO."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from app.cli.check import EXIT_WARNINGS, Strict
from app.cli.configuration import settings_for
from app.cli.console import EXIT_FAILED, EXIT_USAGE, choice_of, errors, fail, write_file
from app.cli.documents import Paths, show, with_noun
from app.documents import Defaults
from app.documents.conversion import Conversion, ConvertedFile, Target, convert_documents

_FILES = frozenset({".yaml", ".yml"})
_MOST_NAMED = 10

To = Annotated[
    Target,
    typer.Option("--to", help="The form to write.", metavar="<native|openslo>", parser=choice_of(Target)),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Write to this file (*.yaml), or one file for each file of PATH into this folder, instead of standard "
        "output.",
        metavar="PATH",
        show_default=False,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")]
AsWritten = Annotated[
    bool,
    typer.Option(
        "--as-written",
        help="Keep the comparison of a quantile with a threshold, instead of the share of requests within it.",
    ),
]


def convert(
    paths: Paths,
    *,
    to: To = Target.NATIVE,
    output: Output = None,
    force: Force = False,
    as_written: AsWritten = False,
    strict: Strict = False,
) -> None:
    """Convert SLO documents of any tool to native ones, or to OpenSLO.

    PATH is a file with SLO documents, or a folder of such files: of Sloth, Pyrra, OpenSLO, Nobl9 or slo-generator, of
    the APIs of Datadog or New Relic, or native ones. Ids and labels stay, and SLIs keep their history. Comments say
    what was repaired, is ignored or counts otherwise than it was written. What the new form cannot say is left out,
    with the reason as a comment and on standard error.

    Exit code 0: everything is converted; 1: something is left out or not the same, or documents have errors; 2: the
    command cannot start, such as for a file that exists, without --force; 3: warnings, with --strict.

    Example: sloburn convert sloth/checkout.yml > checkout.yaml

    Example: sloburn convert sloth/ pyrra/ --output config/slos/

    Example: sloburn convert --to openslo config/slos -o openslo.yaml
    """
    defaults = Defaults.of(settings_for({}).default_window)
    converted = convert_documents(*paths, defaults=defaults, target=to, as_written=as_written)
    if any(not path.exists() for path in paths):
        show(converted.errors)
        raise typer.Exit(EXIT_USAGE)
    targets = _targets(converted.files, paths, output)
    _write(targets, force=force)
    show([*converted.errors, *converted.warnings, *converted.losses])
    _conclude(converted)
    if converted.errors or converted.losses:
        raise typer.Exit(EXIT_FAILED)
    if strict and converted.warnings:
        raise typer.Exit(EXIT_WARNINGS)


def _targets(
    files: Sequence[ConvertedFile], paths: Sequence[Path], output: Path | None
) -> dict[Path | None, list[str]]:
    """The texts by the file that they are for; None is standard output."""
    found: dict[Path | None, list[str]] = {}
    for file in files:
        target = output if output is None or _is_file(output) else output / _below(file.source, paths)
        found.setdefault(target, []).append(file.text)
    return found


def _is_file(output: Path) -> bool:
    return output.suffix in _FILES and not output.is_dir()


def _below(source: Path, paths: Sequence[Path]) -> Path:
    """The path of a file below the folder that it was found in."""
    folder = next((path for path in paths if path.is_dir() and source.is_relative_to(path)), source.parent)
    return source.relative_to(folder).with_suffix(".yaml")


def _write(targets: dict[Path | None, list[str]], *, force: bool) -> None:
    """Write all files, or none where one exists."""
    existing = [str(path) for path in targets if path is not None and path.exists()]
    if existing and not force:
        fail("\n".join(f"{path} exists; give --force to overwrite it" for path in existing), code=EXIT_USAGE)
    for path, texts in targets.items():
        text = "---\n".join(texts)
        if path is None:
            typer.echo(text, nl=False)
        else:
            write_file(path, text, make_folders=True)


def _conclude(converted: Conversion) -> None:
    slos = with_noun(sum(len(file.slos) for file in converted.files), "SLO")
    files = with_noun(len(converted.files), "file")
    counts = f"{with_noun(len(converted.errors), 'error')}, {with_noun(len(converted.warnings), 'warning')}"
    changed = {loss.subject for loss in converted.losses}
    lost = f", {with_noun(len(changed), 'SLO')} not converted as they are" if changed else ""
    colour = "red" if converted.errors or converted.losses else "yellow" if converted.warnings else "green"
    errors().print(f"{files}, {slos} converted: {counts}{lost}", style=colour)
    if converted.without_slos:
        errors().print("not written, since they have no SLOs:")
        for file in converted.without_slos[:_MOST_NAMED]:
            errors().print(f"  {file}", markup=False, soft_wrap=True)
        more = len(converted.without_slos) - _MOST_NAMED
        if more > 0:
            errors().print(f"  and {more:,} more")
