"""The pages ``/backtests`` and ``/backtests/{id}``; without scripts they show the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.access import AccessScope
from app.replay import Backtests, HistorySource, InvalidBacktestError, JobState, TooManyBacktestsError, plan_of
from app.ui.backtests.rows import firing_rows, plot, score_rows
from app.ui.forms import Refusal, SentForm, by_form, chosen_value, may_change, refusal, unknown_choice
from app.ui.rendering import Renderer

_SOURCES = (
    (HistorySource.AUTO, "Prometheus, the ledger for what is older"),
    (HistorySource.PROMETHEUS, "Prometheus only"),
    (HistorySource.LEDGER, "the ledger only"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestData:
    """The backtests of the service."""

    backtests: Backtests


def backtest_pages(renderer: Renderer, data: BacktestData) -> APIRouter:
    """The routes below ``/backtests``."""
    router = APIRouter(include_in_schema=False)
    _add_list(router, renderer, data)
    _add_one(router, renderer, data)
    return router


def _add_list(router: APIRouter, renderer: Renderer, data: BacktestData) -> None:
    jobs = data.backtests.jobs

    def shown(request: Request, refused: Refusal | None = None, form: Mapping[str, str] | None = None) -> Response:
        return renderer.page(
            request,
            "backtests/backtests.html",
            status=HTTPStatus.OK if refused is None else refused.status,
            jobs=jobs.listed(),
            refused=refused,
            form=form or {},
            sources=_SOURCES,
            may_change=may_change(request),
        )

    @router.get("/backtests")
    def backtests(request: Request) -> Response:
        return shown(request)

    # A refused form is shown at its own address, which may be opened again.
    @router.get("/backtests/new")
    @router.get("/backtests/end")
    def after_a_refusal() -> Response:
        return RedirectResponse(f"{renderer.prefix}/backtests", HTTPStatus.SEE_OTHER)

    @router.post("/backtests/new", dependencies=[by_form(AccessScope.ADJUST)])
    def start(request: Request, form: SentForm) -> Response:
        refused = refusal(request, AccessScope.ADJUST) or unknown_choice(HistorySource, form.get("source", ""))
        if refused is not None:
            return shown(request, refused, form)
        try:
            job = jobs.add(plan_of(_given(form), data.backtests))
        except (InvalidBacktestError, TooManyBacktestsError) as error:
            problem = f"The backtest was not started: {error}."
            return shown(request, Refusal(status=HTTPStatus.UNPROCESSABLE_ENTITY, problem=problem), form)
        return RedirectResponse(f"{renderer.prefix}/backtests/{job.id}", HTTPStatus.SEE_OTHER)

    @router.post("/backtests/end", dependencies=[by_form(AccessScope.ADJUST)])
    def end(request: Request, form: SentForm) -> Response:
        refused = refusal(request, AccessScope.ADJUST)
        if refused is not None:
            return shown(request, refused)
        jobs.remove(form.get("id", ""))
        return RedirectResponse(f"{renderer.prefix}/backtests", HTTPStatus.SEE_OTHER)


def _add_one(router: APIRouter, renderer: Renderer, data: BacktestData) -> None:
    @router.get("/backtests/{id}")
    def backtest(request: Request, id: str) -> Response:  # noqa: A002  as in the API
        job = data.backtests.jobs.find(id)
        if job is None:
            return renderer.page(request, "backtests/missing.html", status=HTTPStatus.NOT_FOUND, id=id)
        result = job.result or {"rules": [], "suggested": [], "slos": [], "problems": []}
        return renderer.page(
            request,
            "backtests/backtest.html",
            job=job,
            under_way=job.state in {JobState.WAITING, JobState.RUNNING},
            scores=score_rows(result["rules"]),
            suggested=score_rows(result["suggested"], first=len(result["rules"]) + 1),
            problems=result["problems"],
            firings=firing_rows(result),
            plot=plot(result["rules"], result["suggested"]),
            may_change=may_change(request),
        )


def _given(form: Mapping[str, str]) -> dict[str, Any]:
    """What a form asks for.

    Raises:
        InvalidBacktestError: a time is none.
    """
    given: dict[str, Any] = {
        "slos": [one.strip() for one in form.get("slos", "").split(",") if one.strip()],
        "timezone": form.get("timezone", "").strip() or "UTC",
        "suggest": form.get("suggest") == "on",
        "marks": form.get("marks") == "on",
    }
    if form.get("policy", "").strip():
        given["policy"] = form["policy"]
    source = chosen_value(HistorySource, form.get("source", ""))
    if source is not None:
        given["source"] = source
    try:
        if form.get("from"):
            given["from"] = datetime.fromisoformat(form["from"]).replace(tzinfo=UTC)
        if form.get("to"):
            given["to"] = datetime.fromisoformat(form["to"]).replace(tzinfo=UTC)
    except ValueError as error:
        raise InvalidBacktestError("start and end must be times") from error
    return given
