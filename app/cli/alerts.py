"""`sloburn alerts`: what alerts did, and what people say of it."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from app.cli.configuration import TokenOption, api_token
from app.cli.console import Format, FormatOption, choice_of, fail, output, print_items
from app.cli.remote import DEFAULT_URL, RemoteError, Url, fetch_incidents, mark_incident
from app.store.incident_notes import MarkFilter

app = typer.Typer(
    name="alerts",
    help="List past alerts, and mark them as useful or noise.\n\nExample: sloburn alerts list --mark none",
    no_args_is_help=True,
)


_Marks = Annotated[
    list[MarkFilter],
    typer.Option(
        "--mark",
        help="Only incidents with this mark; repeatable.",
        metavar="<useful|noise|none>",
        parser=choice_of(MarkFilter),
        show_default=False,
    ),
]
_Services = Annotated[
    list[str], typer.Option("--service", help="Only of this service; repeatable.", metavar="NAME", show_default=False)
]
_Slos = Annotated[
    list[str], typer.Option("--slo", help="Only of this SLO, by id; repeatable.", metavar="ID", show_default=False)
]
_Start = Annotated[
    str, typer.Option("--from", help="Only what was under way since then.", metavar="TIME", show_default=False)
]
_End = Annotated[str, typer.Option("--to", help="Only what began until then.", metavar="TIME", show_default=False)]


@app.command("list")
def list_alerts(
    *,
    service: _Services = [],  # noqa: B006  typer copies it
    slo: _Slos = [],  # noqa: B006  typer copies it
    mark: _Marks = [],  # noqa: B006  typer copies it
    start: _Start = "",
    end: _End = "",
    url: Url = DEFAULT_URL,
    format: FormatOption = Format.TEXT,  # noqa: A002  the contract's name
) -> None:
    """List the incidents that alerts of a running service notified of.

    The newest comes first, with its id, its mark, and the share of the error budget that it spent.

    Example: sloburn alerts list --service checkout --mark none
    """
    query = [
        *(("service", name) for name in service),
        *(("slo", one) for one in slo),
        *(("mark", one.value) for one in mark),
        *([("from", start)] if start else []),
        *([("to", end)] if end else []),
    ]
    try:
        found = list(fetch_incidents(url, query))
    except RemoteError as error:
        fail(str(error))
    print_items(found, format, line=_line, none="no incident")


@app.command("mark")
def mark_alerts(
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", hidden=True)],
    mark: Annotated[MarkFilter, typer.Argument(metavar="MARK", hidden=True, parser=choice_of(MarkFilter))],
    *,
    url: Url = DEFAULT_URL,
    token_file: TokenOption = None,
) -> None:
    """Mark the alerts of an incident as useful or as noise.

    INCIDENT is the id in notifications and in `alerts list`. MARK is useful, noise, or none, which takes a mark away.
    Reports and backtests count precision by marks. This needs the API token.

    Example: sloburn alerts mark 5f2d7c01a9b3e468 noise
    """
    wanted = None if mark is MarkFilter.NONE else mark.value
    try:
        mark_incident(url, incident, wanted, token=api_token(token_file))
    except RemoteError as error:
        fail(str(error))
    output().print(f"{incident} has no mark" if wanted is None else f"{incident} is marked: {wanted}", markup=False)


def _line(one: Mapping[str, Any]) -> str:
    spent = one["budget_spent_ratio"]
    share = "budget unknown" if spent is None else f"{spent:.1%} of the budget"
    until = one["ended_at"] or "now"
    mark = one["mark"] or "-"
    return f"{one['id']}  {one['started_at']} to {until}  {one['severity']}  {one['slo']}  {share}  {mark}"
