"""The shapes of reports, as in `app.api.models`."""

from datetime import date, datetime
from typing import Annotated

from pydantic import Field, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from app.api.gate.models import PostmortemDueModel
from app.api.shapes import ANSWER, answer_like
from app.reports import PeriodKind, PeriodVerdict
from app.slo import Severity

_EXAMPLE: JsonDict = {
    "period": {"kind": "month", "name": "2026-02", "from": "2026-02-01", "to": "2026-03-01", "over": True},
    "counted_until": "2026-03-01T00:00:00Z",
    "by": "service",
    "timezone": "UTC",
    "totals": {
        "slos": 1,
        "met": 0,
        "missed": 1,
        "unknown": 0,
        "compliance_ratio": 0.0,
        "incidents": 1,
        "marked_useful": 1,
        "marked_noise": 0,
        "precision_ratio": 1.0,
    },
    "toil": {
        "pages": 1,
        "tickets": 0,
        "nights": 1,
        "weekend_days": 0,
        "pages_at_night": 1,
        "pages_at_weekends": 0,
        "firing_s": 3120.0,
        "precision_by_burn_ratio": 1.0,
    },
    "postmortems": [],
    "groups": [
        {
            "name": "checkout",
            "slos": 1,
            "met": 0,
            "missed": 1,
            "unknown": 0,
            "compliance_ratio": 0.0,
            "worst": "checkout-availability",
            "budget_spent_ratio": 1.32,
            "incidents": 1,
            "pages": 1,
        }
    ],
    "items": [
        {
            "id": "checkout-availability",
            "service": "checkout",
            "name": "availability",
            "labels": {"team": "payments"},
            "objective": 0.999,
            "objective_changed": False,
            "adjusted": False,
            "removed": False,
            "verdict": "missed",
            "sli": 0.99868,
            "events": {"good": 2415006, "bad": 3194, "total": 2418200},
            "coverage": 1.0,
            "budget_spent": {
                "ratio": 1.32,
                "by_incidents": 0.9,
                "after_changes": 0.9,
                "otherwise": 0.42,
                "before": 0.61,
            },
            "members": 1,
            "members_met": 0,
            "incidents": 1,
            "pages": 1,
            "marked_useful": 1,
            "marked_noise": 0,
            "sla": {"contract": 0.995, "margin": 0.00368, "met": True},
        }
    ],
    "more": 0,
    "incidents": [
        {
            "id": "5f2d7c01a9b3e468",
            "slo": "checkout-availability",
            "severity": "page",
            "started_at": "2026-02-11T02:14:00Z",
            "ended_at": "2026-02-11T03:06:00Z",
            "detected_after_s": 120.0,
            "resolved_after_s": 3240.0,
            "bad_events": 2176,
            "budget_spent_ratio": 0.9,
            "change": "deployed 12 minutes before: checkout v1.4.2",
            "mark": "useful",
        }
    ],
}

# `from` is a keyword, which only this form can name.
_From = TypedDict("_From", {"from": date, "to": Annotated[date, Field(description="The first day after it.")]})


@with_config(ANSWER)
class ReportPeriodModel(_From):
    """The period; its days are those of the time zone of each SLO."""

    kind: PeriodKind
    name: str
    over: Annotated[bool, Field(description="Whether it has ended; until then all figures are so far.")]


@with_config(ANSWER)
class ReportTotalsModel(TypedDict):
    """All SLOs of the report."""

    slos: int
    met: int
    missed: int
    unknown: int
    compliance_ratio: Annotated[float | None, Field(description="Of those that could be judged.")]
    incidents: int
    marked_useful: int
    marked_noise: int
    precision_ratio: Annotated[float | None, Field(description="Useful ones of all incidents with a mark.")]


@with_config(ANSWER)
class ToilModel(TypedDict):
    """Whom alerts disturbed; nights and weekends are those of `timezone`, nights from 22 to 7."""

    pages: int
    tickets: int
    nights: int
    weekend_days: int
    pages_at_night: int
    pages_at_weekends: int
    firing_s: Annotated[float, Field(description="How long pages fired, added up.")]
    precision_by_burn_ratio: Annotated[
        float | None, Field(description="Pages that spent 2% of the budget or more, of those of which it is known.")
    ]


@with_config(ANSWER)
class ReportGroupModel(TypedDict):
    """The SLOs of a service, or with the same value of a label."""

    name: Annotated[str, Field(description="Empty for SLOs without the label.")]
    slos: int
    met: int
    missed: int
    unknown: int
    compliance_ratio: float | None
    worst: Annotated[str, Field(description="The SLO that comes first in `items`.")]
    budget_spent_ratio: Annotated[float | None, Field(description="Of that SLO.")]
    incidents: int
    pages: int


@with_config(ANSWER)
class ReportEventsModel(TypedDict):
    """Events of the days that were counted."""

    good: float
    bad: float
    total: float


@with_config(ANSWER)
class BudgetSpentModel(TypedDict):
    """Shares of the error budget of these events; above 1 the objective was missed."""

    ratio: float | None
    by_incidents: Annotated[float | None, Field(description="While alerts fired, from the first bad event on.")]
    after_changes: Annotated[
        float | None, Field(description="Of `by_incidents`: in those that a deploy or another change preceded.")
    ]
    otherwise: Annotated[float | None, Field(description="Without an alert.")]
    before: Annotated[float | None, Field(description="Of the period before.")]


@with_config(ANSWER)
class ReportSlaModel(TypedDict):
    """The contract beside the objective."""

    contract: float
    margin: Annotated[float | None, Field(description="SLI less contract.")]
    met: bool | None


@with_config(ANSWER)
class ReportSloModel(TypedDict):
    """One SLO, or all members of a group."""

    id: str
    service: str
    name: str
    labels: dict[str, str]
    objective: Annotated[float, Field(description="As it was then; where it changed, weighted by events.")]
    objective_changed: bool
    adjusted: Annotated[bool, Field(description="Whether adjustments have changed its figures.")]
    removed: Annotated[bool, Field(description="Whether no document has it any more.")]
    verdict: Annotated[
        PeriodVerdict, Field(description="`unknown`: no events, or less than 90% of the time was measured.")
    ]
    sli: float | None
    events: ReportEventsModel
    coverage: float | None
    budget_spent: BudgetSpentModel
    members: int
    members_met: int
    incidents: int
    pages: int
    marked_useful: int
    marked_noise: int
    sla: ReportSlaModel | None


@with_config(ANSWER)
class ReportIncidentModel(TypedDict):
    """An incident that began in the period."""

    id: str
    slo: str
    severity: Severity
    started_at: datetime
    ended_at: datetime | None
    detected_after_s: Annotated[float | None, Field(description="From the first bad event to the notification.")]
    resolved_after_s: Annotated[float | None, Field(description="From the first bad event to the end.")]
    bad_events: float | None
    budget_spent_ratio: float | None
    change: Annotated[str, Field(description="The last change of the service before the errors; empty if none.")]
    mark: Annotated[str | None, Field(description="`useful` or `noise`, as people marked it.")]


@with_config(answer_like(_EXAMPLE))
class ReportModel(TypedDict):
    """Objectives of a period."""

    period: ReportPeriodModel
    counted_until: Annotated[datetime | None, Field(description="The end of the last day that was counted.")]
    by: str
    timezone: str
    totals: ReportTotalsModel
    toil: ToilModel
    postmortems: Annotated[
        list[PostmortemDueModel],
        Field(description="Those that policies ask for, of incidents of which the newest began in the period."),
    ]
    groups: list[ReportGroupModel]
    items: Annotated[list[ReportSloModel], Field(description="The worst first.")]
    more: Annotated[int, Field(description="SLOs beyond `limit`; CSV has all.")]
    incidents: Annotated[list[ReportIncidentModel], Field(description="The 100 that spent most.")]
