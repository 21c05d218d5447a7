"""The shapes of adjustments, as in `app.api.models`."""

from datetime import datetime
from typing import Annotated, NotRequired

from pydantic import ConfigDict, Field, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from app.adjustments import AdjustmentCategory, AdjustmentEffect
from app.adjustments.model import LONGEST_AUTHOR, LONGEST_REASON, MOST_EXDATES, MOST_SELECTED
from app.api.shapes import ANSWER, answer_like

_GIVEN_EXAMPLE: JsonDict = {
    "reason": "Database upgrade",
    "category": "maintenance",
    "services": ["checkout"],
    "start": "2026-03-01T02:00:00",
    "end": "2026-03-01T04:00:00",
    "timezone": "Europe/Berlin",
    "rrule": "FREQ=MONTHLY;BYDAY=1SU",
    "mute_alerts": True,
    "author": "ada",
}
_EXAMPLE: JsonDict = {
    "id": "5e1c09a7d2b84f36",
    "effect": "exclude",
    "category": "maintenance",
    "reason": "Database upgrade",
    "author": "ada",
    "slos": [],
    "services": ["checkout"],
    "labels": {},
    "everything": False,
    "events": {},
    "shares": [],
    "start": "2026-03-01T02:00:00",
    "timezone": "Europe/Berlin",
    "duration_seconds": 7200.0,
    "rrule": "FREQ=MONTHLY;BYDAY=1SU",
    "exdates": [],
    "mute_alerts": True,
    "created_at": "2026-02-20T09:00:00Z",
    "updated_at": "2026-02-20T09:00:00Z",
    "withdrawn_at": None,
    "uid": "",
    "occurrences": [{"start": "2026-03-01T01:00:00Z", "end": "2026-03-01T03:00:00Z"}],
}
# A name of a label or its value; longer ones are none of ours.
_Name = Annotated[str, Field(min_length=1, max_length=500)]
_Many = Field(max_length=MOST_SELECTED)


@with_config(ANSWER)
class OccurrenceModel(TypedDict):
    """One stretch of time in which an adjustment applies."""

    start: datetime
    end: datetime


@with_config(ConfigDict(extra="forbid", json_schema_extra={"examples": [_GIVEN_EXAMPLE]}))
class NewAdjustmentModel(TypedDict):
    """An adjustment to make: when, for which SLOs, and why."""

    reason: Annotated[str, Field(min_length=1, max_length=LONGEST_REASON)]
    start: Annotated[
        datetime, Field(description="Wall-clock time in `timezone`; one with an offset is converted to it.")
    ]
    end: Annotated[datetime, Field(description="The end of the first occurrence, at most 92 days later.")]
    timezone: NotRequired[Annotated[str, Field(max_length=100, description="An IANA zone; by default UTC.")]]
    rrule: NotRequired[
        Annotated[str, Field(max_length=600, description="A rule of RFC 5545, such as `FREQ=WEEKLY;BYDAY=SU`.")]
    ]
    exdates: NotRequired[
        Annotated[list[datetime], Field(max_length=MOST_EXDATES, description="Starts that are left out.")]
    ]
    effect: NotRequired[
        Annotated[AdjustmentEffect, Field(description="Whether events are excluded (default) or all count as good.")]
    ]
    events: NotRequired[
        Annotated[
            dict[_Name, str],
            Field(
                max_length=10,
                description="Only events with these label values, of one SLO and of a time that is over; they are "
                "counted from Prometheus when the adjustment is made.",
            ),
        ]
    ]
    category: NotRequired[AdjustmentCategory]
    slos: NotRequired[Annotated[list[_Name], _Many]]
    services: NotRequired[Annotated[list[_Name], _Many]]
    labels: NotRequired[Annotated[dict[_Name, str], Field(max_length=50)]]
    everything: NotRequired[Annotated[bool, Field(description="All SLOs.")]]
    mute_alerts: NotRequired[Annotated[bool, Field(description="Whether no alert begins meanwhile; by default false.")]]
    author: NotRequired[Annotated[str, Field(max_length=LONGEST_AUTHOR)]]


@with_config(ANSWER)
class EventShareModel(TypedDict):
    """The shares of events that are adjusted in a part of the time."""

    start: datetime
    end: datetime
    total_ratio: float
    bad_ratio: float


@with_config(ANSWER)
class AdjustmentFactsModel(TypedDict):
    """What is known of an adjustment, in a list, alone and in its audit."""

    id: str
    effect: AdjustmentEffect
    category: AdjustmentCategory
    reason: str
    author: str
    slos: list[str]
    services: list[str]
    labels: dict[str, str]
    everything: bool
    events: Annotated[dict[str, str], Field(description="The label values of the events; empty: of all.")]
    shares: Annotated[list[EventShareModel], Field(description="What was counted of these events.")]
    start: Annotated[str, Field(description="Wall-clock time in `timezone`, without an offset.")]
    timezone: str
    duration_seconds: Annotated[float, Field(description="Elapsed time, also on nights on which the clock changes.")]
    rrule: str
    exdates: list[str]
    mute_alerts: bool
    created_at: datetime
    updated_at: datetime
    withdrawn_at: Annotated[datetime | None, Field(description="Since when it has no effect, on the past either.")]
    uid: Annotated[str, Field(description="The UID of an imported calendar's event; else empty.")]


@with_config(answer_like(_EXAMPLE))
class AdjustmentModel(AdjustmentFactsModel):
    """Time that budgets leave out, or in which all events count as good."""

    occurrences: Annotated[list[OccurrenceModel], Field(description="Those in the range, oldest first; at most 1,000.")]


@with_config(ANSWER)
class AdjustmentListModel(TypedDict):
    """Adjustments, the newest start first."""

    items: list[AdjustmentModel]
    next: Annotated[str | None, Field(description="Cursor of the next page; null on the last.")]


@with_config(ANSWER)
class AuditedModel(TypedDict):
    """Who did what with an adjustment, and what it was afterwards."""

    at: datetime
    action: Annotated[str, Field(examples=["created"])]
    author: str
    adjustment: AdjustmentFactsModel


@with_config(ANSWER)
class AdjustmentDetailModel(AdjustmentModel):
    """An adjustment with its audit, and the SLOs that it means now."""

    matches: Annotated[list[str], Field(description="Ids of SLOs and of members of groups; at most 1,000.")]
    audit: Annotated[list[AuditedModel], Field(description="Oldest first.")]


@with_config(ANSWER)
class ImportedModel(TypedDict):
    """What was read from a calendar."""

    created: list[str]
    updated: list[str]
    unchanged: list[str]
    withdrawn: Annotated[
        list[str],
        Field(description="Those that were withdrawn, which an import does not bring back, or are cancelled now."),
    ]
    skipped: Annotated[list[str], Field(description="Events that could not be read, each with the reason.")]
