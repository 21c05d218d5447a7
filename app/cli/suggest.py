"""`sloburn suggest`: SLOs for services, from their metrics and their history."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from app.cli.config_file import sound_config
from app.cli.configuration import settings_for
from app.cli.console import (
    EXIT_FAILED,
    EXIT_USAGE,
    OutputFile,
    choice_of,
    errors,
    fail,
    print_json,
    progress_bar,
    write_result,
)
from app.cli.console import output as standard_output
from app.cli.convert import Force
from app.cli.suggestion_figures import figures_document, figures_table
from app.clock import SystemClock
from app.integrations import DeliveryConfig
from app.prometheus import BadAnswerError, PrometheusError, SourceAccess, TimedOutError, UnreachableError
from app.promql.selector_text import SelectorError, parse_selector
from app.service.source_clients import reachable_sources
from app.settings import Settings
from app.slo import DEFAULT_SOURCE, Matcher, MatchOp
from app.suggestions import Suggestions, document_text, suggest_slos
from app.wording.sentences import listed

# A server that is there answers this at once; one that is not should not keep a person waiting.
_FIRST_ANSWER_S = 5.0
# As long as a quarter: objectives of what was longer ago are of another service.
_MOST_DAYS = 90
_MOST_NAMED = 20
_USUAL_FILE = Path("config/slos/suggested.yaml")


class SuggestionFormat(StrEnum):
    """What is written to standard output: the documents, the figures as a table, or both for machines."""

    YAML = "yaml"
    TABLE = "table"
    JSON = "json"


Job = Annotated[
    str | None, typer.Option("--job", help="Only series with this label job.", metavar="JOB", show_default=False)
]
Days = Annotated[int, typer.Option("--days", help="Days of history to look at.", metavar="DAYS", min=1, max=_MOST_DAYS)]
Services = Annotated[
    int, typer.Option("--services", help="Most services to look at.", metavar="NUMBER", min=1, max=100)
]
PrometheusUrl = Annotated[
    str | None,
    typer.Option(
        "--prometheus-url",
        help="The Prometheus to look at.  [default: SLOBURN_PROMETHEUS_URL]",
        metavar="URL",
        show_default=False,
    ),
]
SourceOption = Annotated[
    str | None,
    typer.Option(
        "--source",
        help="The source of config/sloburn.yaml to look at, which the documents then name.",
        metavar="NAME",
        show_default=False,
    ),
]
SuggestionFormatOption = Annotated[
    SuggestionFormat,
    typer.Option(
        "--format",
        help="Documents with a table of figures on standard error, the table alone, or all for machines.",
        metavar="<yaml|table|json>",
        parser=choice_of(SuggestionFormat),
    ),
]
# Described in the text of the command: in a list of arguments Typer would show types of Python.
SelectorArgument = Annotated[str | None, typer.Argument(metavar="SELECTOR", hidden=True)]


def suggest(
    selector: SelectorArgument = None,
    *,
    job: Job = None,
    days: Days = 30,
    services: Services = 10,
    prometheus_url: PrometheusUrl = None,
    source: SourceOption = None,
    output: OutputFile = None,
    force: Force = False,
    format: SuggestionFormatOption = SuggestionFormat.YAML,  # noqa: A002  the contract's name
) -> None:
    """Suggest SLOs for services, from their metrics and their history.

    SELECTOR, such as '{namespace="shop"}' or http_requests_total, and --job choose the series that are looked at;
    without them, all are. Well-known metrics are recognised: OpenTelemetry, Prometheus client libraries, gRPC, Istio,
    Envoy, NGINX, Traefik, Kafka, blackbox exporter, kube-state-metrics and more. The SLOs are about errors, latency,
    traffic and saturation, with objectives that history reached; never 100%. What is ambiguous becomes a comment.

    Exit code 0: SLOs were suggested; 1: no metric was recognised, or Prometheus does not answer; 2: the command cannot
    start, such as for a selector that is not PromQL.

    Example: sloburn suggest --job checkout -o config/slos/checkout.yaml
    """
    settings = settings_for({"prometheus_url": prometheus_url})
    scope = _scope(selector, job)
    if output is not None and output.exists() and not force:
        fail(f"{output} exists; give --force to overwrite it", code=EXIT_USAGE)
    access = _access(settings, source)
    found = replace(_ask(settings, access, scope, days, services), source=source)
    if not found.services:
        _say_why_nothing(found, scope)
        raise typer.Exit(EXIT_FAILED)
    _write(found, format, output)


def _scope(selector: str | None, job: str | None) -> tuple[Matcher, ...]:
    own: tuple[Matcher, ...] = ()
    if selector is not None:
        try:
            own = parse_selector(selector).matchers
        except SelectorError as error:
            fail(f"SELECTOR: {error}", code=EXIT_USAGE)
    return own if job is None else (*own, Matcher("job", MatchOp.EQUAL, job))


def _access(settings: Settings, source: str | None) -> SourceAccess:
    # Without one the configuration need not be there, nor be sound.
    known = reachable_sources(settings, DeliveryConfig() if source is None else sound_config(settings))
    name = source or DEFAULT_SOURCE
    if name not in known:
        there = listed(sorted(known), _MOST_NAMED)
        fail(f"there is no source {name!r} in {settings.config_file}: write one of {there}", code=EXIT_USAGE)
    access = known[name]
    if not isinstance(access, SourceAccess):
        fail(f"the source {name} is no Prometheus: SLOs are suggested from metrics of Prometheus", code=EXIT_USAGE)
    return access


def _ask(settings: Settings, access: SourceAccess, scope: tuple[Matcher, ...], days: int, services: int) -> Suggestions:
    try:
        with _progress() as progress:
            return asyncio.run(_suggestions(settings, access, scope, days, services, progress=progress))
    except PrometheusError as error:
        is_elsewhere = isinstance(error, (UnreachableError, TimedOutError, BadAnswerError))
        remedy = "; correct --prometheus-url or SLOBURN_PROMETHEUS_URL, or start Prometheus" if is_elsewhere else ""
        fail(f"cannot look at Prometheus: {error}{remedy}")


async def _suggestions(
    settings: Settings,
    access: SourceAccess,
    scope: tuple[Matcher, ...],
    days: int,
    services: int,
    *,
    progress: "_Bar",
) -> Suggestions:
    clock = SystemClock()
    async with access.open(clock=clock) as client:
        retention = (await client.runtime_info(deadline=_FIRST_ANSWER_S)).retention
        kept = days if retention is None else min(days, max(-(-retention // timedelta(days=1)), 1))
        return await suggest_slos(
            client,
            at=clock.now(),
            days=kept,
            window=settings.default_window,
            scope=scope,
            most_services=services,
            progress=progress,
        )


@dataclass(frozen=True, slots=True)
class _Bar:
    """Shows how many queries over history have been answered."""

    progress: Progress
    task: TaskID

    def planned(self, queries: int) -> None:
        """So many more are to be asked."""
        total = self.progress.tasks[0].total or 0
        self.progress.update(self.task, total=total + queries, description="reading history")

    def advanced(self) -> None:
        """One more has been answered."""
        self.progress.advance(self.task)


@contextmanager
def _progress() -> Iterator[_Bar]:
    """A bar on standard error while the work lasts, on a terminal only."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("queries"))
    with progress_bar(*columns, TimeElapsedColumn()) as bar:
        yield _Bar(bar, bar.add_task("looking for metrics", total=0))


def _say_why_nothing(found: Suggestions, scope: tuple[Matcher, ...]) -> None:
    for text in found.unreadable:
        errors().print(f"sloburn: {text}", markup=False, soft_wrap=True)
    problem = "no series match, or none of their metrics is recognised" if scope else "no metric is recognised"
    remedy = "name a counter or histogram to have its labels looked at: sloburn suggest 'orders_total{job=\"shop\"}'"
    jobs = f"the jobs of this Prometheus are {listed(found.jobs, _MOST_NAMED)}; " if found.jobs else ""
    fail(f"{problem}; {jobs}{remedy}")


def _write(found: Suggestions, format: SuggestionFormat, file: Path | None) -> None:  # noqa: A002
    if format is SuggestionFormat.JSON:
        print_json(figures_document(found))
    elif format is SuggestionFormat.TABLE:
        figures_table(found, standard_output())
    else:
        write_result(document_text(found), file, make_folders=True)
        figures_table(found, errors())
        written = file or _USUAL_FILE
        first = "" if file is not None else f"sloburn suggest ... -o {written}, then "
        errors().print(f"next: {first}sloburn check --live {written}", markup=False, soft_wrap=True)
