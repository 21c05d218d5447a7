"""`sloburn export`: the past of budgets, burn rates and events for Prometheus, from the database of the service."""

from typing import Annotated

import typer

from app.cli.configuration import settings_for
from app.cli.console import OutputFile
from app.slo import classic_label_name

Ids = Annotated[
    list[str] | None,
    typer.Option("--slo", help="Only the SLO with this id; may be repeated.", metavar="ID", show_default=False),
]
From = Annotated[
    str | None,
    typer.Option(
        "--from", help="The first time, RFC 3339 or Unix seconds.  [default: 30 days before --to]", metavar="TIME"
    ),
]
To = Annotated[str | None, typer.Option("--to", help="The last time.  [default: now]", metavar="TIME")]
StepOption = Annotated[
    str,
    typer.Option("--step", help="How far samples are apart; Prometheus draws gaps beyond 5m.", metavar="DURATION"),
]


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not value or classic_label_name(name) != name:
        raise typer.BadParameter(f"{text!r} must be written as name=value, such as job=sloburn")
    return name, value


Labels = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        help="Added to every series, such as job=sloburn as a scrape would; may be repeated.",
        metavar="NAME=VALUE",
        parser=_label,
        show_default=False,
    ),
]
OpenMetrics = Annotated[
    bool, typer.Option("--openmetrics/", help="Write OpenMetrics text for promtool; there is no other format yet.")
]


def export(
    *,
    openmetrics: OpenMetrics = True,
    slo: Ids = None,
    start: From = None,
    end: To = None,
    step: StepOption = "5m",
    label: Labels = None,
    output: OutputFile = None,
) -> None:
    """Write the past of budgets and burn rates as OpenMetrics.

    It comes from the database of the service: objectives, SLIs, burn rates, budgets, counters of events, coverage, and
    when alerts fired. `promtool tsdb create-blocks-from openmetrics FILE DIR` makes blocks of it for the storage of
    Prometheus. The service may be running meanwhile. SLOs and database are those of the settings (SLOBURN_SPECS,
    SLOBURN_DATABASE_URL), the evaluation interval is that of the database.

    Example: sloburn export --openmetrics --label job=sloburn -o history.om
    """
    del openmetrics
    settings = settings_for({})
    # It needs most of the service; the other commands start faster without it.
    from app.cli.export.history import export_history  # noqa: PLC0415

    labels: list[tuple[str, str]] = label or []  # type: ignore[assignment]  # what the parser makes of them
    export_history(settings, ids=slo or [], start=start, end=end, step=step, labels=labels, file=output)
