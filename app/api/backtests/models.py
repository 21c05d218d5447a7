"""The shapes of backtests, as in `app.api.models`."""

from datetime import datetime
from typing import Annotated, Any, NotRequired

from pydantic import ConfigDict, Field, Strict, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from app.api.shapes import ANSWER, answer_like
from app.replay import HistoryDetail, HistorySource, JobState

_GIVEN_EXAMPLE: JsonDict = {
    "slos": ["checkout-availability"],
    "from": "2026-02-01T00:00:00Z",
    "to": "2026-03-01T00:00:00Z",
    "timezone": "Europe/Berlin",
    "policy": {"page": {"tiers": [{"long": "1h", "short": "5m", "factor": 10}]}},
    "incidents": [{"start": "2026-02-02T10:00:00Z", "end": "2026-02-02T10:20:00Z", "slo": "checkout-availability"}],
}
_JOB_EXAMPLE: JsonDict = {
    "id": "5e1c09a7d2b84f36",
    "state": "running",
    "progress": 0.4,
    "slos": ["checkout-availability"],
    "from": "2026-02-01T00:00:00Z",
    "to": "2026-03-01T00:00:00Z",
    "created_at": "2026-03-01T12:00:00Z",
    "finished_at": None,
    "problem": None,
}
MOST_SLOS = 1_000
_MOST_INCIDENTS = 1_000


_Wanted = TypedDict("_Wanted", {"from": NotRequired[datetime], "to": NotRequired[datetime]})
_Span = TypedDict("_Span", {"from": datetime, "to": datetime})


@with_config(ConfigDict(extra="forbid", json_schema_extra={"examples": [_GIVEN_EXAMPLE]}))
class NewBacktestModel(_Wanted):
    """What is asked: the last 30 days of all SLOs, if nothing is said."""

    slos: NotRequired[Annotated[list[str], Field(max_length=MOST_SLOS)]]
    timezone: NotRequired[Annotated[str, Field(description="Of nights.")]]
    policy: NotRequired[Annotated[dict[str, Any], Field(description="Rules to try, as alerting of a document.")]]
    incidents: NotRequired[
        Annotated[
            list[dict[str, Any]],
            Field(max_length=_MOST_INCIDENTS, description="With start, end, slo or service, noise; found without it."),
        ]
    ]
    marks: NotRequired[
        Annotated[bool, Strict(), Field(description="Whether incidents are the past alerts that people have marked.")]
    ]
    found_share: NotRequired[
        Annotated[float, Strict(), Field(gt=0, le=10, description="Of the budget, for those found.")]
    ]
    with_others: NotRequired[Annotated[bool, Strict(), Field(description="The SRE Workbook, Sloth and Pyrra, too.")]]
    detail: NotRequired[HistoryDetail]
    source: NotRequired[
        Annotated[HistorySource, Field(description="Of counts; auto: Prometheus, and the ledger for what is older.")]
    ]
    suggest: NotRequired[Annotated[bool, Strict(), Field(description="Whether rules of pages are searched.")]]
    wanted_precision: NotRequired[Annotated[float, Strict(), Field(ge=0, le=1)]]
    wanted_detection_seconds: NotRequired[Annotated[float, Strict(), Field(ge=0, le=86_400)]]


@with_config(answer_like(_JOB_EXAMPLE))
class BacktestJobModel(_Span):
    """A backtest: *result* is null until it is done, and left out of lists."""

    id: str
    state: JobState
    progress: Annotated[float, Field(ge=0, le=1)]
    slos: list[str]
    created_at: datetime
    finished_at: datetime | None
    problem: str | None
    result: NotRequired[Annotated[dict[str, Any] | None, Field(description="As of sloburn backtest --format json.")]]


@with_config(ANSWER)
class BacktestListModel(TypedDict):
    """The newest backtests, newest first."""

    items: list[BacktestJobModel]
