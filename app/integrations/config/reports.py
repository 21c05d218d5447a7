"""The section `reports`: which reports are sent after each period, and to whom."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from pydantic import Field, PlainValidator

from app.integrations.config.fields import LabelName, Model, Name, OneOrMore, Text, taken_names
from app.reports import BY_SERVICE_NAME, PeriodKind, ScheduledReport, is_grouping
from app.slo import find_time_zone
from app.yamldoc import scalars
from app.yamldoc.findings import FieldFinding
from app.yamldoc.scalars import refuse

_PERIODS = tuple(kind.value for kind in PeriodKind if kind is not PeriodKind.ROLLING)


def _period(value: Any) -> str:
    text = scalars.read_text(value)
    if text not in _PERIODS:
        raise refuse(f"{text!r} is not a period", f"write one of {', '.join(_PERIODS)}")
    return text


def _timezone(value: Any) -> str:
    text = scalars.read_text(value)
    if find_time_zone(text) is None:
        raise refuse(f"{text!r} is not a time zone", "write one such as Europe/Berlin")
    return text


def _by(value: Any) -> str:
    text = scalars.read_text(value)
    if not is_grouping(text):
        raise refuse(f"{text!r} is not a way to group SLOs", "write service, or label: and the name of a label")
    return text


class ScheduledReportModel(Model):
    """One report."""

    name: Name
    period: Annotated[str, PlainValidator(_period)]
    receivers: tuple[Name, ...] = Field(min_length=1)
    services: OneOrMore = ()
    labels: dict[LabelName, Text] = Field(default_factory=dict)
    by: Annotated[str, PlainValidator(_by)] = BY_SERVICE_NAME
    timezone: Annotated[str, PlainValidator(_timezone)] = "UTC"


def resolve_reports(models: Sequence[ScheduledReportModel]) -> tuple[ScheduledReport, ...]:
    """What the section says."""
    return tuple(
        ScheduledReport(
            name=model.name,
            period=model.period,
            receivers=model.receivers,
            services=frozenset(model.services),
            labels=frozenset(model.labels.items()),
            by=model.by,
            timezone=model.timezone,
        )
        for model in models
    )


def report_findings(
    models: Sequence[ScheduledReportModel], *, able: Sequence[str], known: Sequence[str]
) -> Iterator[FieldFinding]:
    """What is wrong with it; *able* are the receivers that take reports, *known* all of them."""
    yield from taken_names([model.name for model in models], "reports")
    for number, model in enumerate(models):
        for place, receiver in enumerate(model.receivers):
            if receiver not in able:
                problem = "takes no reports" if receiver in known else "is not a receiver"
                remedy = "write the name of a receiver with email, slack or webhook"
                yield FieldFinding(("reports", number, "receivers", place), f"{receiver} {problem}", remedy)
