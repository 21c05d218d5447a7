"""Routes of backtests: those that make and end them need `adjust`."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Body
from starlette.responses import Response

from app.access import AccessScope
from app.api.backtests.models import BacktestJobModel, BacktestListModel, NewBacktestModel
from app.api.needs import needs
from app.api.openapi import answers, problem_answers
from app.api.problems import ProblemError, invalid, not_found
from app.api.responses import JsonResponse
from app.replay import BacktestJob, Backtests, InvalidBacktestError, TooManyBacktestsError, plan_of

_PATH = "/api/v1/backtests"
_MISSING = "No such backtest"


def backtest_routes(backtests: Backtests) -> Sequence[APIRouter]:
    """The routes below ``/api/v1/backtests``: those that read, and those that write."""
    router = APIRouter(prefix=_PATH, tags=["backtests"], default_response_class=JsonResponse)

    @router.get("", operation_id="listBacktests", responses=answers(BacktestListModel, "The backtests"))
    def list_backtests() -> JsonResponse:
        """The newest backtests without their results, newest first; they are kept until the service stops."""
        items = [_job_document(job) for job in backtests.jobs.listed()]
        return JsonResponse(BacktestListModel(items=items))

    @router.get(
        "/{id}",
        operation_id="getBacktest",
        responses=answers(BacktestJobModel, "The backtest", not_found=_MISSING),
    )
    def get_backtest(id: str) -> JsonResponse:  # noqa: A002  the contract's name
        """One backtest, with its result once it is done."""
        job = backtests.jobs.find(id)
        if job is None:
            raise _not_found(id)
        document = _job_document(job)
        document["result"] = None if job.result is None else dict(job.result)
        return JsonResponse(document)

    return router, _change_routes(backtests)


def _job_document(job: BacktestJob) -> BacktestJobModel:
    """A backtest without its result."""
    question = job.plan.question
    return {
        "id": job.id,
        "state": job.state,
        "progress": job.progress,
        "slos": [str(slo.id) for slo in job.plan.slos],
        "from": question.start,
        "to": question.end,
        "created_at": job.created_at,
        "finished_at": job.finished_at,
        "problem": job.problem,
    }


def _not_found(id_: str) -> ProblemError:
    return not_found(f"no backtest has the id {id_!r}")


def _change_routes(backtests: Backtests) -> APIRouter:
    router = APIRouter(
        prefix=_PATH, tags=["backtests"], default_response_class=JsonResponse, dependencies=[needs(AccessScope.ADJUST)]
    )

    @router.post(
        "",
        operation_id="startBacktest",
        status_code=HTTPStatus.ACCEPTED,
        responses={
            202: {"model": BacktestJobModel, "description": "It runs, or waits for others"},
            **problem_answers(too_many_requests="Too many wait already"),
        },
    )
    def start(given: Annotated[NewBacktestModel, Body()]) -> JsonResponse:
        """Judge the past again, in a process of the lowest priority; one backtest runs at a time."""
        try:
            job = backtests.jobs.add(plan_of(given, backtests))
        except InvalidBacktestError as error:
            raise invalid(str(error)) from error
        except TooManyBacktestsError as error:
            headers = {"Retry-After": "60"}
            raise ProblemError(HTTPStatus.TOO_MANY_REQUESTS, str(error), headers=headers) from error
        headers = {"Location": f"{_PATH}/{job.id}"}
        return JsonResponse(_job_document(job), status_code=HTTPStatus.ACCEPTED, headers=headers)

    @router.delete(
        "/{id}",
        operation_id="removeBacktest",
        status_code=HTTPStatus.NO_CONTENT,
        responses=problem_answers(not_found=_MISSING),
    )
    def remove(id: str) -> Response:  # noqa: A002  the contract's name
        """End a backtest, and forget it."""
        if not backtests.jobs.remove(id):
            raise _not_found(id)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    return router
