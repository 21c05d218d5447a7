"""The route ``/objectives``."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.reports import (
    BY_LABEL_PREFIX,
    ObjectivesReport,
    PeriodKind,
    PeriodVerdict,
    QuestionError,
    ReportPeriod,
    ReportQuestion,
    compliance_words,
    report_question,
)
from app.status import Reports
from app.store import StoreUnavailableError
from app.ui.filters import sent_by_a_form
from app.ui.rendering import Renderer
from app.ui.slo.ranges import ChartRange
from app.wording.sentences import event_words

# More rows are for a spreadsheet.
_MOST_ROWS = 200
_MOST_INCIDENTS = 50
_KINDS = (
    *((kind.value, kind.value) for kind in PeriodKind if kind is not PeriodKind.ROLLING),
    ("30d", "30 days"),
    ("90d", "90 days"),
)
_NAMES = ("period", "at", "service", "label", "by", "timezone")
# A verdict has the colour and the shape of a status.
_STATES = {PeriodVerdict.MET: "meeting", PeriodVerdict.MISSED: "exhausted", PeriodVerdict.UNKNOWN: "unknown"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectivesData:
    """Where the page gets its reports; readers of the past wait for their *turn*, which the API shares."""

    reports: Reports
    turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """What the address of the page asks for; what cannot be used is left out, and *refused* says why."""

    question: ReportQuestion
    by: str
    refused: str | None = None

    @classmethod
    def parse(cls, given: Sequence[tuple[str, str]], reports: Reports) -> "Address":
        """The question of an address."""
        values = {name: value.strip() for name, value in given if name in _NAMES and value.strip()}
        name, _, value = values.get("label", "").partition("=")
        by = values.get("by", "service")
        now = reports.now()
        try:
            question = report_question(
                period=values.get("period", "month"),
                at=values.get("at"),
                now=now,
                services=frozenset({values["service"]} if "service" in values else ()),
                labels=frozenset({(name, value)} if name and value else ()),
                by=by if by == "service" else f"{BY_LABEL_PREFIX}{by.removeprefix(BY_LABEL_PREFIX)}",
                timezone=values.get("timezone", "UTC"),
            )
        except QuestionError as error:
            return cls(question=report_question(period="month", at=None, now=now), by="", refused=str(error))
        return cls(question=question, by=question.by.removeprefix(BY_LABEL_PREFIX))

    def query(self, **changes: str) -> str:
        """The query string of this report with some of it changed."""
        question = self.question
        values = {
            "period": question.period.text,
            "at": question.period.at.isoformat(),
            "service": next(iter(question.services), ""),
            "label": next(("=".join(label) for label in question.labels), ""),
            "by": "" if question.by == "service" else question.by,
            "timezone": "" if question.timezone == "UTC" else question.timezone,
        } | changes
        return "?" + urlencode({name: value for name, value in values.items() if value})

    def of(self, period: ReportPeriod) -> str:
        """The query string of another period."""
        return self.query(period=period.text, at=period.at.isoformat())


def objectives_page(renderer: Renderer, data: ObjectivesData) -> APIRouter:
    """The route ``/objectives``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/objectives")
    async def objectives(request: Request) -> Response:
        address = Address.parse(request.query_params.multi_items(), data.reports)
        if sent_by_a_form(request) and address.refused is None:
            return RedirectResponse(f"{renderer.prefix}/objectives{address.query()}", HTTPStatus.SEE_OTHER)
        async with data.turn:
            return await asyncio.to_thread(_shown, renderer, request, data, address)

    return router


def _shown(renderer: Renderer, request: Request, data: ObjectivesData, address: Address) -> Response:
    try:
        report, is_old = data.reports.report(address.question), False
    except StoreUnavailableError:
        kept = data.reports.newest(address.question)
        if kept is None:
            raise
        report, is_old = kept, True
    return renderer.page(
        request,
        "objectives.html",
        status=HTTPStatus.OK if address.refused is None else HTTPStatus.UNPROCESSABLE_ENTITY,
        address=address,
        question=address.question,
        report=report,
        is_old=is_old,
        summary=compliance_words(report),
        kinds=_KINDS,
        verdict=PeriodVerdict,
        states=_STATES,
        members_not_met=sum(slo.members - slo.members_met for slo in report.slos if slo.verdict is PeriodVerdict.MET),
        rows=report.slos[:_MOST_ROWS],
        more=max(0, len(report.slos) - _MOST_ROWS),
        incidents=report.incidents[:_MOST_INCIDENTS],
        incident_count=len(report.incidents),
        uncounted={one.id for one in report.uncounted},
        events=event_words,
        charts_query=_charts_query(report),
    )


def _charts_query(report: ObjectivesReport) -> str:
    """The counted days of the period, as the page of an SLO has them in its address."""
    start, end = report.question.period.bounds("UTC")
    return ChartRange(start=start, end=end if report.until is None else min(end, report.until), length=None).query
