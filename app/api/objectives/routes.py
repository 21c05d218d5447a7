"""The route of reports."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import WithJsonSchema
from pydantic.json_schema import SkipJsonSchema
from starlette.responses import HTMLResponse, Response

from app.access import Identity, IdentityKind, act_as
from app.api.filters import parse_label
from app.api.needs import open_route
from app.api.objectives.documents import report_document
from app.api.objectives.models import ReportModel
from app.api.openapi import answers, problem_answers, text_answer
from app.api.parameters import MAX_LIMIT, LabelPairs, Services
from app.api.problems import ProblemError, invalid
from app.api.responses import JsonResponse
from app.reports import (
    SHARED_PATH,
    ObjectivesReport,
    QuestionError,
    ReportFormat,
    is_signed,
    report_csv,
    report_html,
    report_markdown,
    report_question,
)
from app.status import Reports

_TEXTS: dict[ReportFormat, tuple[str, str, Callable[[ObjectivesReport], str]]] = {
    ReportFormat.CSV: ("text/csv; charset=utf-8", "csv", report_csv),
    ReportFormat.MARKDOWN: ("text/markdown; charset=utf-8", "md", report_markdown),
    ReportFormat.HTML: ("text/html; charset=utf-8", "html", report_html),
}
_ANSWERS: dict[int | str, dict[str, Any]] = answers(ReportModel, "The report")
_ANSWERS[HTTPStatus.OK.value]["content"] = {
    media_type.partition(";")[0]: {"schema": {"type": "string"}} for media_type, _, _ in _TEXTS.values()
}
_SHARED_ANSWERS: dict[int | str, dict[str, Any]] = {
    **text_answer("text/html", "The report"),
    **problem_answers(forbidden="It is not signed, or has expired"),
}
# A page of its own, which has a style sheet in it and nothing else.
_PAGE_CSP = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_PERIOD = "^(week|month|quarter|year|[1-9]d|[1-9][0-9]d|[12][0-9]{2}d|3[0-5][0-9]d)$"
Period = Annotated[
    Annotated[
        str,
        WithJsonSchema({"type": "string", "pattern": _PERIOD}),
    ],
    Query(description="`week`, `month`, `quarter` or `year`; or the days before `at`, such as `30d`."),
]
At = Annotated[
    Annotated[str, WithJsonSchema({"type": "string", "format": "date"})] | SkipJsonSchema[None],
    Query(description="A date in the period, such as 2026-02-11; by default yesterday, today for days."),
]
By = Annotated[
    Annotated[str, WithJsonSchema({"type": "string", "pattern": "^(service$|label:.)"})],
    Query(description="`service`, or `label:` and the name of a label.", examples=["label:team"]),
]
Zone = Annotated[
    Annotated[str, WithJsonSchema({"type": "string", "examples": ["Europe/Berlin"]})],
    Query(description="The time zone of nights and weekends."),
]
ReportLimit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many SLOs the JSON has at most.")]


def report_routes(reports: Reports, turn: asyncio.Semaphore, *, link_secret: str | None = None) -> APIRouter:
    """The routes of reports; readers of the past wait for their *turn*. Links are signed with *link_secret*."""
    router = APIRouter(tags=["slos"])

    @router.get("/api/v1/reports", operation_id="getReport", response_class=JsonResponse, responses=_ANSWERS)
    async def report(
        *,
        service: Services,
        label: LabelPairs,
        period: Period = "month",
        at: At = None,
        by: By = "service",
        timezone: Zone = "UTC",
        format: ReportFormat = ReportFormat.JSON,  # noqa: A002  the contract's name
        limit: ReportLimit = MAX_LIMIT,
    ) -> Response:
        """Whether objectives were met in a period, and what spent the budgets.

        Figures are those of whole days. Those of a period that is over stay as they are when documents change.
        """
        try:
            question = report_question(
                period=period,
                at=at,
                now=reports.now(),
                services=frozenset(service),
                labels=frozenset(map(parse_label, label)),
                by=by,
                timezone=timezone,
            )
        except QuestionError as error:
            raise invalid(str(error)) from error
        async with turn:
            return await asyncio.to_thread(lambda: _answer(reports.report(question), format, limit))

    _add_shared(router, report, reports, link_secret)
    return router


def _add_shared(
    router: APIRouter, report: Callable[..., Awaitable[Response]], reports: Reports, link_secret: str | None
) -> None:
    """Add the route of links that are signed with *link_secret*; *report* answers what they ask."""

    # Its signature is what allows it.
    @router.get(
        SHARED_PATH,
        operation_id="getSharedReport",
        dependencies=[open_route()],
        response_class=HTMLResponse,
        responses=_SHARED_ANSWERS,
    )
    async def shared(
        request: Request,
        *,
        service: Services,
        label: LabelPairs,
        # Both are checked with all other parameters, in the order of the link.
        expires: Annotated[int, Query(ge=0, description="Until when it can be used, in Unix seconds.")],  # noqa: ARG001
        signature: Annotated[str, Query(max_length=64, description="HMAC-SHA256 of the other parameters.")],  # noqa: ARG001
        period: Period = "month",
        at: At = None,
        by: By = "service",
        timezone: Zone = "UTC",
    ) -> Response:
        """The page of a report, by a link that a sent report has; it can be used until it expires."""
        query = request.query_params.multi_items()
        if link_secret is None or not is_signed(query, secret=link_secret, at=reports.now()):
            raise ProblemError(HTTPStatus.FORBIDDEN, "this link is not signed by this service, or has expired")
        # Its labels say whose SLOs it is about, and are signed too.
        act_as(Identity(kind=IdentityKind.SERVICE, name="a signed link"))
        return await report(
            service=service, label=label, period=period, at=at, by=by, timezone=timezone, format=ReportFormat.HTML
        )


def _answer(report: ObjectivesReport, form: ReportFormat, limit: int) -> Response:
    if form is ReportFormat.JSON:
        return JsonResponse(report_document(report, limit=limit))
    media_type, ending, write = _TEXTS[form]
    headers = {"Content-Disposition": f'inline; filename="objectives-{report.question.period.name}.{ending}"'}
    if form is ReportFormat.HTML:
        headers["Content-Security-Policy"] = _PAGE_CSP
    return Response(write(report), headers=headers | {"Content-Type": media_type})
