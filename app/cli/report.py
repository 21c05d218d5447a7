"""`sloburn report`: objectives of a period, from a running service."""

from typing import Annotated

import typer

from app.cli.console import OutputFile, choice_of, fail, write_result
from app.cli.remote import DEFAULT_URL, RemoteError, Url, fetch_text
from app.cli.status import Label, Service
from app.reports import ReportFormat

Period = Annotated[
    str,
    typer.Option("--period", help="week, month, quarter or year; or days before --at, such as 30d.", metavar="PERIOD"),
]
At = Annotated[
    str | None,
    typer.Option("--at", help="A date in the period; by default yesterday.", metavar="DATE", show_default=False),
]
By = Annotated[
    str, typer.Option("--by", help="What SLOs are grouped by: service, or label:NAME.", metavar="service|label:NAME")
]
Zone = Annotated[str, typer.Option("--timezone", help="The time zone of nights and weekends.", metavar="ZONE")]
Form = Annotated[
    ReportFormat,
    typer.Option(
        "--format",
        help="What the report is written as.",
        metavar="<markdown|csv|json|html>",
        parser=choice_of(ReportFormat),
    ),
]


def report(
    *,
    url: Url = DEFAULT_URL,
    period: Period = "month",
    at: At = None,
    service: Service = None,
    label: Label = None,
    by: By = "service",
    timezone: Zone = "UTC",
    format: Form = ReportFormat.MARKDOWN,  # noqa: A002  the contract's name
    output: OutputFile = None,
) -> None:
    """Write a report: objectives that were met or missed.

    It has what spent the budgets, incidents, and whom alerts disturbed. Figures are those of whole days. A period that
    is over stays as it is when documents change. The page of --format html needs nothing else to be printed or mailed.

    Example: sloburn report --period quarter --format html --output q1.html
    """
    query = [("period", period), ("by", by), ("timezone", timezone), ("format", str(format))]
    query += [("at", at)] if at is not None else []
    query += [(name, value) for name, values in (("service", service), ("label", label)) for value in values or ()]
    try:
        text = fetch_text(url, "/api/v1/reports", query)
    except RemoteError as error:
        fail(str(error))
    write_result(text, output)
