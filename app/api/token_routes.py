"""Routes of API tokens: to list, make and revoke them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, NotRequired

from fastapi import APIRouter, Body, Path, Request
from pydantic import AwareDatetime, Field, with_config
from typing_extensions import TypedDict

from app.access import (
    LONGEST_TOKEN_NAME,
    MOST_TOKEN_SERVICES,
    AccessScope,
    AccessToken,
    NewToken,
    TokenDirectory,
    TokenError,
    TokenTakenError,
    scope_list,
)
from app.api.needs import identity_of, needs
from app.api.openapi import answers, problem_answers
from app.api.parameters import ID_PATTERN
from app.api.problems import ProblemError, invalid, not_found
from app.api.responses import JsonResponse, utc
from app.api.shapes import ANSWER, REQUEST
from app.slo import EARLIEST, LATEST, Tenant
from app.store import StoreError

_Id = Annotated[str, Path(pattern=ID_PATTERN, examples=["5f2d7c01"], description="The id.")]
_UNAVAILABLE = "It cannot be read or written; or too many requests"


@with_config(ANSWER)
class AccessTokenModel(TypedDict):
    """A token, without the token."""

    id: Annotated[str, Field(examples=["5f2d7c01"])]
    name: Annotated[str, Field(examples=["ci"])]
    hint: Annotated[str, Field(description="How it begins.", examples=["slb_4fGz"])]
    scopes: list[AccessScope]
    services: Annotated[list[str], Field(description="Those that it is limited to; empty for all.")]
    tenant: Annotated[str | None, Field(description="The one that it belongs to; null for all.", examples=["acme"])]
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: Annotated[datetime | None, Field(description="To within 10 minutes.")]
    revoked_at: datetime | None


@with_config(ANSWER)
class AccessTokensModel(TypedDict):
    """All tokens, the newest first."""

    items: list[AccessTokenModel]


@with_config(REQUEST)
class NewAccessTokenModel(TypedDict):
    """What a token is to be."""

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_TOKEN_NAME, examples=["ci"])]
    scopes: Annotated[list[AccessScope], Field(min_length=1, max_length=10, examples=[["gate", "events"]])]
    services: NotRequired[
        Annotated[list[Annotated[str, Field(min_length=1, max_length=253)]], Field(max_length=MOST_TOKEN_SERVICES)]
    ]
    tenant: NotRequired[
        Annotated[str | None, Field(description="The one that it belongs to; null or left out: all.", max_length=200)]
    ]
    expires_at: Annotated[AwareDatetime | None, Field(description="Null: never.", examples=["2026-06-01T00:00:00Z"])]


@with_config(ANSWER)
class MadeAccessTokenModel(TypedDict):
    """A new token: *secret* is the token itself, which is shown this once."""

    secret: Annotated[str, Field(examples=["slb_…"])]
    token: AccessTokenModel


def token_routes(tokens: TokenDirectory, tenants: Callable[[], Sequence[Tenant]]) -> APIRouter:
    """The routes below ``/api/v1/tokens``; *tenants* gives those that there are."""
    router = APIRouter(
        prefix="/api/v1/tokens",
        tags=["access"],
        default_response_class=JsonResponse,
        dependencies=[needs(AccessScope.ADMIN)],
    )

    @router.get(
        "",
        operation_id="listTokens",
        responses=answers(AccessTokensModel, "All tokens", service_unavailable=_UNAVAILABLE),
    )
    async def list_tokens() -> JsonResponse:
        """Tokens, the newest first, also those that were revoked or have expired."""
        try:
            found = await tokens.listed()
        except StoreError as error:
            raise _unavailable(error) from error
        return JsonResponse(AccessTokensModel(items=[token_document(one) for one in found]))

    @router.post(
        "",
        operation_id="createToken",
        status_code=HTTPStatus.CREATED,
        responses={
            201: {"model": MadeAccessTokenModel, "description": "The token, shown this once"},
            **problem_answers(
                conflict="A token of this name can be used, or there are too many", service_unavailable=_UNAVAILABLE
            ),
        },
    )
    async def create_token(request: Request, given: Annotated[NewAccessTokenModel, Body()]) -> JsonResponse:
        """Make a token. What it is to replace can be revoked afterwards."""
        wanted = _wanted(given, tenants(), created_by=identity_of(request).name)
        try:
            made = await tokens.make(wanted)
        except TokenTakenError as error:
            raise ProblemError(HTTPStatus.CONFLICT, str(error)) from error
        except TokenError as error:
            raise invalid(str(error)) from error
        except StoreError as error:
            raise _unavailable(error) from error
        document: MadeAccessTokenModel = {"secret": made.text, "token": token_document(made.token)}
        return JsonResponse(document, status_code=HTTPStatus.CREATED)

    _add_revocation(router, tokens)
    return router


def _wanted(given: NewAccessTokenModel, tenants: Sequence[Tenant], *, created_by: str) -> NewToken:
    expires_at, tenant = given["expires_at"], given.get("tenant") or ""
    if expires_at is not None and not EARLIEST <= expires_at < LATEST:
        raise invalid(f"expires_at must be between {EARLIEST.year} and {LATEST.year}")
    if tenant and all(one.name != tenant for one in tenants):
        raise invalid(f"there is no tenant {tenant!r}")
    return NewToken(
        name=given["name"],
        scopes=frozenset(given["scopes"]),
        services=tuple(given.get("services", ())),
        expires_at=utc(expires_at),
        created_by=created_by,
        tenant=tenant,
    )


def _add_revocation(router: APIRouter, tokens: TokenDirectory) -> None:
    @router.delete(
        "/{id}",
        operation_id="revokeToken",
        responses=answers(
            AccessTokenModel, "It is revoked", not_found="No such token", service_unavailable=_UNAVAILABLE
        ),
    )
    async def revoke_token(id: _Id) -> JsonResponse:  # noqa: A002  the contract's name
        """Let a token be accepted no more: here at once, by other replicas within 5 seconds."""
        try:
            found = await tokens.revoke(id)
        except StoreError as error:
            raise _unavailable(error) from error
        if found is None:
            raise not_found(f"no token has the id {id!r}")
        return JsonResponse(token_document(found))


def token_document(token: AccessToken) -> AccessTokenModel:
    """A token as the API and the command line show it; never its text."""
    return {
        "id": token.id,
        "name": token.name,
        "hint": token.hint,
        "scopes": scope_list(token.scopes),
        "services": list(token.services),
        "tenant": token.tenant or None,
        "created_at": utc(token.created_at),
        "created_by": token.created_by,
        "expires_at": utc(token.expires_at),
        "last_used_at": utc(token.last_used_at),
        "revoked_at": utc(token.revoked_at),
    }


def _unavailable(error: StoreError) -> ProblemError:
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, f"the database cannot be used: {error}")
