"""Signing in with a token and out again, for browsers: pages and forms then work without a token in each."""

import re
from contextlib import suppress
from http import HTTPStatus

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from app.access import Access, AccessRefusal, Needs, OpenedSession, access_in, credentials_in
from app.store import StoreError
from app.ui.forms import WAIT_S, form_fields, refusal_words
from app.ui.rendering import SIGN_IN_PATH, Renderer

# A path of this service: after `//` or `/\\` a browser reads the name of another host.
_OWN_PATH = re.compile(r"/(?![/\\])[^\\\s]{0,2000}", re.ASCII)
_OPEN = Depends(Needs([]))


def signing_in_pages(renderer: Renderer) -> APIRouter:
    """The page to sign in, and what its form and the button to sign out lead to."""
    router = APIRouter(include_in_schema=False, dependencies=[_OPEN])

    def shown(request: Request, *, target: str, problem: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
        return renderer.page(request, "login.html", status=status, target=target, problem=problem)

    @router.get(SIGN_IN_PATH)
    async def sign_in_page(request: Request) -> Response:
        return shown(request, target=_own_path(request.query_params.get("next", "")))

    @router.post(SIGN_IN_PATH)
    async def sign_in(request: Request) -> Response:
        form = await form_fields(request)
        target = _own_path(form.get("next", ""))
        if credentials_in(request.scope).is_cross_site:
            problem = "This form was sent by a page of another site and was refused."
            return shown(request, target=target, problem=problem, status=HTTPStatus.FORBIDDEN)
        access = access_in(request.scope)
        try:
            opened = await access.sign_in(form.get("token", "").strip(), address=credentials_in(request.scope).address)
            if isinstance(opened, AccessRefusal):
                setattr(request.state, WAIT_S, opened.wait_s)
                problem = f"{refusal_words(opened)}."
                return shown(request, target=target, problem=problem, status=opened.status)
        except StoreError as error:
            problem = f"Signing in is not possible now: {error}"
            return shown(request, target=target, problem=problem, status=HTTPStatus.SERVICE_UNAVAILABLE)
        # What the browser had before is worth nothing from now on, no matter who set it. While the database is away,
        # that cannot be written, and who was paged signs in all the same.
        with suppress(StoreError):
            await access.sign_out(credentials_in(request.scope).session)
        answer = RedirectResponse(f"{renderer.prefix}{target}", HTTPStatus.SEE_OTHER)
        _set_cookie(answer, access, opened)
        return answer

    @router.post("/logout")
    async def sign_out(request: Request) -> Response:
        answer = RedirectResponse(f"{renderer.prefix}/", HTTPStatus.SEE_OTHER)
        if not credentials_in(request.scope).is_cross_site:
            access = access_in(request.scope)
            await access.sign_out(credentials_in(request.scope).session)
            _set_cookie(answer, access, None)
            # Nor does "back" show what only who was signed in may read.
            answer.headers["Clear-Site-Data"] = '"cache"'
        return answer

    return router


def sign_in_first(renderer: Renderer, request: Request) -> Response:
    """To the page to sign in, and from there back to the page that was asked for."""
    return RedirectResponse(renderer.sign_in_link(request), HTTPStatus.SEE_OTHER)


def _set_cookie(answer: Response, access: Access, opened: OpenedSession | None) -> None:
    rules = access.rules
    length = 0 if opened is None else round((opened.session.expires_at - opened.session.created_at).total_seconds())
    answer.set_cookie(
        rules.session_cookie,
        "" if opened is None else opened.secret,
        max_age=length,
        path="/",
        secure=rules.has_tls,
        httponly=True,
        # Links in chats and mails lead to pages, not to a login; changes ask for more than the cookie.
        samesite="lax",
    )


def _own_path(text: str) -> str:
    return text if _OWN_PATH.fullmatch(text) else "/"
