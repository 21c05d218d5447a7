"""The shapes of changes, as in `app.api.models`."""

from datetime import datetime
from typing import Annotated, NotRequired

from pydantic import ConfigDict, Field, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from app.api.shapes import ANSWER, answer_like
from app.changes import ChangeKind, ChangeStatus

_CHANGE_EXAMPLE: JsonDict = {
    "id": "9b1c40d2a7e35f86",
    "url": "https://slo.example.org/events/9b1c40d2a7e35f86",
    "source": "github",
    "kind": "deploy",
    "service": "checkout",
    "environment": "production",
    "version": "v1.4.2",
    "previous_version": "v1.4.1",
    "started_at": "2026-03-01T11:29:00Z",
    "finished_at": "2026-03-01T11:31:00Z",
    "status": "succeeded",
    "title": "Deploy of checkout v1.4.2 to production",
    "description": "",
    "link": "https://github.com/example/checkout/actions/runs/1",
    "actor": "ada",
    "labels": {},
}
_COST_EXAMPLE: JsonDict = {
    "slo": "checkout-availability",
    "from": "2026-03-01T11:29:00Z",
    "to": "2026-03-01T12:31:00Z",
    "budget_before": 0.81,
    "budget_after": 0.72,
    "spent_ratio": 0.091,
    "usual_ratio": 0.0012,
    "over": True,
}
_REPORT_EXAMPLE: JsonDict = {"service": "checkout", "version": "v1.4.2", "environment": "production"}


@with_config(answer_like(_CHANGE_EXAMPLE))
class ChangeModel(TypedDict):
    """A deploy, or another change."""

    id: Annotated[str, Field(description="Stays the same for good.")]
    url: Annotated[str, Field(description="The page of the change.")]
    source: Annotated[str, Field(description="The tool that reported it, such as `github`.")]
    kind: ChangeKind
    service: Annotated[str, Field(description="Empty where it concerns none in particular.")]
    environment: str
    version: str
    previous_version: str
    started_at: datetime
    finished_at: Annotated[datetime | None, Field(description="null while it goes on.")]
    status: ChangeStatus
    title: Annotated[str, Field(description="The change in one line.")]
    description: Annotated[str, Field(description="What the tool wrote of it.")]
    link: Annotated[str, Field(description="Where the tool shows it; empty if nowhere.")]
    actor: str
    labels: dict[str, str]


# `from` is a keyword, which only this form can name.
_From = TypedDict("_From", {"from": datetime, "to": datetime})


@with_config(answer_like(_COST_EXAMPLE))
class ChangeCostModel(_From):
    """What a change cost an SLO: from its start until an hour after its end, or the next deploy of the service."""

    slo: str
    budget_before: Annotated[float | None, Field(description="What remained of the error budget at `from`.")]
    budget_after: Annotated[float | None, Field(description="What remained at `to`.")]
    spent_ratio: Annotated[float | None, Field(description="Share of the error budget that was spent in between.")]
    usual_ratio: Annotated[
        float | None, Field(description="The median of stretches of the same length in the week before.")
    ]
    over: Annotated[bool, Field(description="Whether the stretch has ended; else these are figures so far.")]


@with_config(ANSWER)
class ChangeDetailModel(ChangeModel):
    """A change with what it cost each SLO of its service."""

    cost: Annotated[list[ChangeCostModel], Field(description="At most 50 SLOs; empty before anything is known.")]


@with_config(ANSWER)
class ChangesModel(TypedDict):
    """One page of changes, newest first."""

    items: list[ChangeModel]
    next: Annotated[str | None, Field(description="Cursor of the next page; null on the last.")]


@with_config(ANSWER)
class ReportedModel(TypedDict):
    """What has become of a report."""

    event: Annotated[ChangeModel | None, Field(description="The change as it is known by now; null if ignored.")]
    ignored: Annotated[str | None, Field(description="Why it is no change, such as a deployment that is queued.")]


class ReportModel(TypedDict):
    """A change in Sloburn's own form; unknown fields are ignored."""

    __pydantic_config__ = ConfigDict(  # type: ignore[misc]  # pydantic reads it from the class
        extra="ignore", json_schema_extra={"examples": [_REPORT_EXAMPLE]}
    )
    id: NotRequired[
        Annotated[str, Field(description="Reports with the same `source` and `id` are of the same change.")]
    ]
    source: NotRequired[Annotated[str, Field(description="By default `api`.")]]
    kind: NotRequired[Annotated[ChangeKind, Field(description="By default `deploy`.")]]
    service: Annotated[str, Field(min_length=1, description="As in the document of its SLOs.")]
    environment: NotRequired[str]
    version: NotRequired[str]
    previous_version: NotRequired[str]
    started_at: NotRequired[Annotated[datetime, Field(description="By default `finished_at`, or now.")]]
    finished_at: NotRequired[Annotated[datetime, Field(description="By default `started_at`.")]]
    status: NotRequired[ChangeStatus]
    title: NotRequired[str]
    url: NotRequired[Annotated[str, Field(description="Where the tool shows it.")]]
    actor: NotRequired[str]
    labels: NotRequired[dict[str, str]]
