"""Routes by which people make, change, import and withdraw adjustments; they need `adjust`."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Body, Query, Request

from app.access import AccessScope
from app.adjustments import (
    Adjustment,
    AdjustmentCategory,
    AdjustmentEffect,
    AdjustmentSelector,
    InvalidAdjustmentError,
)
from app.adjustments.calendars import read_calendar
from app.api.adjustments.documents import MONTH, adjustment_document, read_adjustment, zone_of
from app.api.adjustments.models import AdjustmentModel, ImportedModel, NewAdjustmentModel
from app.api.defaults import no_values
from app.api.filters import parse_label
from app.api.needs import needs
from app.api.openapi import answers, problem_answers
from app.api.problems import ProblemError, invalid, not_found
from app.api.responses import JsonResponse
from app.slo import SloId
from app.status import (
    AdjustmentLog,
    Contributors,
    TooManyAdjustmentsError,
    UncountedEventsError,
    UnknownAdjustedSloError,
    with_counted_events,
)
from app.wording.plain_text import one_line

_CONFLICT = "There are as many adjustments as there may be"
_Author = Annotated[str, Query(max_length=100, description="Who does this, for the audit.")]
_NEW = Adjustment(
    id="",
    effect=AdjustmentEffect.EXCLUDE,
    category=AdjustmentCategory.MAINTENANCE,
    reason="Maintenance",
    author="",
    start=datetime(1971, 1, 1),  # noqa: DTZ001  wall-clock time
    duration=timedelta(0),
)
_CALENDAR = {"content": {"text/calendar": {"schema": {"type": "string"}}}, "required": True}


def new_adjustment(at: datetime) -> Adjustment:
    """An adjustment with an id of its own, to be filled in."""
    return replace(_NEW, id=secrets.token_hex(8), created_at=at, updated_at=at)


def known_adjustment(log: AdjustmentLog, id_: str) -> Adjustment:
    """The adjustment with an id.

    Raises:
        ProblemError: there is none.
    """
    found = log.find(id_)
    if found is None:
        raise not_found(f"no adjustment has the id {id_!r}")
    return found


def save(log: AdjustmentLog, adjustments: list[Adjustment], *, action: str, author: str) -> None:
    """Keep adjustments.

    Raises:
        ProblemError: there would be too many.
    """
    try:
        log.save(adjustments, action=action, author=author)
    except TooManyAdjustmentsError as error:
        raise ProblemError(HTTPStatus.CONFLICT, str(error)) from error


def read(given: NewAdjustmentModel, *, known: Adjustment, at: datetime) -> Adjustment:
    """The adjustment that a request gives.

    Raises:
        ProblemError: it cannot be.
    """
    try:
        return read_adjustment(given, known=known, at=at)
    except InvalidAdjustmentError as error:
        raise invalid(str(error)) from error


async def _with_counted_events(given: Adjustment, contributors: Contributors, now: datetime) -> Adjustment:
    try:
        return await with_counted_events(given, contributors, now)
    except InvalidAdjustmentError as error:
        raise invalid(str(error)) from error
    except UnknownAdjustedSloError as error:
        raise not_found(str(error)) from error
    except UncountedEventsError as error:
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error


def change_routes(log: AdjustmentLog, now: Callable[[], datetime], contributors: Contributors) -> APIRouter:
    """The routes that write; *contributors* counts events by label values."""
    router = APIRouter(
        prefix="/api/v1/adjustments",
        tags=["adjustments"],
        default_response_class=JsonResponse,
        dependencies=[needs(AccessScope.ADJUST)],
    )

    def shown(saved: Adjustment) -> AdjustmentModel:
        # As it was kept: what somebody of a tenant adjusts is of that tenant.
        return adjustment_document(log.find(saved.id) or saved, now() - MONTH, now() + MONTH)

    @router.post(
        "",
        operation_id="addAdjustment",
        status_code=HTTPStatus.CREATED,
        responses={
            201: {"model": AdjustmentModel, "description": "The adjustment"},
            **problem_answers(conflict=_CONFLICT),
        },
    )
    async def add(given: Annotated[NewAdjustmentModel, Body()]) -> JsonResponse:
        """Adjust budgets for some time, ahead or after the fact; it applies from the next evaluation on."""
        made = await asyncio.to_thread(read, given, known=new_adjustment(now()), at=now())
        made = await _with_counted_events(made, contributors, now())
        await asyncio.to_thread(save, log, [made], action="created", author=made.author)
        return JsonResponse(await asyncio.to_thread(shown, made), status_code=HTTPStatus.CREATED)

    @router.put(
        "/{id}",
        operation_id="changeAdjustment",
        responses=answers(AdjustmentModel, "It is changed", not_found="No such adjustment", conflict=_CONFLICT),
    )
    async def change(id: str, given: Annotated[NewAdjustmentModel, Body()]) -> JsonResponse:  # noqa: A002  the contract's name
        """Change an adjustment; one that was withdrawn applies again."""
        known = await asyncio.to_thread(known_adjustment, log, id)
        changed = replace(await asyncio.to_thread(read, given, known=known, at=now()), withdrawn_at=None)
        changed = await _with_counted_events(changed, contributors, now())
        await asyncio.to_thread(save, log, [changed], action="changed", author=changed.author)
        return JsonResponse(await asyncio.to_thread(shown, changed))

    @router.delete(
        "/{id}",
        operation_id="withdrawAdjustment",
        responses=answers(AdjustmentModel, "It is withdrawn", not_found="No such adjustment"),
    )
    def withdraw(id: str, author: _Author = "") -> JsonResponse:  # noqa: A002  the contract's name
        """Withdraw an adjustment: it has no effect any more, on the past either, and stays in the audit."""
        known = known_adjustment(log, id)
        withdrawn = replace(known, withdrawn_at=known.withdrawn_at or now(), updated_at=now())
        save(log, [withdrawn], action="withdrawn", author=one_line(author))
        return JsonResponse(shown(withdrawn))

    _add_import(router, log, now)
    return router


def _add_import(router: APIRouter, log: AdjustmentLog, now: Callable[[], datetime]) -> None:
    @router.post(
        "/import",
        operation_id="importAdjustments",
        openapi_extra={"requestBody": _CALENDAR},
        responses=answers(ImportedModel, "What was read", conflict=_CONFLICT),
    )
    async def import_calendar(
        request: Request,
        slo: Annotated[list[str], Query(default_factory=no_values, description="Only these SLOs, by id.")],
        service: Annotated[list[str], Query(default_factory=no_values, description="Only SLOs of these services.")],
        label: Annotated[
            list[str],
            Query(default_factory=no_values, description="Only SLOs with all of these labels, written `name=value`."),
        ],
        *,
        everything: Annotated[bool, Query(description="All SLOs.")] = False,
        effect: Annotated[AdjustmentEffect, Query(description="Of events that say none.")] = AdjustmentEffect.EXCLUDE,
        mute_alerts: Annotated[bool, Query(description="Of events that say nothing of it.")] = False,
        timezone: Annotated[str, Query(max_length=100, description="Of all-day and floating times.")] = "UTC",
        author: _Author = "",
    ) -> JsonResponse:
        """Read an iCalendar: each event is an adjustment, known by its UID when it is imported again."""
        selector = AdjustmentSelector(
            slos=frozenset(map(SloId, slo)),
            services=frozenset(service),
            labels=tuple(sorted(map(parse_label, label))),
            everything=everything,
        )
        try:
            like = replace(
                new_adjustment(now()),
                effect=effect,
                selector=selector,
                mute_alerts=mute_alerts,
                timezone=zone_of(timezone).key,
                author=one_line(author),
            )
        except InvalidAdjustmentError as error:
            raise invalid(str(error)) from error
        # A thousand events take seconds, which the event loop does not have.
        return JsonResponse(await asyncio.to_thread(_imported, log, await request.body(), like, now()))


def _imported(log: AdjustmentLog, text: bytes, like: Adjustment, at: datetime) -> ImportedModel:
    """Read a calendar, and save what is new or has changed in it."""
    try:
        found = read_calendar(text, like=like, at=at)
    except InvalidAdjustmentError as error:
        raise invalid(str(error)) from error
    known = {one.id: one for one in log.listed()}
    document: ImportedModel = {
        "created": [],
        "updated": [],
        "unchanged": [],
        "withdrawn": sorted({*map(log.imported_id, found.cancelled)} & known.keys()),
        "skipped": [*found.skipped],
    }
    cancelled = (known[id_] for id_ in document["withdrawn"])
    changed = [replace(one, withdrawn_at=at, updated_at=at) for one in cancelled if one.withdrawn_at is None]
    for event in found.adjustments:
        one = replace(event, id=log.imported_id(event.id))
        before = known.get(one.id)
        # Somebody has decided that it does not apply, and the calendar does not know.
        if before is not None and before.withdrawn_at is not None:
            document["withdrawn"].append(one.id)
        elif (
            before is not None
            and replace(one, created_at=before.created_at, updated_at=before.updated_at, author=before.author) == before
        ):
            document["unchanged"].append(one.id)
        else:
            document["created" if before is None else "updated"].append(one.id)
            changed.append(one if before is None else replace(one, created_at=before.created_at))
    if changed:
        save(log, changed, action="imported", author=like.author)
    return document
