"""Routes that compare two versions of a service by a label of their events."""

import math
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Body, Query, Request
from pydantic import WithJsonSchema
from pydantic.json_schema import SkipJsonSchema
from starlette.responses import PlainTextResponse, Response

from app.access import AccessScope
from app.api.gate.hooks import Invert, Word, hook_answers, hook_response, hook_sender, status_answers
from app.api.gate.models import CanaryModel, FlaggerHookModel, VersionModel
from app.api.needs import check_service, identity_of, needs
from app.api.openapi import answers
from app.api.parameters import DURATION, Time
from app.api.problems import invalid
from app.api.responses import JsonResponse, utc
from app.api.timespans import parse_range
from app.clock import Clock
from app.policy import CanaryVerdict, CanaryVerdictKind, VersionCounts, compare_versions
from app.slo import DurationError, SloId, parse_duration
from app.status import Board, Contributors

# A canary is compared over minutes or hours: a version that runs for days is no canary any more.
_LONGEST_WINDOW = timedelta(days=2)
_USUAL_WINDOW = "30m"
_Slo = Annotated[Word, Query(description="The id of the SLO whose events are compared.")]
_Label = Annotated[Word, Query(description="The label of its series that tells the versions apart.")]
_Baseline = Annotated[Word, Query(description="The value of the label of the old version.")]
_Canary = Annotated[Word, Query(description="The value of the label of the new version.")]
_Window = Annotated[
    Annotated[str, WithJsonSchema(DURATION)] | SkipJsonSchema[None],
    Query(description="How far back from `to` events count, at most 2d; 30m if neither it nor `from` is given."),
]
_From = Annotated[Time, Query(alias="from", description="RFC 3339 or Unix seconds, instead of `window`.")]
_To = Annotated[Time, Query(alias="to", description="RFC 3339 or Unix seconds; now if it is not given.")]
_StatusCode = Annotated[
    bool, Query(description="Answer 403 for fail and 503 for inconclusive, for callers that read only the status.")
]
_STATUSES = {
    CanaryVerdictKind.PASS: HTTPStatus.OK,
    CanaryVerdictKind.FAIL: HTTPStatus.FORBIDDEN,
    CanaryVerdictKind.INCONCLUSIVE: HTTPStatus.SERVICE_UNAVAILABLE,
}
_Span = tuple[datetime, datetime]
_Compare = Callable[[str, str, str, str, _Span], Awaitable[CanaryVerdict]]


def canary_routes(board: Board, contributors: Contributors, *, clock: Clock) -> APIRouter:
    """The routes below ``/api/v1/canary``."""
    router = APIRouter(prefix="/api/v1/canary", tags=["gate"], default_response_class=JsonResponse)

    async def compared(slo: str, label: str, baseline: str, canary: str, span: _Span) -> CanaryVerdict:
        old, new = VersionCounts(version=baseline, total=0, bad=0), VersionCounts(version=canary, total=0, bad=0)
        found = board.current.members_of(SloId(slo))
        if not (slo and label and baseline and canary):
            return _inconclusive(old, new, "slo, label, baseline and canary are needed")
        if baseline == canary:
            # Compared with itself any version would pass.
            return _inconclusive(old, new, "baseline and canary are the same version")
        if not found:
            return _inconclusive(old, new, f"no SLO has the id {slo}")
        counts = []
        for version in (baseline, canary):
            answer = await contributors.contributors(SloId(slo), *span, by=(label,), within=((label, version),))
            if answer is None or not answer.is_counted or "component" in answer.by:
                problem = None if answer is None else answer.problem
                return _inconclusive(old, new, problem or "its events cannot be told apart by a label")
            # Both are estimates of Prometheus: of few events the bad ones may seem to be more than all.
            counts.append(VersionCounts(version=version, total=answer.total, bad=min(answer.bad, answer.total)))
        return compare_versions(*counts, error_budget=1 - found[0].slo.objective)

    _add_comparison(router, board, compared, clock)
    _add_flagger(router, board, compared, clock)
    return router


def _add_comparison(router: APIRouter, board: Board, compared: _Compare, clock: Clock) -> None:
    @router.get(
        "",
        operation_id="compareVersions",
        dependencies=[needs(AccessScope.READ, AccessScope.GATE)],
        responses={
            **answers(CanaryModel, "What is said of the canary"),
            **status_answers(CanaryModel, no="fail", unknown="inconclusive"),
        },
    )
    async def compare(
        request: Request,
        *,
        slo: _Slo = "",
        label: _Label = "",
        baseline: _Baseline = "",
        canary: _Canary = "",
        window: _Window = None,
        start: _From = None,
        end: _To = None,
        status_code: _StatusCode = False,
    ) -> JsonResponse:
        """Whether a new version fails more often than the old one, by Fisher's exact test.

        The status is 200 for every verdict, unless `status_code` is set. A verdict is inconclusive with too few events,
        also where a canary that burns the budget as fast as what pages could not have been found.
        """
        check_service(identity_of(request), *_services_of(board, slo))
        span = _span(window, start, end, at=clock.now())
        verdict = await compared(slo, label, baseline, canary, span)
        status = _STATUSES[verdict.kind] if status_code else HTTPStatus.OK
        return JsonResponse(_document(verdict, slo, label, span), status_code=status)


def _add_flagger(router: APIRouter, board: Board, compared: _Compare, clock: Clock) -> None:
    @router.post(
        "/hooks/flagger",
        operation_id="compareVersionsForFlagger",
        dependencies=[needs(AccessScope.READ, AccessScope.GATE, is_checked_by_route=True)],
        response_class=PlainTextResponse,
        responses=hook_answers(no="The canary fails; with `invert`: it passes", unknown="Inconclusive"),
    )
    async def compare_for_flagger(
        request: Request,
        given: Annotated[FlaggerHookModel, Body()],
        *,
        invert: Invert = False,
    ) -> Response:
        """The same for webhooks of Flagger, by the status; `metadata` has the parameters."""
        metadata = given.get("metadata") or {}
        check_service(await hook_sender(request, metadata), *_services_of(board, metadata.get("slo", "")))
        slo, label, baseline, canary = (metadata.get(name, "") for name in ("slo", "label", "baseline", "canary"))
        span = _span(metadata.get("window"), None, None, at=clock.now())
        verdict = await compared(slo, label, baseline, canary, span)
        status = _STATUSES[verdict.kind]
        return hook_response(status, verdict.kind, verdict.reason, metadata=metadata, invert=invert)


def _services_of(board: Board, slo: str) -> set[str]:
    return {one.slo.service for one in board.current.members_of(SloId(slo))}


def _span(window: str | None, start: str | None, end: str | None, *, at: datetime) -> _Span:
    if window is not None and start is not None:
        raise invalid("window and from exclude each other")
    since, until = parse_range(start, end)
    until = until or at
    if since is None:
        try:
            since = until - min(parse_duration(window or _USUAL_WINDOW), 2 * _LONGEST_WINDOW)
        except DurationError as error:
            raise invalid(f"window: {error}") from error
    if not timedelta(0) < until - since <= _LONGEST_WINDOW:
        raise invalid("the range must be longer than 0 and at most 2d")
    return since, until


def _inconclusive(old: VersionCounts, new: VersionCounts, reason: str) -> CanaryVerdict:
    return CanaryVerdict(
        kind=CanaryVerdictKind.INCONCLUSIVE,
        reason=reason,
        baseline=old,
        canary=new,
        p_value=math.nan,
        detectable_ratio=math.nan,
    )


def _document(verdict: CanaryVerdict, slo: str, label: str, span: _Span) -> CanaryModel:
    return CanaryModel(
        data={
            "verdict": verdict.kind,
            "ok": verdict.kind is CanaryVerdictKind.PASS,
            "reason": verdict.reason,
            "p_value": verdict.p_value,
            "detectable_ratio": verdict.detectable_ratio,
            "baseline": _version(verdict.baseline),
            "canary": _version(verdict.canary),
            "slo": slo,
            "label": label,
            "from": utc(span[0]),
            "to": utc(span[1]),
        }
    )


def _version(counts: VersionCounts) -> VersionModel:
    return VersionModel(version=counts.version, total=counts.total, bad=counts.bad, bad_ratio=counts.bad_ratio)
