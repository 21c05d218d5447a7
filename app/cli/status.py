"""`sloburn status`: the budgets of a running service."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from app.cli.console import Format, fail, output, print_json
from app.cli.remote import RemoteError, slos
from app.slo import Cause
from app.status import UNKNOWN, percent, severities_words, state_words

_COLOURS = {"meeting": "green", "at_risk": "yellow", "exhausted": "red", "unknown": "dim"}
_MOST_NAMED = 3

Url = Annotated[str, typer.Option("--url", help="Where the service listens.", metavar="URL")]
Service = Annotated[list[str] | None, typer.Option("--service", help="Only this service; may be repeated.")]
Label = Annotated[
    list[str] | None, typer.Option("--label", help="Only with this label; may be repeated.", metavar="NAME=VALUE")
]
State = Annotated[
    list[str] | None,
    typer.Option("--status", help="Only in this state: meeting, at_risk, exhausted or unknown; may be repeated."),
]
FormatOption = Annotated[Format, typer.Option("--format", help="For people or for machines.")]


def status(
    *,
    url: Url = "http://127.0.0.1:9720",
    service: Service = None,
    label: Label = None,
    status: State = None,
    format: FormatOption = Format.TEXT,  # noqa: A002  the contract's name
) -> None:
    """Show the error budgets of a running service, the least budget first.

    Example: sloburn status --service checkout --status at_risk
    """
    filters = [("service", service), ("label", label), ("status", status)]
    query = [(name, value) for name, values in filters for value in values or ()]
    try:
        items = sorted(slos(url, query), key=_remaining)
    except RemoteError as error:
        fail(str(error))
    if format is Format.JSON:
        print_json({"items": items})
    elif items:
        output().print(_table(items))
        for line in _reasons(items):
            output().print(line, markup=False, soft_wrap=True)
    else:
        output().print("no SLO matches" if query else "the service has no SLO yet")


def _table(items: list[dict[str, Any]]) -> Table:
    table = Table("SLO", "window", box=None, pad_edge=False, header_style="bold")
    for heading in ("objective", "SLI", "budget left", "burn 1h"):
        table.add_column(heading, justify="right")
    for heading in ("status", "alerts", "data"):
        table.add_column(heading)
    for item in items:
        colour = _COLOURS.get(item["status"], "")
        table.add_row(
            # Text, not str: a group's value may hold square brackets, which are markup.
            Text(item["id"], overflow="fold"),
            item["window"].get("duration") or item["window"].get("unit"),
            _percent(item["objective"], 4),
            _percent(item["sli"], 4),
            Text(_percent(item["budget"]["remaining_ratio"], 1), style=colour),
            _burn(item, "1h"),
            Text(item["status"], style=colour),
            Text(", ".join(_alerts(item))),
            Text(_data(item)),
        )
    return table


def _alerts(item: dict[str, Any]) -> Iterator[str]:
    for alert in item["alerts"]:
        words = _words(alert)
        if words:
            yield f"{alert['severity']} {words}"


def _words(alert: dict[str, Any]) -> str:
    # A service that is older than this command does not give all of these.
    return state_words(
        alert["state"], reason=alert.get("reason"), tier=alert.get("tier"), cause=alert.get("cause", Cause.BURN)
    )


def _reasons(items: list[dict[str, Any]]) -> Iterator[str]:
    """Why alerts are held back or frozen: a line for each reason, however many SLOs share it."""
    owners: dict[str, list[str]] = {}
    for item in items:
        severities: dict[tuple[str, str], list[str]] = {}
        for alert in item["alerts"]:
            if alert.get("reason"):
                severities.setdefault((_words(alert), alert["reason"]), []).append(alert["severity"])
        for (words, reason), who in severities.items():
            said = reason if reason.startswith(words) else f"{words}: {reason}"
            owners.setdefault(f"{severities_words(who)} {said}", []).append(item["id"])
    for what, ids in owners.items():
        more = f" and {len(ids) - _MOST_NAMED} more" if len(ids) > _MOST_NAMED else ""
        yield f"{', '.join(ids[:_MOST_NAMED])}{more}: {what}"


def _data(item: dict[str, Any]) -> str:
    problem = item.get("problem")
    return f"{item['data']}: {problem}" if problem else str(item["data"])


def _burn(item: dict[str, Any], window: str) -> str:
    rates = {rate["window"]: rate["burn_rate"] for rate in item["burn_rates"]}
    rate = rates.get(window)
    return UNKNOWN if rate is None else f"{rate:.2f}"


def _percent(ratio: float | None, digits: int) -> str:
    return UNKNOWN if ratio is None else percent(ratio, digits)


def _remaining(item: dict[str, Any]) -> tuple[bool, float]:
    remaining = item["budget"]["remaining_ratio"]
    return remaining is None, remaining or 0.0
