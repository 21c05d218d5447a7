"""`sloburn exception`: exceptions from the error budget policies of a running service."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from app.changes import moment_of
from app.cli.configuration import TokenOption, api_token
from app.cli.console import Format, FormatOption, fail, output, print_items
from app.cli.remote import DEFAULT_URL, RemoteError, Url, add_exception, end_exception, fetch_exceptions
from app.slo.durations import DurationError, parse_duration

app = typer.Typer(
    name="exception",
    help="List, add and end exceptions of the deploy gate.\n\nExample: sloburn exception list",
    no_args_is_help=True,
)


def _values(flag: str, help: str, metavar: str) -> Any:  # noqa: A002  as typer calls it
    return typer.Option(flag, help=f"{help}; repeatable.", metavar=metavar, show_default=False)


def _instant(text: str) -> str:
    """When something ends that is written as a time with its zone."""
    try:
        return moment_of(text).isoformat()
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a time: write 2026-03-01T18:00:00Z, or +01:00 for Z") from None


def _length(text: str) -> str:
    """When something ends that lasts from now on as long as *text* says."""
    try:
        return (datetime.now(UTC).replace(microsecond=0) + parse_duration(text)).isoformat()
    except (DurationError, OverflowError) as error:
        raise typer.BadParameter(str(error)) from error


@app.command("list")
def list_exceptions(
    *,
    active: Annotated[bool, typer.Option("--active", help="Only those that hold now.")] = False,
    url: Url = DEFAULT_URL,
    format: FormatOption = Format.TEXT,  # noqa: A002  the contract's name
) -> None:
    """List exceptions, the newest first, each with its id.

    Those that are over are kept for half a year.

    Example: sloburn exception list --active
    """
    try:
        found = fetch_exceptions(url, active=active)
    except RemoteError as error:
        fail(str(error))
    print_items(found, format, line=_line, none="there is no exception")


@app.command()
def add(
    reason: Annotated[str, typer.Argument(metavar="REASON", hidden=True)],
    *,
    owner: Annotated[str, typer.Option("--owner", help="Who answers for it.", metavar="NAME")],
    lasts: Annotated[
        str | None,
        typer.Option("--for", help="How long it holds, from now.", metavar="DURATION", parser=_length),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", help="When it ends, such as 2026-03-01T18:00Z.", metavar="TIME", parser=_instant),
    ] = None,
    service: Annotated[list[str], _values("--service", "Only changes of this service", "NAME")] = [],  # noqa: B006
    environment: Annotated[list[str], _values("--environment", "Only in this environment", "NAME")] = [],  # noqa: B006
    change: Annotated[list[str], _values("--change", "Only this kind of change", "KIND")] = [],  # noqa: B006
    slo: Annotated[list[str], _values("--slo", "Only this SLO, by id", "ID")] = [],  # noqa: B006
    break_glass: Annotated[
        bool, typer.Option("--break-glass", help="Holds at once, and receivers are notified.")
    ] = False,
    url: Url = DEFAULT_URL,
    token_file: TokenOption = None,
) -> None:
    """Let changes go ahead for a time, without regard to policies.

    REASON says why. Names may have * and ?; what is not given means anything. With --break-glass it holds even while
    the service cannot write to its database. This needs the API token: that of SLOBURN_API_TOKEN, or one in a file.

    Example: sloburn exception add "Fix" --service api --owner ada --for 2h
    """
    ends_at = lasts or until
    if ends_at is None or (lasts and until):
        raise typer.BadParameter("write either --for or --until")
    given = {
        "reason": reason,
        "owner": owner,
        "ends_at": ends_at,
        "services": service,
        "environments": environment,
        "changes": change,
        "slos": slo,
        "break_glass": break_glass,
    }
    try:
        made = add_exception(url, given, token=api_token(token_file))
    except RemoteError as error:
        fail(str(error))
    output().print(_line(made), markup=False, soft_wrap=True)


@app.command()
def end(
    exception: Annotated[str, typer.Argument(metavar="ID", hidden=True)],
    *,
    by: Annotated[str, typer.Option("--by", help="Who ends it.", metavar="NAME")],
    url: Url = DEFAULT_URL,
    token_file: TokenOption = None,
) -> None:
    """End an exception before its time.

    ID is the one that `exception list` shows. This needs the API token.

    Example: sloburn exception end 5f2d7c01 --by ada
    """
    try:
        end_exception(url, exception, by=by, token=api_token(token_file))
    except RemoteError as error:
        fail(str(error))
    output().print(f"{exception} is over", markup=False)


def _line(one: Mapping[str, Any]) -> str:
    what = ",".join([*one["services"], *one["environments"], *one["changes"], *one["slos"]]) or "all changes"
    state = "active" if one["active"] else f"ended by {one['ended_by']}" if one["ended_at"] else "not active"
    glass = "  break-glass" if one["break_glass"] else ""
    starts, ends = (f"{datetime.fromisoformat(one[name]):%Y-%m-%dT%H:%M:%SZ}" for name in ("starts_at", "ends_at"))
    return f"{one['id']}  {starts} to {ends}  {state}{glass}  {what}  {one['owner']}: {one['reason']}"
