"""`sloburn check`: what is wrong with documents, and with what Prometheus holds for them."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

from app.cli.config_file import configured
from app.cli.configuration import settings_for
from app.cli.console import (
    EXIT_FAILED,
    EXIT_USAGE,
    Format,
    FormatOption,
    errors,
    fail,
    output,
    print_json,
    progress_bar,
)
from app.cli.documents import Paths, show, with_noun
from app.cli.live import Inspector, LiveFinding, LiveFindings, placed_finding
from app.cli.live_counts import CountInspector
from app.cli.live_figures import LiveFigures, print_figures
from app.cli.page_receivers import fallback_hints, no_receiver_hints, unrouted_page_warnings
from app.cli.templates import receiver_template_warnings, template_warnings
from app.clock import SystemClock
from app.count_sources import CountClient
from app.documents import COUNTER_NAME, NAMES, Defaults, LoadResult, lint, load_paths, name_as_written
from app.integrations import DeliveryConfig, LoadedConfig
from app.prometheus import BadAnswerError, PrometheusClient, PrometheusError, TimedOutError, UnreachableError
from app.service.source_clients import known_sources, reachable_sources
from app.settings import Settings
from app.sli import SeveralSources, sources_of_sli
from app.slo import DEFAULT_SOURCE, SliKind, Slo, SloId
from app.status import sla_words
from app.store import StoreDriverError, StoreError, check_driver, inspect_server
from app.yamldoc import ErrorFinding, HintFinding, WarningFinding

EXIT_WARNINGS = 3
_Figures = Sequence[tuple[Slo, LiveFigures | None]]
_Kind = TypeVar("_Kind", WarningFinding, HintFinding)


def _name(text: str) -> str:
    name = name_as_written(text)
    if name not in NAMES:
        raise typer.BadParameter(f"{text!r} is not the name of a warning or hint; docs/lint.md lists them")
    return name


Strict = Annotated[bool, typer.Option("--strict", help="Exit with 3 if there are warnings.")]
Ignore = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore",
        help="Leave out warnings and hints of this name; may be repeated.",
        metavar="NAME",
        show_default=False,
        parser=_name,
    ),
]
Live = Annotated[
    bool,
    typer.Option(
        "--live", help="Also ask Prometheus whether it holds what the documents name, and the database server."
    ),
]
PrometheusUrl = Annotated[
    str | None,
    typer.Option(
        "--prometheus-url",
        help="The Prometheus that --live asks.  [default: SLOBURN_PROMETHEUS_URL]",
        metavar="URL",
        show_default=False,
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="Also check this file of receivers and routes.", metavar="FILE", show_default=False),
]


def check(
    paths: Paths,
    *,
    strict: Strict = False,
    live: Live = False,
    ignore: Ignore = None,
    prometheus_url: PrometheusUrl = None,
    config: ConfigOption = None,
    format: FormatOption = Format.TEXT,  # noqa: A002  the contract's name
) -> None:
    """Check SLO documents, receivers and routes.

    PATH is a file with SLO documents, or a folder of such files. How the SLI of every sound SLO is counted is printed:
    by counters, by samples of a gauge, or by evaluating an expression. Every error, warning and hint is printed with
    its file and line, and its name in brackets: a comment # sloburn: ignore=NAME turns a warning or hint off. Most
    hints come from --live; they are normal for some services.

    Receivers and routes are those of --config, of SLOBURN_CONFIG, or of config/sloburn.yaml if it exists.

    Exit code 0: no errors; 1: errors, or Prometheus or the database does not answer; 2: the command cannot start, such
    as for a path that does not exist; 3: warnings, with --strict.

    Example: sloburn check --strict --live config/slos
    """
    settings = settings_for({"config": config, "prometheus_url": prometheus_url})
    database = _inspect_database(settings.database_url, live=live)
    receivers = configured(settings)
    defaults = Defaults.of(settings.default_window, known_sources(settings, receivers))
    documents = load_paths(paths, receivers.config.tenants, defaults=defaults)
    loaded, hints = _with_config(documents, receivers, settings)
    linted = (*template_warnings(loaded), *lint(loaded.slos, loaded.places))
    loaded = replace(loaded, warnings=(*loaded.warnings, *linted))
    figures: _Figures = ()
    if live and (loaded.slos or not loaded.errors):
        # What is wrong in one SLO hides nothing that Prometheus says of the sound ones.
        found = _ask(loaded, receivers.config, settings)
        # Prometheus knows which metrics are counters, also those with other names.
        offline = (warning for warning in loaded.warnings if warning.code != COUNTER_NAME)
        all_errors = (*loaded.errors, *found.errors)
        loaded = replace(loaded, errors=all_errors, warnings=(*offline, *found.warnings))
        hints, figures = (*hints, *found.hints), found.figures
    loaded, hints = replace(loaded, warnings=_wanted(loaded, loaded.warnings, ignore)), _wanted(loaded, hints, ignore)
    if format is Format.JSON:
        print_json(_document(loaded, hints, figures))
    else:
        _print(loaded, hints, figures)
        if database is not None:
            errors().print(f"database: {database}, can be written")
    named = [*paths, *([settings.config_file] if settings.config_file is not None else [])]
    if any(not path.exists() for path in named):
        raise typer.Exit(EXIT_USAGE)
    if loaded.errors:
        raise typer.Exit(EXIT_FAILED)
    if strict and loaded.warnings:
        raise typer.Exit(EXIT_WARNINGS)


def _wanted(loaded: LoadResult, findings: Iterable[_Kind], ignore: Sequence[str] | None) -> tuple[_Kind, ...]:
    """The findings that are not turned off, in the order of files and lines."""
    return tuple(sorted(found for found in loaded.ignored.others(findings) if found.code not in (ignore or ())))


def _inspect_database(url: str, *, live: bool) -> str | None:
    """The version of the database server; None without --live, and if the database is a file."""
    try:
        check_driver(url)
        return inspect_server(url) if live else None
    except StoreDriverError as error:
        fail(str(error), code=EXIT_USAGE)
    except StoreError as error:
        fail(str(error))


def _with_config(
    loaded: LoadResult, found: LoadedConfig, settings: Settings
) -> tuple[LoadResult, tuple[HintFinding, ...]]:
    """The result with the errors and warnings about receivers and routes, and the hints about them."""
    file = settings.config_file
    if found.errors:
        return replace(loaded, errors=(*loaded.errors, *found.errors)), ()
    unsent = no_receiver_hints(found.config, settings.config, loaded.slos)
    if file is None:
        return loaded, tuple(unsent)
    warnings = (
        *receiver_template_warnings(found.config, file, loaded.slos),
        *unrouted_page_warnings(found.config, file, loaded.slos),
    )
    hints = (*unsent, *fallback_hints(found.config, file, loaded.slos))
    ignored = loaded.ignored.with_file(file)
    return replace(loaded, warnings=(*loaded.warnings, *warnings), ignored=ignored), hints


def _ask(loaded: LoadResult, config: DeliveryConfig, settings: Settings) -> LiveFindings:
    try:
        return asyncio.run(_live_findings(loaded, config, settings))
    except PrometheusError as error:
        is_elsewhere = isinstance(error, (UnreachableError, TimedOutError, BadAnswerError))
        remedy = "; correct --prometheus-url or SLOBURN_PROMETHEUS_URL, or start Prometheus" if is_elsewhere else ""
        fail(f"cannot check against Prometheus: {error}{remedy}")


async def _live_findings(loaded: LoadResult, config: DeliveryConfig, settings: Settings) -> LiveFindings:
    """What each source says of the SLOs that are counted from it."""
    clock, found = SystemClock(), LiveFindings()
    by_source: dict[str, list[Slo]] = {}
    for slo in loaded.slos:
        names = sources_of_sli(slo.sli)
        # Of composites nothing is asked: they are shown once, and their components are SLOs of their own.
        for name in names[:1] if slo.sli.kind is SliKind.COMPOSITE else names:
            by_source.setdefault(name, []).append(replace(slo, sli=slo.sli.from_source(name)))
    several = {slo.id for slo in loaded.slos if isinstance(slo.sli, SeveralSources)}
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("SLOs checked against Prometheus {task.fields[slo]}"))
    with progress_bar(*columns) as progress:
        task = progress.add_task("", total=sum(map(len, by_source.values())), slo="")
        for name, reached in reachable_sources(settings, config).items():
            some = replace(loaded, slos=tuple(by_source.get(name, ())))
            # Without any SLO the default source is asked whether it is there.
            if not some.slos and (name != DEFAULT_SOURCE or loaded.slos):
                continue
            async with reached.open(clock=clock) as client:
                inspector = _inspector(client, clock.now(), reached.limits.at_once, dict.fromkeys(several, name))
                try:
                    of_source = await inspector.findings(
                        some, done=lambda slo: progress.update(task, advance=1, slo=slo)
                    )
                except PrometheusError as error:
                    if not config.sources or not some.slos:
                        raise
                    # Of the other sources nothing is wrong: an error at the first SLO of this one.
                    found_there = placed_finding(some.slos[0], _unanswered(name, error, some.slos), loaded.places)
                    of_source = LiveFindings.of([found_there], ())
                found = found.joined(of_source)
    return found


def _inspector(
    client: PrometheusClient | CountClient, at: datetime, at_once: int, named: Mapping[SloId, str]
) -> Inspector | CountInspector:
    if isinstance(client, CountClient):
        return CountInspector(client, at, named)
    return Inspector(client, at, at_once=at_once, named=named)


def _unanswered(name: str, error: PrometheusError, slos: Sequence[Slo]) -> LiveFinding:
    return LiveFinding(
        f"the source {name} cannot be asked about {with_noun(len(slos), 'SLO')}: {error}",
        "correct its url and keys in sources, or start it",
        "source_unanswered",
        ErrorFinding,
    )


def _print(loaded: LoadResult, hints: Sequence[HintFinding], figures: _Figures) -> None:
    console = output()
    for slo in loaded.slos:
        counted_as = "; ".join(f"{events} {query}" for events, query in slo.sli.description)
        groups = f"; by {', '.join(slo.sli.by)}" if slo.sli.by else ""
        sla = f"; {sla_words(slo.sla, slo.objective)}" if slo.sla is not None else ""
        console.print(f"{slo.id}: {slo.sli.kind}: {counted_as}{groups}{sla}", markup=False, soft_wrap=True)
    for policy in loaded.policies:
        states = ", ".join(state.name for state in policy.states)
        console.print(f"policy {policy.name}: {states}", markup=False, soft_wrap=True)
    if figures:
        print_figures(console, figures)
    show([*loaded.errors, *loaded.warnings, *hints])
    files, slos = with_noun(len(loaded.files), "file"), with_noun(len(loaded.slos), "SLO")
    found = f"{with_noun(len(loaded.errors), 'error')}, {with_noun(len(loaded.warnings), 'warning')}"
    if hints:
        found += f", {with_noun(len(hints), 'hint')}"
    colour = "red" if loaded.errors else "yellow" if loaded.warnings else "green"
    errors().print(f"{files}, {slos}: {found}", style=colour)


def _document(loaded: LoadResult, hints: Sequence[HintFinding], figures: _Figures) -> dict[str, Any]:
    known = [of_slo.json for _, of_slo in figures if of_slo is not None]
    return {
        **({"live": known} if figures else {}),
        "ok": not loaded.errors,
        "files": [str(file) for file in loaded.files],
        "slos": [slo.id for slo in loaded.slos],
        "slis": [
            {
                "slo": slo.id,
                "kind": slo.sli.kind,
                "reason": slo.sli.kind.reason,
                "counted": [{"events": events, "query": query} for events, query in slo.sli.description],
                **_sla(slo),
            }
            for slo in loaded.slos
        ],
        "policies": [policy.name for policy in loaded.policies],
        "errors": [asdict(error) for error in loaded.errors],
        "warnings": [asdict(warning) for warning in loaded.warnings],
        "hints": [asdict(hint) for hint in hints],
    }


def _sla(slo: Slo) -> dict[str, Any]:
    """The agreement beside the objective, for SLOs that have one."""
    sla = slo.sla
    if sla is None:
        return {}
    buffer = sla.buffer(slo.objective)
    return {"sla": {"contract": sla.contract, "penalty_below": sla.penalty_below, "buffer": buffer}}
