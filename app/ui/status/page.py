"""The routes of the page of the service, and of what can be done there: a reload, and a retry of a dead letter."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import RedirectResponse, Response

from app.access import AccessScope
from app.metrics import BuildInfo, Instruments, own_health
from app.remote_write import RemoteWriteStatus
from app.status import (
    AuditLog,
    Board,
    ConfigSource,
    DataState,
    DeliveryLog,
    Readiness,
    ReceiverStatus,
    Reloader,
    SourceStatus,
)
from app.store import StoreError
from app.store.dead_letters import MOST_ID, DeadLetter
from app.ui.forms import Refusal, SentForm, by_form, may_change, refusal, sent_form
from app.ui.rendering import Renderer
from app.ui.status.failing import failing

# A page of a long outage; older ones follow on a page of their own.
_MOST_LETTERS = 50
_MOST_PROBLEMS = 50
_ID_DIGITS = len(str(MOST_ID))


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusData:
    """Where the page gets what is not on the board."""

    config: ConfigSource
    readiness: Readiness
    reloader: Reloader
    deliveries: DeliveryLog
    remote_write: Callable[[], Sequence[RemoteWriteStatus]]
    sources: Callable[[], Sequence[SourceStatus]]
    instruments: Instruments
    build: BuildInfo
    audit: AuditLog


@dataclass(frozen=True, slots=True, kw_only=True)
class _Notified:
    """How receivers take notifications; *problem* says why it is not known.

    *older* is the id that the next page of *letters*, the notifications that were given up, begins below.
    """

    receivers: Sequence[ReceiverStatus] = ()
    letters: Sequence[DeadLetter] = ()
    older: int | None = None
    problem: str | None = None


def status_page(board: Board, renderer: Renderer, data: StatusData) -> APIRouter:
    """The routes below ``/status``."""
    router = APIRouter(include_in_schema=False)

    async def shown(request: Request, refused: Refusal | None = None, before: int | None = None) -> Response:
        notified = await _notified(data, before)
        # It looks at every SLO: a worker thread keeps the event loop free.
        return await run_sync(partial(_page, board, renderer, data, request, notified=notified, refused=refused))

    def back(place: str) -> Response:
        return RedirectResponse(f"{renderer.prefix}/status#{place}", HTTPStatus.SEE_OTHER)

    @router.get("/status")
    async def status(request: Request, before: Annotated[int | None, Query(gt=0, le=MOST_ID)] = None) -> Response:
        return await shown(request, before=before)

    # A refused form is shown at its own address, which the page refreshes itself from.
    router.add_api_route("/status/reload", partial(back, "documents"))
    router.add_api_route("/status/retry", partial(back, "receivers"))

    @router.post("/status/reload", dependencies=[by_form(AccessScope.RELOAD), Depends(sent_form)])
    async def reload(request: Request) -> Response:
        refused = refusal(request, AccessScope.RELOAD)
        if refused is None:
            outcome = await data.reloader.reload()
            if outcome.unavailable is not None:
                problem = f"Nothing was reloaded; the old documents stay active: {outcome.unavailable}"
                refused = Refusal(status=HTTPStatus.SERVICE_UNAVAILABLE, problem=problem)
            elif outcome.errors:
                problem = f"The old documents stay active; errors in the new ones: {len(outcome.errors)}."
                refused = Refusal(status=HTTPStatus.UNPROCESSABLE_ENTITY, problem=problem)
        return back("documents") if refused is None else await shown(request, refused)

    @router.post("/status/retry", dependencies=[by_form(AccessScope.RELOAD)])
    async def retry(request: Request, form: SentForm) -> Response:
        refused = refusal(request, AccessScope.RELOAD) or await _retry(data.deliveries, form.get("letter", ""))
        return back("receivers") if refused is None else await shown(request, refused)

    return router


async def _notified(data: StatusData, before: int | None) -> _Notified:
    try:
        receivers = await data.deliveries.receivers()
        letters = await data.deliveries.dead_letters(_MOST_LETTERS + 1, before=before)
    except StoreError as error:
        # Of all pages this one is wanted while the database cannot be used.
        return _Notified(problem=str(error))
    shown = letters[:_MOST_LETTERS]
    return _Notified(receivers=receivers, letters=shown, older=shown[-1].id if len(letters) > len(shown) else None)


async def _retry(log: DeliveryLog, letter: str) -> Refusal | None:
    """Let a dead letter be tried again; why that cannot be done, if so."""
    is_id = letter.isascii() and letter.isdigit() and int(letter[:_ID_DIGITS]) <= MOST_ID
    if is_id and len(letter) <= _ID_DIGITS and await log.retry(int(letter)):
        return None
    problem = "Nothing was retried: it is tried again already, or a newer notification of its alert was delivered."
    return Refusal(status=HTTPStatus.NOT_FOUND, problem=problem)


def _page(
    board: Board,
    renderer: Renderer,
    data: StatusData,
    request: Request,
    *,
    notified: _Notified,
    refused: Refusal | None,
) -> Response:
    known, health = board.current, own_health(data.instruments)
    problems = failing(known.snapshots)
    return renderer.page(
        request,
        "status.html",
        status=HTTPStatus.OK if refused is None else refused.status,
        refused=refused,
        config=data.config.status(),
        not_ready=data.readiness.reasons(),
        own=health,
        lag=None if health.last_evaluation is None else renderer.clock.now() - health.last_evaluation,
        states=_states(Counter(snapshot.data for snapshot in known.snapshots)),
        problems=problems[:_MOST_PROBLEMS],
        problem_count=len(problems),
        notified=notified,
        paged="before" in request.query_params,
        remote_write=data.remote_write(),
        sources=data.sources(),
        build=data.build,
        may_change=may_change(request),
    )


def _states(counts: Mapping[DataState, int]) -> list[tuple[DataState, int]]:
    return [(state, counts[state]) for state in DataState if counts.get(state)]
