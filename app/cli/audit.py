"""`sloburn audit`: who changed what, from the database of the service, whether it runs or not."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import orjson
import typer

from app.access import AuditEntry, AuditOutcome
from app.cli.console import EXIT_USAGE, choice_of, errors, fail, output
from app.cli.service_database import DatabaseUrlOption, service_database
from app.slo.durations import DurationError, parse_duration
from app.store import Database
from app.store.audit import AuditFilter, list_audit

_PAGE = 1_000


class AuditFormat(StrEnum):
    """How entries are printed."""

    TEXT = "text"
    JSONL = "jsonl"


def audit(
    *,
    since: Annotated[
        str, typer.Option("--since", help="How far back: a duration, or all.", metavar="DURATION")
    ] = "30d",
    actor: Annotated[
        list[str], typer.Option("--actor", help="Only by this one; repeatable.", metavar="NAME", show_default=False)
    ] = [],  # noqa: B006  typer copies it
    action: Annotated[
        list[str], typer.Option("--action", help="Only this action; repeatable.", metavar="NAME", show_default=False)
    ] = [],  # noqa: B006  typer copies it
    outcome: Annotated[
        list[AuditOutcome],
        typer.Option(
            "--outcome",
            help="changed or refused.",
            metavar="OUTCOME",
            parser=choice_of(AuditOutcome),
            show_default=False,
        ),
    ] = [],  # noqa: B006  typer copies it
    format: Annotated[  # noqa: A002  the contract's name
        AuditFormat,
        typer.Option("--format", help="text or jsonl.", metavar="FORMAT", parser=choice_of(AuditFormat)),
    ] = AuditFormat.TEXT,
    database_url: DatabaseUrlOption = None,
) -> None:
    """Print who changed what, and what was refused.

    The newest come first. With --format jsonl each line is an entry as /api/v1/audit has it.

    Example: sloburn audit --since 7d --outcome refused
    """
    try:
        start = None if since == "all" else datetime.now(UTC) - parse_duration(since)
    except (DurationError, OverflowError):
        fail(f"--since: {since!r} is not a duration; write one such as 30d, or all", code=EXIT_USAGE)
    wanted = AuditFilter(actors=actor, actions=action, outcomes=outcome, since=start)
    is_empty = True
    with service_database(database_url) as database:
        for entry in _entries(database, wanted):
            is_empty = False
            if format is AuditFormat.JSONL:
                typer.echo(_json(entry))
            else:
                output().print(_line(entry), markup=False, soft_wrap=True)
    if is_empty:
        errors().print("there is no entry")


def _entries(database: Database, wanted: AuditFilter) -> Iterator[AuditEntry]:
    """The entries, page by page: each is a short transaction."""
    before: int | None = None
    while True:
        with database.read() as transaction:
            found = list_audit(transaction, wanted, limit=_PAGE, before=before)
        yield from (entry for _, entry in found)
        if len(found) < _PAGE:
            return
        before = found[-1][0]


def _json(entry: AuditEntry) -> str:
    # It needs most of the service, which lines for people do not.
    from app.api.audit_routes import audit_document  # noqa: PLC0415

    return orjson.dumps(audit_document(entry), option=orjson.OPT_UTC_Z).decode()


def _line(entry: AuditEntry) -> str:
    who = entry.actor.name or entry.actor.kind.value
    where = f" from {entry.actor.address}" if entry.actor.address else ""
    changed = {name: value for name, value in (entry.after or {}).items() if value != (entry.before or {}).get(name)}
    what = entry.detail or (json.dumps(changed, ensure_ascii=False) if changed else "")
    return (
        f"{entry.at:%Y-%m-%dT%H:%M:%SZ}  {entry.outcome}  {who}{where}  {entry.action} {entry.target}  {what}".rstrip()
    )
