"""`sloburn backtest`: what alerts would have done in the past, by today's rules, by others, and by proposed ones."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from app.changes import moment_of_text
from app.cli.backtest_figures import backtest_tables
from app.cli.config_file import sound_config
from app.cli.configuration import settings_for
from app.cli.console import EXIT_USAGE, Format, FormatOption, errors, fail, output, print_json, progress_bar
from app.cli.documents import show, sound_documents_of
from app.clock import SystemClock
from app.documents import ProposedRules, read_proposed_rules
from app.ingest import Source
from app.prometheus import OpensSource, PrometheusError, open_sources
from app.replay import (
    LONGEST_SPAN,
    MOST_MARKED,
    USUAL_DETECTION,
    USUAL_PRECISION,
    USUAL_SPAN,
    BacktestPlan,
    BacktestQuestion,
    BacktestResult,
    HistoryDetail,
    HistorySource,
    LabelledIncident,
    backtest_document,
    marked_filter,
    marked_incidents,
    read_incidents,
    run_backtest,
)
from app.reports import WORTH_A_PAGE
from app.service.source_clients import reachable_sources
from app.settings import Settings
from app.slo import Slo, find_time_zone, format_duration, parse_duration
from app.store import StoreError, open_database_for_reading
from app.store.incidents import list_incidents
from app.wording.sentences import listed
from app.yamldoc import ErrorFinding

_MOST_NAMED = 20
_DETECTION = format_duration(USUAL_DETECTION)

Ids = Annotated[list[str] | None, typer.Argument(metavar="SLO", hidden=True)]
From = Annotated[
    str | None,
    typer.Option(
        "--from", help="The first time, RFC 3339 or Unix seconds.  [default: 30 days before --to]", metavar="TIME"
    ),
]
To = Annotated[str | None, typer.Option("--to", help="The last time.  [default: now]", metavar="TIME")]
PolicyFiles = Annotated[
    list[Path] | None,
    typer.Option("--policy", help="A file with rules to try; may be repeated.", metavar="FILE", show_default=False),
]
IncidentFile = Annotated[
    Path | None,
    typer.Option("--incidents", help="Incidents as CSV, YAML or JSON.", metavar="FILE", show_default=False),
]
Marks = Annotated[
    bool,
    typer.Option(
        "--marks", help="Incidents are past alerts that people have marked, from the database of SLOBURN_DATABASE_URL."
    ),
]
FoundShare = Annotated[
    float,
    typer.Option(
        "--found-share",
        help="Without --incidents: a contiguous time that spent more than this share of the budget is one.",
        metavar="RATIO",
        min=0.0001,
        max=10.0,
    ),
]
Zone = Annotated[str, typer.Option("--timezone", help="The time zone of nights.", metavar="ZONE")]
Detail = Annotated[
    HistoryDetail,
    typer.Option(
        "--detail",
        help="Read all samples, or cells of 5m where no rule is near its factor; auto goes by their number.",
        metavar="<auto|raw|cells>",
    ),
]
Counts = Annotated[
    HistorySource,
    typer.Option(
        "--source",
        help="Where counts are from; auto: the ledger in SLOBURN_DATABASE_URL for what Prometheus no longer has.",
        metavar="<auto|prometheus|ledger>",
    ),
]
OnlyOwn = Annotated[bool, typer.Option("--only-own", help="Leave out the rules of the SRE Workbook, Sloth and Pyrra.")]

Suggest = Annotated[bool, typer.Option("--suggest", help="Search rules of pages, and show what each is worth.")]
Precision = Annotated[
    float, typer.Option("--precision", help="With --suggest: the precision wanted.", metavar="RATIO", min=0.0, max=1.0)
]
Detection = Annotated[
    str, typer.Option("--detection", help="With --suggest: the median detection time wanted.", metavar="DURATION")
]


def backtest(
    ids: Ids = None,
    *,
    start: From = None,
    end: To = None,
    policy: PolicyFiles = None,
    incidents: IncidentFile = None,
    marks: Marks = False,
    found_share: FoundShare = WORTH_A_PAGE,
    timezone: Zone = "UTC",
    detail: Detail = HistoryDetail.AUTO,
    source: Counts = HistorySource.AUTO,
    only_own: OnlyOwn = False,
    suggest: Suggest = False,
    precision: Precision = USUAL_PRECISION,
    detection: Detection = _DETECTION,
    format: FormatOption = Format.TEXT,  # noqa: A002  the contract's name
) -> None:
    """Judge the past again: pages and tickets that would have fired.

    SLO is the id of one of the documents in SLOBURN_SPECS; without any, all are judged. Their rules, those of --policy
    files, of the SRE Workbook (approaches 1 to 6), of Sloth and of Pyrra are compared on the same samples from
    Prometheus: precision, recall, detection and reset times, nights disturbed. Incidents come from a file, or are
    contiguous times that spent more than 2% of the budget. docs/backtest.md explains every figure.

    Exit code 0: it was judged; 1: Prometheus does not answer; 2: the command cannot start, or read the ledger.

    Example: sloburn backtest checkout-availability --policy proposed.yaml
    """
    settings = settings_for({})
    documents = sound_documents_of(settings).slos
    since, until = _span(start, end)
    plan = BacktestPlan(
        slos=_wanted(documents, ids or []),
        documents=documents,
        question=BacktestQuestion(
            start=since,
            end=until,
            timezone=_zone(timezone),
            found_share=found_share,
            with_others=not only_own,
            suggests=suggest,
            wanted_precision=precision,
            wanted_detection=_duration(detection),
        ),
        interval_s=round(settings.evaluation_interval.total_seconds()),
        proposed=tuple(_proposed(file) for file in policy or []),
        labelled=_known_incidents(settings, incidents, since, until, marks=marks),
        are_complete=not marks,
        detail=detail,
        source=source,
    )
    result = _run(settings, plan)
    if format is Format.JSON:
        print_json(backtest_document(result))
    else:
        backtest_tables(result, output())
    for slo, problem in result.problems.items():
        errors().print(f"sloburn: {slo}: {problem}", markup=False, soft_wrap=True)


def _run(settings: Settings, plan: BacktestPlan) -> BacktestResult:
    try:
        with _progress() as advanced:
            return asyncio.run(_backtest(settings, plan, advanced))
    except PrometheusError as error:
        fail(f"cannot read history from Prometheus: {error}")
    except StoreError as error:
        fail(str(error), code=EXIT_USAGE)


async def _backtest(settings: Settings, plan: BacktestPlan, advanced: Callable[[float], None]) -> BacktestResult:
    # It needs most of the service; other commands start faster without it.
    from app.past_metrics import StoredLedger  # noqa: PLC0415

    sources: Mapping[str, OpensSource[Source]] = reachable_sources(settings, sound_config(settings))
    ledger = StoredLedger(settings.database_url)
    async with open_sources(sources, clock=SystemClock()) as clients:
        return await run_backtest(plan, clients, ledger=ledger, advanced=advanced)


@contextmanager
def _progress() -> Iterator[Callable[[float], None]]:
    """A bar on standard error while the work lasts, on a terminal only."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with progress_bar(*columns, TimeElapsedColumn()) as bar:
        task = bar.add_task("judging the past", total=1.0)
        yield lambda done: bar.update(task, completed=done)


def _span(start: str | None, end: str | None) -> tuple[datetime, datetime]:
    until = SystemClock().now().astimezone(UTC) if end is None else _moment("--to", end)
    since = until - USUAL_SPAN if start is None else _moment("--from", start)
    if since >= until:
        fail("--from must be before --to", code=EXIT_USAGE)
    if until - since > LONGEST_SPAN:
        fail("the time is longer than a year: ask for less", code=EXIT_USAGE)
    return since, until


def _moment(name: str, text: str) -> datetime:
    try:
        return moment_of_text(text)
    except ValueError:
        fail(f"{name}: {text!r} is not a time: write 2026-03-01T12:00:00Z or seconds since 1970", code=EXIT_USAGE)


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        fail(f"--detection: {error}", code=EXIT_USAGE)


def _zone(name: str) -> str:
    if find_time_zone(name) is None:
        fail(f"--timezone: {name!r} is not a time zone: write a name such as Europe/Berlin", code=EXIT_USAGE)
    return name


def _wanted(documents: Sequence[Slo], ids: Sequence[str]) -> tuple[Slo, ...]:
    known = {str(slo.id): slo for slo in documents}
    unknown = [one for one in ids if one not in known]
    if unknown:
        there = listed(sorted(known), _MOST_NAMED)
        fail(f"no SLO has the id {unknown[0]!r}; the documents have {there or 'none'}", code=EXIT_USAGE)
    if not documents:
        fail("there are no documents: write one, or set SLOBURN_SPECS", code=EXIT_USAGE)
    return tuple(known[one] for one in dict.fromkeys(ids)) or tuple(documents)


def _proposed(file: Path) -> ProposedRules:
    found = read_proposed_rules(_text(file), file, name=file.stem)
    return found if isinstance(found, ProposedRules) else _refuse(found)


def _known_incidents(
    settings: Settings, file: Path | None, since: datetime, until: datetime, *, marks: bool
) -> tuple[LabelledIncident, ...] | None:
    if not marks:
        return None if file is None else _labelled(file)
    if file is not None:
        fail("--incidents and --marks exclude each other", code=EXIT_USAGE)
    try:
        database = open_database_for_reading(settings.database_url)
        try:
            with database.read() as transaction:
                past = list_incidents(transaction, marked_filter(since, until), limit=MOST_MARKED)
        finally:
            database.close()
    except StoreError as error:
        fail(str(error), code=EXIT_USAGE)
    return marked_incidents(past, until=until)


def _labelled(file: Path) -> tuple[LabelledIncident, ...]:
    found = read_incidents(_text(file), file)
    labelled = tuple(one for one in found if isinstance(one, LabelledIncident))
    return labelled or _refuse([one for one in found if isinstance(one, ErrorFinding)])


def _refuse(found: Sequence[ErrorFinding]) -> NoReturn:
    show(found)
    raise typer.Exit(EXIT_USAGE)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"cannot read {file}: {getattr(error, 'strerror', None) or error}", code=EXIT_USAGE)
