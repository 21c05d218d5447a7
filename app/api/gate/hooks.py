"""What the routes of the gate and of canaries share: Flagger reads only the status of an answer."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated

from fastapi import Query, Request
from pydantic import TypeAdapter, ValidationError
from starlette.responses import PlainTextResponse, Response

from app.access import AccessRefusal, AccessScope, Identity, access_in, act_as, credentials_in
from app.api.gate.models import LONGEST_NAME
from app.api.needs import check_allowed, identity_of, refused
from app.api.openapi import Responses, problem_answers
from app.api.problems import invalid
from app.wording.plain_text import one_line

Word = Annotated[str, Query(max_length=LONGEST_NAME)]
Invert = Annotated[bool, Query(description="For hooks of the type `rollback`, to which 200 means: roll back.")]

_BOOLEAN: TypeAdapter[bool] = TypeAdapter(bool)
_TEXT = {"text/plain": {"schema": {"type": "string"}}}
# Only a clear no is a reason to roll back.
_INVERTED = {
    HTTPStatus.OK: HTTPStatus.FORBIDDEN,
    HTTPStatus.FORBIDDEN: HTTPStatus.OK,
    HTTPStatus.SERVICE_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}


def status_answers(model: type, *, no: str, unknown: str) -> Responses:
    """What a route answers with `status_code`, where it does not answer 200; *no* and *unknown* name the decisions."""
    unavailable = problem_answers(service_unavailable=f"With `status_code`: {unknown}")[503]
    return {
        403: {"model": model, "description": f"With `status_code`: {no}"},
        503: {"model": model, **unavailable},
    }


def hook_answers(*, no: str, unknown: str) -> Responses:
    """What a hook answers; *no* and *unknown* describe the answers that are not 200."""
    unavailable = problem_answers(service_unavailable=unknown)[503]["content"]
    return {
        200: {"description": "Go on; with `invert`: roll back", "content": _TEXT},
        403: {"description": no, "content": _TEXT},
        503: {"description": unknown, "content": {**_TEXT, **unavailable}},
    }


async def hook_sender(request: Request, metadata: Mapping[str, str]) -> Identity:
    """Who sends a hook: Flagger sends no headers of ours, and its metadata may have the token instead.

    Raises:
        ProblemError: it may not ask.
    """
    identity = identity_of(request)
    if not identity.name and metadata.get("token"):
        address = credentials_in(request.scope).address
        found = await access_in(request.scope).by_secret(metadata["token"], address=address)
        if isinstance(found, AccessRefusal):
            raise refused(found)
        identity = found
        # What it asks about is looked up for the one whose token this is.
        act_as(found)
    return check_allowed(identity, request, AccessScope.READ, AccessScope.GATE)


def hook_response(
    status: HTTPStatus, verdict: str, reason: str, *, metadata: Mapping[str, str], invert: bool
) -> Response:
    """The answer to a hook: *status*, inverted if the query or the hook's *metadata* asks for it, and one line."""
    if invert or is_set(metadata, "invert"):
        status = _INVERTED[status]
    return PlainTextResponse(f"{verdict}: {one_line(reason)}\n", status_code=status)


def is_set(metadata: Mapping[str, str], name: str) -> bool:
    """Whether the metadata of a hook, which has only texts, says true, in the words that a query may have.

    Raises:
        ProblemError: it says something else. Taken for false, an `invert: "yse"` would roll back good canaries.
    """
    given = metadata.get(name, "").strip()
    try:
        return bool(given) and _BOOLEAN.validate_python(given)
    except ValidationError as error:
        raise invalid(f"metadata.{name} must be true or false, not {given!r}") from error
