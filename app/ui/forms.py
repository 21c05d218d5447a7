"""Forms that change something: what was sent, and whether the token is right."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from app.access import (
    IDENTITY,
    AccessFailure,
    AccessRefusal,
    AccessScope,
    Identity,
    Needs,
    access_in,
    act_as,
    credentials_in,
    identity_in,
)
from app.slo import EARLIEST, LATEST
from app.store import StoreLockedError, StoreUnavailableError
from app.wording.plain_text import one_line, shortened, visible

# More than any form has; parsing others is work for a mistake or an attack.
_MOST_FIELDS = 20
WAIT_S = "wait_s"
"""The key of the state of a request that is one of too many: seconds until another is allowed."""
# More digits are more than a column of numbers holds.
_LONGEST_NUMBER = 15
_Choice = TypeVar("_Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a form was refused, for the page that shows it again."""

    status: HTTPStatus
    problem: str


async def form_fields(request: Request) -> dict[str, str]:
    """The fields of a form; empty if they cannot be read."""
    try:
        text = (await request.body()).decode()
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        return {}


async def sent_form(request: Request) -> Mapping[str, str]:
    """The fields of a form but its token, whose identity is noted for `refusal`; empty if they cannot be read."""
    form = await form_fields(request)
    # What shows a form again does not know the token.
    token = form.pop("token", "").strip()
    scope = request.scope
    address = credentials_in(scope).address
    found = await access_in(scope).by_secret(token, address=address) if token else identity_in(scope)
    request.state.form_identity = found
    if isinstance(found, Identity):
        act_as(found)
    return form


SentForm = Annotated[Mapping[str, str], Depends(sent_form)]
"""The form of a route that changes something."""


def chosen_value(kind: type[_Choice], text: str) -> _Choice | None:
    """The value that a field of a form or an address chooses; None if it is none of its kind."""
    return next((choice for choice in kind if choice.value == text), None)


def unknown_choice(kind: type[StrEnum], text: str) -> Refusal | None:
    """Why a form with this in a field changes nothing; None if the field is empty or a value of its kind."""
    if not text or chosen_value(kind, text) is not None:
        return None
    known = ", ".join(choice.value for choice in kind)
    return Refusal(
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        problem=f"{shortened(one_line(text), 40)!r} is none of {known}; nothing was changed.",
    )


def chosen_day(text: str, *, ends: bool = False) -> datetime | None:
    """The beginning of a day in UTC, or its end; None if the field of an address is no day."""
    try:
        at = datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        return None
    if not EARLIEST <= at < LATEST:
        return None
    return at + timedelta(days=1) if ends else at


def chosen_number(text: str) -> int | None:
    """The number in a field of an address; None if it is none."""
    known = text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER
    return int(text) if known else None


def chosen_page(text: str) -> int:
    """The page of a list in a field of an address, from 1; the first where it is none."""
    # A longer number is behind the last page, too.
    return chosen_number(text[:_LONGEST_NUMBER]) or 1


def by_form(scope: AccessScope) -> Any:
    """A dependency of routes of forms, which ask `refusal` whether *scope* is allowed."""
    return Depends(Needs([scope], is_checked_by_route=True))


def may_change(request: Request) -> bool:
    """Whether there is any token by which a form could change something, or its reader is known without one."""
    return access_in(request.scope).has_credentials or known_reader(request) is not None


def known_reader(request: Request) -> Identity | None:
    """Who reads a page, if their browser proves that with every request; their forms need no token."""
    found = request.scope.get("state", {}).get(IDENTITY)
    return found if isinstance(found, Identity) and found.is_ambient else None


def sees_service(request: Request) -> bool:
    """Whether who reads a page may see what is about the whole service, and not only their tenants."""
    found = request.scope.get("state", {}).get(IDENTITY)
    return not isinstance(found, Identity) or found.tenants is None


def refusal(request: Request, scope: AccessScope) -> Refusal | None:
    """Why a form changes nothing, since who sends it may not do what needs *scope*; None if it may.

    Without a token in a field of it, the one who is signed in sends it.
    """
    if not may_change(request):
        problem = "Changes are off: make a token with `sloburn token create`, or set SLOBURN_API_TOKEN."
        return Refusal(status=HTTPStatus.FORBIDDEN, problem=problem)
    found: Identity | AccessRefusal = request.state.form_identity
    if isinstance(found, AccessRefusal):
        setattr(request.state, WAIT_S, found.wait_s)
        return Refusal(status=found.status, problem=f"{refusal_words(found)}; nothing was changed.")
    if not found.name:
        return Refusal(status=HTTPStatus.UNAUTHORIZED, problem="Enter a token, or sign in; nothing was changed.")
    if not found.allows(scope):
        problem = f"{found.name!r} does not allow {scope.value}; nothing was changed."
        return Refusal(status=HTTPStatus.FORBIDDEN, problem=problem)
    wait_s = access_in(request.scope).changed(found)
    if wait_s:
        setattr(request.state, WAIT_S, wait_s)
        problem = f"There were too many changes; nothing was changed. Try again in {math.ceil(wait_s)} s."
        return Refusal(status=HTTPStatus.TOO_MANY_REQUESTS, problem=problem)
    return None


def unwritten(write: Callable[[], object]) -> Refusal | None:
    """Write what a form changes; why it was not, if the database cannot be used: the form keeps what was typed."""
    try:
        write()
    except (StoreUnavailableError, StoreLockedError):
        problem = "Nothing was changed: the database cannot be written now. Try again in a few seconds."
        return Refusal(status=HTTPStatus.SERVICE_UNAVAILABLE, problem=problem)
    return None


def refusal_words(found: AccessRefusal) -> str:
    """A refusal in words for people, without a period."""
    text = "the token is wrong" if found.failure is AccessFailure.UNKNOWN else visible(found.detail)
    return text[:1].upper() + text[1:]
