"""The route by which tools report changes, each in its own form."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import parse_qs

import orjson
from fastapi import APIRouter, Query, Request
from pydantic import TypeAdapter
from starlette.responses import Response

from app.access import AccessScope
from app.api.needs import check_service, needs
from app.api.openapi import problem_answers
from app.api.problems import ProblemError, invalid
from app.api.responses import JsonResponse
from app.api.timeline.documents import change_document
from app.api.timeline.models import ReportedModel, ReportModel
from app.api.timeline.senders import check_sender
from app.changes import IgnoredChange, MalformedChangeError, Received, read_change
from app.status import AdjustmentLog, ChangeLog, OtherServiceError

_Service = Annotated[str, Query(max_length=200, description="The service, in place of the one in the report.")]
_Environment = Annotated[str, Query(max_length=200, description="The environment, in place of the one in the report.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Where changes and adjustments are kept; *now* is the time of reports without one."""

    log: ChangeLog
    adjustments: AdjustmentLog
    now: Callable[[], datetime]


def add_report_route(router: APIRouter, timeline: Timeline, *, external_url: str) -> None:
    """Add the route ``POST /events``."""

    @router.post(
        "/events",
        operation_id="reportEvent",
        status_code=HTTPStatus.CREATED,
        dependencies=[needs(AccessScope.EVENTS, is_checked_by_route=True)],
        openapi_extra={"requestBody": _body()},
        responses={
            200: {"model": ReportedModel, "description": "It was known already; the report has been added"},
            201: {"model": ReportedModel, "description": "The change"},
            202: {"model": ReportedModel, "description": "It is no change and was ignored, or an event for PagerDuty"},
            **problem_answers(unprocessable_entity="It cannot be read, or an unknown parameter"),
        },
    )
    async def report(request: Request, service: _Service = "", environment: _Environment = "") -> Response:
        """Report a deploy or another change.

        The form is recognised: CDEvents (as structured or binary CloudEvents), the notification of Argo CD in the
        documents, webhooks of GitHub and GitLab, change events of PagerDuty, or the plain one that is described here.
        """
        body, headers = await request.body(), dict(request.headers)
        given = _decoded(headers, body)
        is_pagerduty = isinstance(given, dict) and "routing_key" in given
        key = given.get("routing_key") if isinstance(given, dict) else None
        # Before anything is said about the body; signatures are over its bytes as they were sent.
        sender = await check_sender(request, headers, body, key if isinstance(key, str) else None)
        if isinstance(given, _Unreadable):
            raise invalid(given.reason)
        try:
            received = Received(headers=headers, body=given)
            found = read_change(received, at=timeline.now(), service=service or None, environment=environment or None)
        except MalformedChangeError as error:
            raise invalid(str(error)) from error
        if isinstance(found, IgnoredChange):
            ignored: ReportedModel = {"event": None, "ignored": found.reason}
            return JsonResponse(ignored, status_code=HTTPStatus.ACCEPTED)
        check_service(sender, found.service)
        try:
            kept, is_new = await asyncio.to_thread(timeline.log.add, found, allows=sender.allows_service)
        except OtherServiceError:
            detail = f"a change of another service has this id; {sender.name} may not report for it"
            raise ProblemError(HTTPStatus.FORBIDDEN, detail) from None
        answer: ReportedModel = {"event": change_document(kept, external_url=external_url), "ignored": None}
        # Clients of PagerDuty take nothing but 202 for a success.
        status = HTTPStatus.ACCEPTED if is_pagerduty else HTTPStatus.CREATED if is_new else HTTPStatus.OK
        return JsonResponse(answer, status_code=status)


class _Unreadable:
    """A body that is no JSON; the reason is shown to callers with a token only."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


def _decoded(headers: Mapping[str, str], body: bytes) -> Any:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    # curl calls JSON a form too, where no Content-Type is given.
    if kind == "application/x-www-form-urlencoded" and not body.lstrip().startswith(b"{"):
        # GitHub sends its JSON in a form unless the webhook asks for application/json.
        try:
            body = parse_qs(body.decode(), max_num_fields=10).get("payload", [""])[0].encode()
        except ValueError:
            return _Unreadable("the form has no payload: let the webhook send application/json")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return _Unreadable(f"the body is not JSON: {error}")


def _body() -> dict[str, Any]:
    schema = TypeAdapter(ReportModel).json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    return {"required": True, "content": {"application/json": {"schema": schema}}}
