"""The JSON of series, days and contributors."""

from datetime import date, datetime
from typing import Annotated

from pydantic import Field, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from app.api.shapes import ANSWER, answer_like
from app.slo import Severity
from app.status import ContributorsState, HealthState, RangeMarkKind

_BUDGET_SPENT = "Share of the error budget of a whole SLO window."
_SERIES_EXAMPLE: JsonDict = {
    "id": "checkout-availability",
    "objective": 0.999,
    "members": 1,
    "from": "2026-03-01T11:00:00Z",
    "at": ["2026-03-01T11:30:00Z", "2026-03-01T12:00:00Z"],
    "good": [18000, 17310],
    "bad": [0, 690],
    "total": [18000, 18000],
    "sli": [1.0, 0.96167],
    "budget_remaining_ratio": [0.81, 0.72],
    "coverage": [1.0, 1.0],
    "burn_rates": [{"window": "5m", "highest": [0.0, 52.4]}, {"window": "1h", "highest": [0.0, 19.2]}],
    "rules": [{"severity": "page", "tier": "1h/5m", "long": "1h", "short": "5m", "factor": 14.4}],
    "marks": [
        {
            "at": "2026-03-01T11:42:00Z",
            "until": None,
            "kind": "page",
            "title": "checkout availability is burning its error budget at 20x",
            "href": "/incidents/5f2d7c01a9b3e468",
        }
    ],
}
_GROUP_EXAMPLE: JsonDict = {
    "id": "checkout-availability",
    "service": "checkout",
    "name": "availability",
    "objective": 0.999,
    "by": ["route"],
    "as_of": "2026-03-01T12:00:00Z",
    "coverage": 0.998,
    "status": "exhausted",
    "statuses": {"meeting": 3, "at_risk": 0, "exhausted": 1, "unknown": 0},
    "sli": 0.999272,
    "events": {"good": 3997090, "bad": 2910, "total": 4000000},
    "budget_remaining_ratio": 0.2725,
    "members": [
        {
            "id": "checkout-availability:route=/pay",
            "group": {"route": "/pay"},
            "status": "exhausted",
            "budget_remaining_ratio": -0.5,
        }
    ],
}
_DAYS_EXAMPLE: JsonDict = {
    "id": "checkout-availability",
    "timezone": "Europe/Berlin",
    "days": [
        {
            "date": "2026-02-28",
            "start": "2026-02-27T23:00:00Z",
            "end": "2026-02-28T23:00:00Z",
            "over": True,
            "good": 862911,
            "bad": 1089,
            "total": 864000,
            "sli": 0.99874,
            "burn_rate": 1.26,
            "budget_spent_ratio": 0.042,
            "coverage": 1.0,
        }
    ],
}
_CONTRIBUTORS_EXAMPLE: JsonDict = {
    "id": "checkout-availability",
    "state": "answered",
    "problem": None,
    "from": "2026-03-01T11:00:00Z",
    "to": "2026-03-01T12:00:00Z",
    "by": [],
    "bad": 690.0,
    "total": 36000.0,
    "shared": {"method": "POST"},
    "labels": ["code", "route"],
    "items": [
        {
            "labels": {"route": "/pay"},
            "slo": None,
            "bad": 566.0,
            "total": 3240.0,
            "share_of_bad": 0.82,
            "share_of_total": 0.09,
            "stands_out": True,
        }
    ],
    "more": 0,
}


@with_config(ANSWER)
class WindowBurnModel(TypedDict):
    """The burn rate of one look-back window."""

    window: Annotated[str, Field(examples=["5m"])]
    highest: Annotated[list[float | None], Field(description="The highest burn rate in each step.")]


@with_config(ANSWER)
class BurnRuleModel(TypedDict):
    """A burn-rate rule: an alert fires where the burn rate of both windows is above the factor."""

    severity: Severity
    tier: Annotated[str, Field(examples=["1h/5m"])]
    long: str
    short: str
    factor: float


@with_config(ANSWER)
class RangeMarkModel(TypedDict):
    """Something that happened in the range, such as an incident."""

    at: datetime
    until: Annotated[datetime | None, Field(description="null while it goes on; the same as `at` for a moment.")]
    kind: Annotated[RangeMarkKind, Field(description="An incident by its severity; more kinds may come.")]
    title: str
    href: Annotated[str | None, Field(description="Its page, below the external URL.", examples=["/incidents/5f2d"])]


# `from` is a keyword, which only this form can name.
_From = TypedDict("_From", {"from": datetime | None})


@with_config(answer_like(_SERIES_EXAMPLE))
class RangeSeriesModel(_From):
    """The past of one SLO, or of a whole group, in steps: each ends at one of `at`, the first begins at `from`.

    null where nothing was measured in a step; the coverage of such a step is 0.
    """

    id: str
    objective: float
    members: Annotated[int, Field(description="How many members are summed; 1 without a group.")]
    at: list[datetime]
    good: list[float | None]
    bad: list[float | None]
    total: list[float | None]
    sli: list[float | None]
    budget_remaining_ratio: Annotated[list[float | None], Field(description="The lowest of each step.")]
    coverage: list[float | None]
    burn_rates: list[WindowBurnModel]
    rules: list[BurnRuleModel]
    marks: list[RangeMarkModel]


_Range = TypedDict("_Range", {"from": datetime, "to": datetime})


@with_config(ANSWER)
class RangesModel(_From):
    """The past of some SLOs over a range, in the order in which they were asked for."""

    to: datetime | None
    step: Annotated[str | None, Field(examples=["5m"])]
    series: Annotated[list[RangeSeriesModel], Field(description="Empty where nothing was measured so far.")]


@with_config(ANSWER)
class MemberModel(TypedDict):
    """One member of a group in short; `/api/v1/slos/{id}` has all of it."""

    id: str
    group: dict[str, str]
    status: HealthState
    budget_remaining_ratio: float | None


@with_config(ANSWER)
class GroupEventsModel(TypedDict):
    """The events of all members together over the SLO window of each."""

    good: float
    bad: float
    total: float


@with_config(answer_like(_GROUP_EXAMPLE))
class GroupModel(TypedDict):
    """A whole group as one: its members added up, and the status of the worst."""

    id: str
    service: str
    name: str
    objective: float
    by: list[str]
    as_of: Annotated[datetime | None, Field(description="The least of any member.")]
    coverage: Annotated[float | None, Field(description="The least of any member.")]
    status: HealthState
    statuses: Annotated[dict[str, int], Field(description="How many members have each status.")]
    sli: float | None
    events: GroupEventsModel
    budget_remaining_ratio: Annotated[float | None, Field(description="Of all members together.")]
    members: Annotated[list[MemberModel], Field(description="The least budget first.")]


@with_config(ANSWER)
class DayModel(TypedDict):
    """One day; null where nothing was measured."""

    date: date
    start: datetime
    end: datetime
    over: Annotated[bool, Field(description="Whether the day has ended.")]
    good: float | None
    bad: float | None
    total: float | None
    sli: float | None
    burn_rate: float | None
    budget_spent_ratio: Annotated[float | None, Field(description=_BUDGET_SPENT)]
    coverage: float | None


@with_config(answer_like(_DAYS_EXAMPLE))
class DaysModel(TypedDict):
    """The days of an SLO in the zone of its window, oldest first, from the first of which anything is known."""

    id: str
    timezone: Annotated[str, Field(description="UTC where the SLO window is a rolling one.")]
    days: list[DayModel]


@with_config(ANSWER)
class ContributorModel(TypedDict):
    """A label value, a combination of some, or a component of a composite."""

    labels: dict[str, str]
    slo: Annotated[str | None, Field(description="The SLO of a component; null for label values.")]
    bad: float
    total: float
    share_of_bad: float
    share_of_total: float
    stands_out: Annotated[bool, Field(description="Whether its share of the bad events is much larger than of all.")]


@with_config(answer_like(_CONTRIBUTORS_EXAMPLE))
class ContributorsModel(_Range):
    """What burned the budget of an SLO in a range, as Prometheus estimates it, those that stand out first."""

    id: str
    state: Annotated[
        ContributorsState,
        Field(description="`unanswered`: `problem` says why; `busy`: too many are asked for at once, try again."),
    ]
    problem: str | None
    by: list[str]
    bad: float
    total: float
    shared: Annotated[dict[str, str], Field(description="Label values that all bad events have.")]
    labels: Annotated[list[str], Field(description="Labels of which the bad events have several values.")]
    items: list[ContributorModel]
    more: Annotated[int, Field(description="How many items were left out.")]
