"""The page ``/adjustments``: those that apply with their next occurrences, and forms to make and withdraw them."""

import asyncio
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.access import AccessScope
from app.adjustments import (
    Adjustment,
    AdjustmentCategory,
    AdjustmentEffect,
    AdjustmentSelector,
    InvalidAdjustmentError,
    adjustment_title,
    checked_adjustment,
    occurrences,
)
from app.adjustments.model import LONGEST_AUTHOR
from app.slo import Labels, SloId, find_time_zone
from app.status import (
    Board,
    Snapshot,
    TooManyAdjustmentsError,
    UncountedEventsError,
    UnknownAdjustedSloError,
    with_counted_events,
)
from app.ui.forms import Refusal, SentForm, by_form, chosen_value, may_change, refusal, unknown_choice
from app.ui.rendering import Renderer
from app.ui.timeline.data import TimelineData
from app.wording.plain_text import one_line, shortened

_MONTH, _YEAR = timedelta(days=30), timedelta(days=366)
_SHOWN = 200
_LONGEST_FIELD = 1_000
_EFFECTS = ((AdjustmentEffect.EXCLUDE, "are excluded"), (AdjustmentEffect.COUNT_AS_GOOD, "count as good"))


def add_adjustments_page(router: APIRouter, renderer: Renderer, data: TimelineData, board: Board) -> None:
    """Add the routes below ``/adjustments``."""

    def shown(request: Request, refused: Refusal | None = None, form: Mapping[str, str] | None = None) -> Response:
        now = renderer.clock.now()
        known = [one for one in data.adjustments.listed() if one.withdrawn_at is None]
        current = _names(board.current.snapshots)
        return renderer.page(
            request,
            "timeline/adjustments.html",
            status=HTTPStatus.OK if refused is None else refused.status,
            rows=[_row(one, now, current) for one in known[:_SHOWN]],
            count=len(known),
            refused=refused,
            form=form or {},
            categories=tuple(AdjustmentCategory),
            effects=_EFFECTS,
            may_change=may_change(request),
        )

    def back() -> Response:
        return RedirectResponse(f"{renderer.prefix}/adjustments", HTTPStatus.SEE_OTHER)

    @router.get("/adjustments")
    def adjustments(request: Request) -> Response:
        return shown(request)

    # A refused form is shown at its own address, which the page refreshes itself from.
    @router.get("/adjustments/new")
    @router.get("/adjustments/withdraw")
    def after_a_refusal() -> Response:
        return back()

    @router.post("/adjustments/new", dependencies=[by_form(AccessScope.ADJUST)])
    async def add(request: Request, form: SentForm) -> Response:
        refused = refusal(request, AccessScope.ADJUST) or await _add(data, form, renderer.clock.now())
        if refused is not None:
            return await asyncio.to_thread(shown, request, refused, form)
        return back()

    @router.post("/adjustments/withdraw", dependencies=[by_form(AccessScope.ADJUST)])
    def withdraw(request: Request, form: SentForm) -> Response:
        refused = refusal(request, AccessScope.ADJUST)
        if refused is not None:
            return shown(request, refused)
        _withdraw(data, form, renderer.clock.now())
        return back()


async def _add(data: TimelineData, form: Mapping[str, str], now: datetime) -> Refusal | None:
    """Make the adjustment of a form; why that cannot be done, if so."""
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    try:
        made = await with_counted_events(_adjustment(form, now), data.contributors, now)
        await asyncio.to_thread(data.adjustments.save, [made], action="created", author=made.author)
    except (InvalidAdjustmentError, TooManyAdjustmentsError, UnknownAdjustedSloError) as error:
        problem = str(error)
    except UncountedEventsError as error:
        problem, status = str(error), HTTPStatus.SERVICE_UNAVAILABLE
    else:
        return None
    return Refusal(status=status, problem=f"The adjustment was not made: {problem}.")


def _withdraw(data: TimelineData, form: Mapping[str, str], now: datetime) -> None:
    known = data.adjustments.find(form.get("id", ""))
    if known is not None and known.withdrawn_at is None:
        withdrawn = replace(known, withdrawn_at=now, updated_at=now)
        data.adjustments.save([withdrawn], action="withdrawn", author=one_line(form.get("author", ""))[:LONGEST_AUTHOR])


def _names(snapshots: Iterable[Snapshot]) -> frozenset[str]:
    """The services, SLOs and members of groups that there are."""
    return frozenset(str(name) for one in snapshots for name in (one.slo.service, one.slo.id, one.id))


def _row(adjustment: Adjustment, now: datetime, current_names: frozenset[str]) -> Mapping[str, object]:
    around = occurrences(adjustment, now - _MONTH, now + _YEAR)
    current = next((one for one in around if one.start <= now < one.end), None)
    coming = next((one for one in around if one.start > now), None)
    past = [one for one in around if one.end <= now]
    selector = adjustment.selector
    labels = [f"{name}={value}" for name, value in selector.labels]
    return {
        "adjustment": adjustment,
        "title": adjustment_title(adjustment),
        "what": ", ".join([*sorted(selector.slos), *sorted(selector.services), *labels]) or "all SLOs",
        # Before the first evaluation there are none.
        "unknown": sorted({*selector.slos, *selector.services} - current_names) if current_names else [],
        "events": ", ".join(f"{name}={value}" for name, value in adjustment.events),
        "current": current,
        "when": current or coming or (past[-1] if past else None),
    }


def _adjustment(form: Mapping[str, str], now: datetime) -> Adjustment:
    def text(name: str) -> str:
        return shortened(one_line(form.get(name, "")), _LONGEST_FIELD)

    zone = find_time_zone(text("timezone") or "UTC")
    if zone is None:
        raise InvalidAdjustmentError("the time zone is not known; write one such as Europe/Berlin")
    try:
        start, end = (datetime.fromisoformat(form.get(name, "")) for name in ("start", "end"))
    except ValueError as error:
        raise InvalidAdjustmentError("start and end must be times") from error
    if start.tzinfo is not None or end.tzinfo is not None or not {start.year, end.year} <= {*range(1972, 2190)}:
        raise InvalidAdjustmentError("start and end must be times of this century, without an offset")
    effect = chosen_value(AdjustmentEffect, text("effect"))
    category = chosen_value(AdjustmentCategory, text("category"))
    # What a form leaves out has the value that is usual; what is misspelt must not leave events out of budgets.
    refused = unknown_choice(AdjustmentEffect, text("effect")) or unknown_choice(AdjustmentCategory, text("category"))
    if refused is not None:
        raise InvalidAdjustmentError(refused.problem)
    return checked_adjustment(
        Adjustment(
            id=secrets.token_hex(8),
            effect=effect or AdjustmentEffect.EXCLUDE,
            category=category or AdjustmentCategory.MAINTENANCE,
            reason=text("reason"),
            author=text("author")[:LONGEST_AUTHOR],
            start=start,
            duration=end.replace(tzinfo=zone).astimezone(UTC) - start.replace(tzinfo=zone).astimezone(UTC),
            timezone=zone.key,
            rrule=text("rrule").upper().removeprefix("RRULE:"),
            selector=AdjustmentSelector(
                slos=frozenset(SloId(one.strip()) for one in text("slos").split(",") if one.strip()),
                services=frozenset(one.strip() for one in text("services").split(",") if one.strip()),
                labels=_labels(text("labels"), "labels"),
            ),
            mute_alerts=form.get("mute_alerts") == "on",
            events=_labels(text("events"), "only events with"),
            created_at=now,
            updated_at=now,
        )
    )


def _labels(text: str, field: str) -> Labels:
    """Pairs such as ``team=payments, tier=1``; what is none must not make an adjustment about more than was meant."""
    pairs = [one.partition("=") for one in text.split(",") if one.strip()]
    if any(not (name.strip() and equals) for name, equals, _ in pairs):
        raise InvalidAdjustmentError(f"{field} must be name=value, separated by commas")
    return tuple(sorted((name.strip(), value.strip()) for name, _, value in pairs))
