"""`sloburn check`: what is wrong with documents, and with what Prometheus holds for them."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.console import Format, errors, fail, print_json
from app.cli.documents import Paths, counted, show
from app.cli.live import Inspector, LiveFindings
from app.cli.templates import receiver_template_warnings, template_warnings
from app.clock import SystemClock
from app.documents import COUNTER_NAME, LoadResult, load_documents
from app.integrations import load_config
from app.prometheus import PrometheusError, open_client
from app.settings import Settings, SettingsError, environment, load_settings
from app.yamldoc import HintFinding

EXIT_ERRORS = 1
EXIT_WARNINGS = 3

Strict = Annotated[bool, typer.Option("--strict", help="Exit with 3 if there are warnings.")]
Live = Annotated[bool, typer.Option("--live", help="Also ask Prometheus whether it holds what the documents name.")]
PrometheusUrl = Annotated[
    str | None, typer.Option("--prometheus-url", help="The Prometheus that --live asks.", metavar="URL")
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="Also check this file of receivers and routes.", metavar="FILE", show_default=False),
]
FormatOption = Annotated[Format, typer.Option("--format", help="For people or for machines.")]


def check(
    paths: Paths,
    *,
    strict: Strict = False,
    live: Live = False,
    prometheus_url: PrometheusUrl = None,
    config: ConfigOption = None,
    format: FormatOption = Format.TEXT,  # noqa: A002  the contract's name
) -> None:
    """Validate SLO documents and print everything that is wrong with them.

    With --live there are hints, too: they are worth a look, and normal for some services.

    Receivers and routes are checked too: those of --config, of SLOBURN_CONFIG, or of config/sloburn.yaml if it exists.

    Exit code 0: all is well; 1: there are errors; 3: there are warnings, with --strict.

    Example: sloburn check --strict --live config/slos
    """
    loaded = _with_config(load_documents(*paths), config)
    loaded = replace(loaded, warnings=(*loaded.warnings, *template_warnings(loaded)))
    hints: tuple[HintFinding, ...] = ()
    if live and (loaded.slos or not loaded.errors):
        # What is wrong in one SLO hides nothing that Prometheus says of the sound ones.
        found = _ask(loaded, prometheus_url)
        # Prometheus knows which metrics are counters, whatever their names are.
        offline = (warning for warning in loaded.warnings if warning.code != COUNTER_NAME)
        all_errors = (*loaded.errors, *found.errors)
        loaded, hints = replace(loaded, errors=all_errors, warnings=(*offline, *found.warnings)), found.hints
    if format is Format.JSON:
        print_json(_document(loaded, hints))
    else:
        _print(loaded, hints)
    if loaded.errors:
        raise typer.Exit(EXIT_ERRORS)
    if strict and loaded.warnings:
        raise typer.Exit(EXIT_WARNINGS)


def _with_config(loaded: LoadResult, config: Path | None) -> LoadResult:
    """The result with what is wrong with receivers and routes."""
    try:
        settings = load_settings({} if config is None else {"config": config})
    except SettingsError as error:
        fail(str(error), code=EXIT_ERRORS)
    file = settings.config_file
    if file is None:
        return loaded
    found = load_config(file, environment=environment(), alertmanager_urls=settings.alertmanager_urls)
    warnings = [] if found.errors else receiver_template_warnings(found.config, file, loaded.slos)
    return replace(loaded, errors=(*loaded.errors, *found.errors), warnings=(*loaded.warnings, *warnings))


def _ask(loaded: LoadResult, prometheus_url: str | None) -> LiveFindings:
    overrides = {} if prometheus_url is None else {"prometheus_url": prometheus_url}
    try:
        return asyncio.run(_live_findings(loaded, load_settings(overrides)))
    except (PrometheusError, SettingsError) as error:
        fail(f"cannot check against Prometheus: {error}", code=EXIT_ERRORS)


async def _live_findings(loaded: LoadResult, settings: Settings) -> LiveFindings:
    clock = SystemClock()
    http, limits = settings.prometheus_http(), settings.prometheus_limits()
    async with open_client(http, clock=clock, limits=limits, partial=settings.prometheus_partial) as client:
        return await Inspector(client, clock.now()).findings(loaded)


def _print(loaded: LoadResult, hints: Sequence[HintFinding]) -> None:
    show([*loaded.errors, *loaded.warnings, *hints])
    files, slos = counted(len(loaded.files), "file"), counted(len(loaded.slos), "SLO")
    found = f"{counted(len(loaded.errors), 'error')}, {counted(len(loaded.warnings), 'warning')}"
    if hints:
        found += f", {counted(len(hints), 'hint')}"
    colour = "red" if loaded.errors else "yellow" if loaded.warnings else "green"
    errors().print(f"{files}, {slos}: {found}", style=colour)


def _document(loaded: LoadResult, hints: Sequence[HintFinding]) -> dict[str, Any]:
    return {
        "ok": not loaded.errors,
        "files": [str(file) for file in loaded.files],
        "slos": [slo.id for slo in loaded.slos],
        "errors": [asdict(error) for error in loaded.errors],
        "warnings": [asdict(warning) for warning in loaded.warnings],
        "hints": [asdict(hint) for hint in hints],
    }
