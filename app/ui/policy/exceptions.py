"""Forms that add an exception from policies, and end one before its time."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Protocol

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.access import AccessScope
from app.gate import (
    LONGEST_EXCEPTION,
    LONGEST_EXCEPTION_REASON,
    LONGEST_EXCEPTION_VALUE,
    MOST_EXCEPTION_VALUES,
    ExceptionRequest,
    Gate,
    InvalidExceptionError,
    checked_exception,
    written_line,
)
from app.slo import format_duration
from app.store import StoreError
from app.ui.forms import Refusal, SentForm, by_form, refusal
from app.ui.rendering import Renderer
from app.wording.plain_text import one_line

LENGTHS = {
    format_duration(length): length
    for length in (*(timedelta(hours=hours) for hours in (1, 4, 12, 24, 72, 168)), LONGEST_EXCEPTION)
}
"""How long an exception of the form may last, by what the form sends."""


class ShowPolicy(Protocol):
    """Shows the page with a form that was refused, and why."""

    def __call__(
        self, request: Request, refused: Refusal | None = None, form: Mapping[str, str] | None = None
    ) -> Response:
        """The page; with *refused* and the *form* that was sent, if so."""
        ...


def add_exception_forms(router: APIRouter, renderer: Renderer, gate: Gate, shown: ShowPolicy) -> None:
    """Add the routes below ``/policy/exceptions``."""

    def back() -> Response:
        return RedirectResponse(f"{renderer.prefix}/policy#exceptions", HTTPStatus.SEE_OTHER)

    # A refused form is shown at its own address, which the page refreshes itself from.
    @router.get("/policy/exceptions/new")
    @router.get("/policy/exceptions/end")
    def after_a_refusal() -> Response:
        return back()

    @router.post("/policy/exceptions/new", dependencies=[by_form(AccessScope.ADJUST)])
    def add(request: Request, form: SentForm) -> Response:
        refused = refusal(request, AccessScope.ADJUST) or _add(gate, form)
        return back() if refused is None else shown(request, refused, form)

    @router.post("/policy/exceptions/end", dependencies=[by_form(AccessScope.ADJUST)])
    def end(request: Request, form: SentForm) -> Response:
        refused = refusal(request, AccessScope.ADJUST) or _end(gate, form)
        return back() if refused is None else shown(request, refused)


def _add(gate: Gate, form: Mapping[str, str]) -> Refusal | None:
    """Add the exception of a form; why that cannot be done, if so."""
    now = gate.clock.now()
    try:
        gate.add_exception(checked_exception(_wanted(form, now), at=now))
    except InvalidExceptionError as error:
        return Refusal(status=HTTPStatus.UNPROCESSABLE_ENTITY, problem=f"The exception was not added: {error}.")
    except StoreError as error:
        problem = f"The exception was not added and does not hold, since it cannot be written: {error}."
        return Refusal(status=HTTPStatus.SERVICE_UNAVAILABLE, problem=problem)
    return None


def _end(gate: Gate, form: Mapping[str, str]) -> Refusal | None:
    """End the exception of a form; why it goes on, if so. Of one that is not known, or over, there is nothing to do."""
    try:
        gate.end_exception(
            form.get("id", ""), by=written_line(form.get("by", "")[:LONGEST_EXCEPTION_VALUE], "your name")
        )
    except InvalidExceptionError as error:
        return Refusal(status=HTTPStatus.UNPROCESSABLE_ENTITY, problem=f"The exception goes on: {error}.")
    except StoreError as error:
        problem = f"The exception goes on, since it cannot be written: {error}."
        return Refusal(status=HTTPStatus.SERVICE_UNAVAILABLE, problem=problem)
    return None


def _wanted(form: Mapping[str, str], now: datetime) -> ExceptionRequest:
    length = LENGTHS.get(form.get("lasts", ""))
    if length is None:
        raise InvalidExceptionError(f"choose how long it lasts: {', '.join(LENGTHS)}")
    reason, owner = form.get("reason", ""), form.get("owner", "")
    if len(reason) > LONGEST_EXCEPTION_REASON or len(owner) > LONGEST_EXCEPTION_VALUE:
        raise InvalidExceptionError(
            f"a reason may have {LONGEST_EXCEPTION_REASON:,} characters, "
            f"and the name of its owner {LONGEST_EXCEPTION_VALUE}"
        )
    return ExceptionRequest(
        reason=reason,
        owner=owner,
        starts_at=now,
        ends_at=now + length,
        services=_values(form, "services"),
        environments=_values(form, "environments"),
        changes=_values(form, "changes"),
        slos=_values(form, "slos"),
        break_glass=form.get("break_glass") == "on",
    )


def _values(form: Mapping[str, str], name: str) -> tuple[str, ...]:
    given = tuple(value for value in map(one_line, form.get(name, "").split(",")) if value)
    # Nothing is cut off: an exception about fewer things than were written would let nothing go ahead, silently.
    if len(given) > MOST_EXCEPTION_VALUES or any(len(value) > LONGEST_EXCEPTION_VALUE for value in given):
        raise InvalidExceptionError(
            f"{name} may be {MOST_EXCEPTION_VALUES} values of {LONGEST_EXCEPTION_VALUE} characters"
        )
    return given
