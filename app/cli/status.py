"""`sloburn status`: the budgets of a running service."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from app.alerting import EndCode
from app.cli.console import Format, FormatOption, choice_of, errors, fail, output, print_json, table_fits
from app.cli.remote import DEFAULT_URL, RemoteError, Url, slos, unhealthy_reasons
from app.slo import UNKNOWN_FIGURE, Cause, rounded_percent
from app.status import DataState, HealthState, ProblemLevel, severities_words, state_words
from app.wording.sentences import listed

if TYPE_CHECKING:
    from app.api.models import AlertModel, SloModel


def _label(text: str) -> str:
    name, equals, _ = text.partition("=")
    if not name or not equals:
        raise typer.BadParameter(f"{text!r} must be written as name=value, such as team=payments")
    return text


_COLOURS = {"meeting": "green", "at_risk": "yellow", "exhausted": "red", "unknown": "dim"}
# Of SLOs that share a reason: more names do not fit into a line of 80 columns.
_MOST_NAMED = 3
# An alert that was closed in the night is still shown on the next morning.
_RECENTLY = timedelta(days=1)
_RECOVERED = frozenset(code.value for code in EndCode if code.recovered)

Service = Annotated[
    list[str] | None,
    typer.Option("--service", help="Only this service; may be repeated.", metavar="NAME", show_default=False),
]
Label = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        help="Only with this label; may be repeated.",
        metavar="NAME=VALUE",
        show_default=False,
        parser=_label,
    ),
]
State = Annotated[
    list[HealthState] | None,
    typer.Option(
        "--status",
        help=f"Only in this state: {', '.join(HealthState)}; may be repeated.",
        metavar="STATE",
        show_default=False,
        parser=choice_of(HealthState),
    ),
]


def status(
    *,
    url: Url = DEFAULT_URL,
    service: Service = None,
    label: Label = None,
    status: State = None,
    format: FormatOption = Format.TEXT,  # noqa: A002  the contract's name
) -> None:
    """Show the error budgets of a running service.

    The least budget comes first. Below the table are the alerts that are suppressed or frozen, and why, those that
    ended without a recovery, budgets that are forecast to be exhausted, and hints by their code, such as
    bad_never_matched; and, on standard error, why the service is not healthy, such as documents that were not reloaded.

    Example: sloburn status --service checkout --status at_risk
    """
    filters = [("service", service), ("label", label), ("status", status)]
    query = [(name, str(value)) for name, values in filters for value in values or ()]
    try:
        items = sorted(slos(url, query), key=_remaining)
    except RemoteError as error:
        fail(str(error))
    if format is Format.JSON:
        print_json({"items": items})
    elif items:
        console = output()
        whole = _table(items, with_states=True)
        fits = table_fits(console, whole)
        console.print(whole if fits else _table(items, with_states=False))
        for line in (*(() if fits else _states(items)), *_reasons(items), *_forecasts(items), *_hints(items)):
            console.print(line, markup=False, soft_wrap=True)
    else:
        output().print("no SLO matches" if query else "the service has no SLO yet")
    # Last, where it is seen below a long table.
    for reason in unhealthy_reasons(url):
        errors().print(f"sloburn: the service is not healthy: {reason}", markup=False, soft_wrap=True)


def _table(items: "list[SloModel]", *, with_states: bool) -> Table:
    """The SLOs, one row each; without alerts and data it fits into 80 columns, ids being folded."""
    # One space between columns where it is narrow, which leaves room for most ids.
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1), collapse_padding=not with_states)
    table.add_column("SLO")
    table.add_column("window", no_wrap=True)
    for heading in ("objective", "SLI", "budget left", "burn 1h"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("status", "alerts", "data") if with_states else ("status",):
        table.add_column(heading, no_wrap=True)
    for item in items:
        colour = _COLOURS.get(item["status"], "")
        states = (Text(", ".join(_alerts(item))), Text(_data(item))) if with_states else ()
        table.add_row(
            # Text, not str: a group's value may hold square brackets, which are markup.
            Text(item["id"], overflow="fold"),
            item["window"]["duration"] if item["window"]["kind"] == "rolling" else item["window"]["unit"],
            _percent(item["objective"], 10),
            _percent(item["sli"], 4),
            Text(_percent(_known_budget(item), 1), style=colour),
            _burn(item, "1h"),
            Text(item["status"], style=colour),
            *states,
        )
    return table


def _states(items: "list[SloModel]") -> Iterator[str]:
    """A line for each SLO whose alerts or data are not as they are without an incident."""
    for item in items:
        data = _data(item)
        states = [*_alerts(item), *([] if data == DataState.FRESH else [f"data {data}"])]
        if states:
            yield f"{item['id']}: {', '.join(states)}"


def _alerts(item: "SloModel") -> Iterator[str]:
    for alert in item["alerts"]:
        words = _words(alert)
        if words:
            yield f"{alert['severity']} {words}"


def _words(alert: "AlertModel") -> str:
    # A service that is older than this command does not give all of these.
    return state_words(
        alert["state"], reason=alert.get("reason"), tier=alert.get("tier"), cause=alert.get("cause", Cause.BURN)
    )


def _reasons(items: "list[SloModel]") -> Iterator[str]:
    """Why alerts are suppressed or frozen, or ended without a recovery: a line for each reason that SLOs share."""
    owners: dict[str, list[str]] = {}
    for item in items:
        severities: dict[str, list[str]] = {}
        data = _data(item)
        for alert in item["alerts"]:
            reason = alert.get("reason")
            # What keeps the data away is said once, beside the data.
            if reason and reason not in data:
                severities.setdefault(f"{_words(alert)}: {reason}", []).append(alert["severity"])
            closed = _closed(alert, item["as_of"])
            if closed:
                severities.setdefault(closed, []).append(alert["severity"])
        for why, who in severities.items():
            owners.setdefault(f"{severities_words(who)} {why}", []).append(item["id"])
    for what, ids in owners.items():
        yield f"{listed(ids, _MOST_NAMED)}: {what}"


def _forecasts(items: "list[SloModel]") -> Iterator[str]:
    """Which budgets are expected to be exhausted, and when: a line for each SLO that has some left."""
    for item in items:
        # A service that is older than this command has no forecasts.
        forecast: Any = item.get("forecast")
        exhausted_at = forecast and forecast["exhausted_at"]
        if exhausted_at and exhausted_at["expected"] and not _remaining(item)[1] <= 0:
            yield f"{item['id']}: {forecast['detail']}"


def _hints(items: "list[SloModel]") -> Iterator[str]:
    """What is worth a look, a line for each code: the details of each SLO are in its problems."""
    owners: dict[str, list[str]] = {}
    for item in items:
        for problem in item.get("problems") or ():
            if problem["level"] == ProblemLevel.HINT:
                owners.setdefault(problem["code"], []).append(item["id"])
    for code, ids in owners.items():
        yield f"{listed(list(dict.fromkeys(ids)), _MOST_NAMED)}: hint: {code}"


def _closed(alert: "AlertModel", as_of: "datetime | str | None") -> str:
    """Why an alert ended within the last day, if that was no recovery; else empty."""
    end = alert.get("last_end")
    if end is None or end["at"] is None or as_of is None or end["code"] in _RECOVERED:
        return ""
    at, now = (datetime.fromisoformat(str(moment)) for moment in (end["at"], as_of))
    return f"closed at {at:%Y-%m-%d %H:%M} UTC: {end['reason']}" if now - at < _RECENTLY else ""


def _data(item: "SloModel") -> str:
    problem = item.get("problem")
    return f"{item['data']}: {problem}" if problem else str(item["data"])


def _burn(item: "SloModel", window: str) -> str:
    rates = {rate["window"]: rate["burn_rate"] for rate in item["burn_rates"]}
    rate = rates.get(window)
    return UNKNOWN_FIGURE if rate is None else f"{rate:,.2f}".rstrip("0").rstrip(".") + "x"


def _percent(ratio: float | None, digits: int) -> str:
    return UNKNOWN_FIGURE if ratio is None else rounded_percent(ratio, digits)


def _known_budget(item: "SloModel") -> float | None:
    """The budget that is left; None while too little of its history is read to know it."""
    is_reading = item["data"] == DataState.BACKFILLING and item["status"] == HealthState.UNKNOWN
    return None if is_reading else item["budget"]["remaining_ratio"]


def _remaining(item: "SloModel") -> tuple[bool, float]:
    remaining = item["budget"]["remaining_ratio"]
    return remaining is None, remaining or 0.0
