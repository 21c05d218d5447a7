"""`sloburn adjust`: maintenance and corrections of a running service."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from app.adjustments import AdjustmentCategory, AdjustmentEffect
from app.cli.configuration import TokenOption, api_token
from app.cli.console import EXIT_USAGE, Format, FormatOption, choice_of, errors, fail, output, print_items
from app.cli.remote import (
    DEFAULT_URL,
    RemoteError,
    Url,
    add_adjustment,
    adjusted_slos,
    fetch_adjustments,
    fetch_text,
    import_adjustments,
    withdraw_adjustment,
)
from app.slo.durations import format_duration

app = typer.Typer(
    name="adjust",
    help="List, make and withdraw adjustments.\n\nExample: sloburn adjust list",
    no_args_is_help=True,
)

Services = Annotated[
    list[str],
    typer.Option("--service", help="Only SLOs of this service; repeatable.", metavar="NAME", show_default=False),
]
Slos = Annotated[
    list[str], typer.Option("--slo", help="Only this SLO, by id; repeatable.", metavar="ID", show_default=False)
]
Labels = Annotated[
    list[str],
    typer.Option("--label", help="Only SLOs with this label; repeatable.", metavar="NAME=VALUE", show_default=False),
]
Everything = Annotated[bool, typer.Option("--everything", help="All SLOs.")]
Mute = Annotated[bool, typer.Option("--mute-alerts", help="No alert begins meanwhile.")]
Timezone = Annotated[str, typer.Option("--timezone", help="IANA zone of the times.", metavar="ZONE")]
Author = Annotated[str, typer.Option("--author", help="Who does this.", metavar="NAME", show_default=False)]
Effect = Annotated[
    AdjustmentEffect,
    typer.Option(
        "--effect",
        help="What becomes of the events.",
        metavar="<exclude|count_as_good>",
        parser=choice_of(AdjustmentEffect),
    ),
]
Category = Annotated[
    AdjustmentCategory,
    typer.Option("--category", help="What it is for.", metavar="CATEGORY", parser=choice_of(AdjustmentCategory)),
]


@app.command("list")
def list_adjustments(*, url: Url = DEFAULT_URL, format: FormatOption = Format.TEXT) -> None:  # noqa: A002  the contract's name
    """List the adjustments that were not withdrawn.

    The one that begins last comes first, with its id.

    Example: sloburn adjust list --url http://localhost:9720
    """
    try:
        found = list(fetch_adjustments(url))
    except RemoteError as error:
        fail(str(error))
    print_items(found, format, line=_line, none="no time is adjusted")


@app.command()
def add(
    reason: Annotated[str, typer.Argument(metavar="REASON", hidden=True)],
    *,
    start: Annotated[str, typer.Option("--start", help="Such as 2026-03-01T02:00:00.", metavar="TIME")],
    end: Annotated[str, typer.Option("--end", help="End of the first occurrence.", metavar="TIME")],
    service: Services = [],  # noqa: B006  typer copies it
    slo: Slos = [],  # noqa: B006  typer copies it
    label: Labels = [],  # noqa: B006  typer copies it
    everything: Everything = False,
    timezone: Timezone = "UTC",
    rrule: Annotated[
        str, typer.Option("--rrule", help="Recurs, as FREQ=WEEKLY;BYDAY=SU.", metavar="RULE", show_default=False)
    ] = "",
    effect: Effect = AdjustmentEffect.EXCLUDE,
    event: Annotated[
        list[str],
        typer.Option("--event", help="Only events with this label value; may be repeated.", metavar="NAME=VALUE"),
    ] = [],  # noqa: B006  typer copies it
    category: Category = AdjustmentCategory.MAINTENANCE,
    mute_alerts: Mute = False,
    author: Author = "",
    url: Url = DEFAULT_URL,
    token_file: TokenOption = None,
) -> None:
    """Adjust some time, ahead or after the fact.

    REASON says why. A note on standard error says if no SLO is meant now, as by a misspelt name. This needs the API
    token: that of SLOBURN_API_TOKEN, or one in a file.

    Example: sloburn adjust add X --slo a --start 2026-03-01 --end 2026-03-02
    """
    given: dict[str, Any] = {
        "reason": reason,
        "start": start,
        "end": end,
        "services": service,
        "slos": slo,
        "labels": dict(_pair(text) for text in label),
        "everything": everything,
        "timezone": timezone,
        "rrule": rrule,
        "effect": effect.value,
        "category": category.value,
        "mute_alerts": mute_alerts,
        "author": author,
        **({"events": dict(_pair(text) for text in event)} if event else {}),
    }
    token = api_token(token_file)
    try:
        made = add_adjustment(url, given, token=token)
    except RemoteError as error:
        fail(str(error))
    output().print(_line(made), markup=False, soft_wrap=True)
    try:
        concerned = adjusted_slos(url, made["id"], token=token)
    except RemoteError as error:
        fail(str(error))
    # A misspelt name is no error, since its SLO may come later; that nothing is left out is noticed too late otherwise.
    if not concerned:
        errors().print("It means no SLO now: `sloburn status` has the names.", markup=False)


@app.command()
def withdraw(
    adjustment: Annotated[str, typer.Argument(metavar="ID", hidden=True)],
    *,
    author: Author = "",
    url: Url = DEFAULT_URL,
    token_file: TokenOption = None,
) -> None:
    """Withdraw an adjustment: it has no effect any more.

    ID is the one that `adjust list` shows. Figures of the past are as counted again. This needs the API token.

    Example: sloburn adjust withdraw 5e1c09a7d2b84f36 --author ada
    """
    try:
        withdraw_adjustment(url, adjustment, author=author, token=api_token(token_file))
    except RemoteError as error:
        fail(str(error))
    output().print(f"{adjustment} is withdrawn", markup=False)


@app.command("export")
def export_calendar(*, url: Url = DEFAULT_URL) -> None:
    """Print the adjustments as an iCalendar.

    Example: sloburn adjust export > adjustments.ics
    """
    try:
        text = fetch_text(url, "/api/v1/adjustments.ics", ())
    except RemoteError as error:
        fail(str(error))
    typer.echo(text, nl=False)


@app.command("import")
def import_calendar(
    file: Annotated[Path, typer.Argument(metavar="FILE", hidden=True)],
    *,
    service: Services = [],  # noqa: B006  typer copies it
    slo: Slos = [],  # noqa: B006  typer copies it
    label: Labels = [],  # noqa: B006  typer copies it
    everything: Everything = False,
    timezone: Timezone = "UTC",
    effect: Effect = AdjustmentEffect.EXCLUDE,
    mute_alerts: Mute = False,
    author: Author = "",
    url: Url = DEFAULT_URL,
    token_file: TokenOption = None,
) -> None:
    """Read an iCalendar: each event is an adjustment.

    FILE is a calendar. Events are known by their UID when it is read again. This needs the API token.

    Example: sloburn adjust import patches.ics --service checkout
    """
    query = [
        *(("service", name) for name in service),
        *(("slo", name) for name in slo),
        *(("label", text) for text in label),
        ("everything", str(everything).lower()),
        ("timezone", timezone),
        ("effect", effect.value),
        ("mute_alerts", str(mute_alerts).lower()),
        ("author", author),
    ]
    try:
        calendar = file.read_bytes()
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}", code=EXIT_USAGE)
    try:
        found = import_adjustments(url, calendar, query, token=api_token(token_file))
    except RemoteError as error:
        fail(str(error))
    counts = ", ".join(
        f"{len(found[name])} {name}" for name in ("created", "updated", "unchanged", "withdrawn", "skipped")
    )
    output().print(counts, markup=False)
    for skipped in found["skipped"]:
        errors().print(f"skipped: {skipped}", markup=False, soft_wrap=True)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"{text!r} is not a label: write NAME=VALUE")
    return name, value


def _line(one: Mapping[str, Any]) -> str:
    labels = [f"{name}={value}" for name, value in one["labels"].items()]
    what = ",".join([*one["slos"], *one["services"], *labels]) or "all SLOs"
    recurs = f"  {one['rrule']}" if one["rrule"] else ""
    lasts = format_duration(timedelta(seconds=one["duration_seconds"]))
    when = f"{one['start']} {one['timezone']} for {lasts}{recurs}"
    effect = f"{one['effect']}{', alerts muted' if one['mute_alerts'] else ''}"
    return f"{one['id']}  {when}  {what}  {effect}  {one['category']}: {one['reason']}"
