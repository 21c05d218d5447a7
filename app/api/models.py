"""The shapes of answers, once for OpenAPI, for `documents.py`, which fills them, and for the commands that read them.

They are typed dictionaries: mypy holds what is written to them, and writing costs no more than a dictionary does.
"""

from datetime import datetime
from typing import Annotated, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from app.alerting import EndCode, NotificationStatus, TransitionKind
from app.api.forecasts.models import FORECAST_EXAMPLE, ForecastModel
from app.api.shapes import ANSWER, answer_like
from app.slo import AlertState, CalendarUnit, Cause, Severity, SliKind
from app.status import DataState, HealthState, ProblemCode, ProblemLevel

_END_CODE = "Why it ended: only burn_stopped, data_returned, traffic_returned and budget_recovered are recoveries."
_EXHAUSTED_AT = (
    "When none of the budget is left at the present burn rate; null if the burn has stopped, if the budget outlasts "
    "the window, or if none is left already."
)


@with_config(ANSWER)
class RollingWindowModel(TypedDict):
    """The last *duration* before the newest measured slot."""

    kind: Literal["rolling"]
    duration: Annotated[str, Field(examples=["30d"])]
    start: datetime | None
    end: datetime | None


@with_config(ANSWER)
class CalendarWindowModel(TypedDict):
    """The current period of the calendar in a time zone, up to the newest measured slot."""

    kind: Literal["calendar"]
    unit: CalendarUnit
    timezone: Annotated[str, Field(examples=["Europe/Berlin"])]
    start: datetime | None
    end: datetime | None


@with_config(ANSWER)
class EventsModel(TypedDict):
    """Events of the SLO window; total is good and bad together."""

    good: float
    bad: float
    total: float


@with_config(ANSWER)
class BudgetModel(TypedDict):
    """The error budget of the SLO window: signed, never clamped."""

    total_events: Annotated[float | None, Field(description="How many bad events the window's traffic allows.")]
    consumed_ratio: Annotated[float | None, Field(description="Spent share; above 1 if overspent.")]
    remaining_ratio: Annotated[float | None, Field(description="Unspent share; negative if overspent.")]
    remaining_events: float | None
    exhausted_at: Annotated[datetime | None, Field(description=_EXHAUSTED_AT)]


@with_config(ANSWER)
class SlaOutlookModel(TypedDict):
    """The service level agreement beside the objective, over the SLO window."""

    contract: Annotated[float, Field(description="Share of events that must be good by contract.", examples=[0.995])]
    penalty_below: Annotated[float, Field(description="The SLI below which a penalty is due.", examples=[0.994])]
    buffer: Annotated[float, Field(description="The objective less the contract.", examples=[0.004])]
    remaining_ratio: Annotated[
        float | None, Field(description="Unspent share of the bad events that the contract allows; may be negative.")
    ]


@with_config(ANSWER)
class BurnRateModel(TypedDict):
    """Counts and burn rate of one look-back window that ends at `as_of`."""

    window: Annotated[str, Field(examples=["5m"])]
    burn_rate: Annotated[float | None, Field(description="Bad ratio in error budgets; 1 spends all in one SLO window.")]
    sli: float | None
    good: float
    bad: float
    total: float
    coverage: Annotated[float | None, Field(description="Measured share of the window's slots.")]


@with_config(ANSWER)
class EndModel(TypedDict):
    """How an alert ended."""

    at: datetime | None
    code: Annotated[EndCode, Field(description=_END_CODE)]
    reason: Annotated[str, Field(description="The same in words.", examples=["the burn has stopped"])]


@with_config(ANSWER)
class AlertModel(TypedDict):
    """One severity of an SLO."""

    severity: Severity
    state: AlertState
    since: datetime | None
    tier: Annotated[str | None, Field(examples=["1h/5m"])]
    reason: Annotated[str | None, Field(description="Why it is frozen or suppressed.")]
    cause: Annotated[Cause, Field(description="A burn, or a condition that opens a ticket of its own while it holds.")]
    last_end: Annotated[EndModel | None, Field(description="How it ended when it last did; null if it never did.")]


@with_config(ANSWER)
class SloProblemModel(TypedDict):
    """One thing that is wrong with the data of an SLO."""

    code: ProblemCode
    level: Annotated[
        ProblemLevel,
        Field(
            description="error: it cannot be judged; warning: figures are incomplete or doubtful; hint: worth a look."
        ),
    ]
    detail: str


@with_config(ANSWER)
class BackfillModel(TypedDict):
    """How far the counting of history has come."""

    done_hours: float
    wanted_hours: float
    ratio: float


_SLO_EXAMPLE: JsonDict = {
    "id": "checkout-availability:route=/pay",
    "service": "checkout",
    "name": "availability",
    "description": "Checkout requests succeed.",
    "labels": {"team": "payments"},
    "group": {"route": "/pay"},
    "objective": 0.999,
    "window": {
        "kind": "rolling",
        "duration": "30d",
        "start": "2026-01-30T12:00:00Z",
        "end": "2026-03-01T12:00:00Z",
    },
    "as_of": "2026-03-01T12:00:00Z",
    "data": "fresh",
    "problem": None,
    "problems": [],
    "backfill": None,
    "data_since": "2025-11-12T08:30:05Z",
    "coverage": 0.998,
    "status": "meeting",
    "sli_kind": "counters",
    "sources": ["default"],
    "sli": 0.99953,
    "events": {"good": 999530, "bad": 470, "total": 1000000},
    "budget": {
        "total_events": 1000.0,
        "consumed_ratio": 0.47,
        "remaining_ratio": 0.53,
        "remaining_events": 530.0,
        "exhausted_at": None,
    },
    "sla": None,
    "burn_rates": [
        {"window": "5m", "burn_rate": 0.33, "sli": 0.99967, "good": 2999, "bad": 1, "total": 3000, "coverage": 1.0}
    ],
    "alerts": [
        {
            "severity": "page",
            "state": "inactive",
            "since": None,
            "tier": None,
            "reason": None,
            "cause": "burn",
            "last_end": None,
        }
    ],
    "forecast": FORECAST_EXAMPLE,
}


@with_config(answer_like(_SLO_EXAMPLE))
class SloModel(TypedDict):
    """One SLO, or one member of its group; null where nothing is known, `data` and `problem` say why."""

    id: str
    service: str
    name: str
    description: str
    labels: dict[str, str]
    group: Annotated[dict[str, str], Field(description="The values of the `by` labels; empty without groups.")]
    objective: float
    window: Annotated[RollingWindowModel | CalendarWindowModel, Field(discriminator="kind")]
    as_of: Annotated[datetime | None, Field(description="End of the newest measured slot.")]
    data: DataState
    problem: Annotated[
        str | None, Field(description="The most serious of *problems* in words; null if they are only hints.")
    ]
    problems: Annotated[
        list[SloProblemModel], Field(description="What is wrong with the data, the most serious first.")
    ]
    backfill: BackfillModel | None
    data_since: Annotated[datetime | None, Field(description="The SLI's first sample; coverage counts from then on.")]
    coverage: Annotated[float | None, Field(description="Measured share of the window since the SLI's first sample.")]
    status: HealthState
    sli_kind: Annotated[
        SliKind,
        Field(
            description="What the events are: increases of `counters`, samples of a `gauge`, evaluations of an "
            "`expression`, each of which is one event unless the document gives a total, `time_slices`, or, of a "
            "`composite`, those of other SLOs."
        ),
    ]
    sources: Annotated[
        list[str],
        Field(description="The sources that it is counted from; of several the events of all are added."),
    ]
    sli: float | None
    events: EventsModel
    budget: BudgetModel
    sla: Annotated[SlaOutlookModel | None, Field(description="null where the document has none.")]
    burn_rates: list[BurnRateModel]
    alerts: list[AlertModel]
    forecast: Annotated[ForecastModel, Field(description="What becomes of the budget; made every twenty minutes.")]


@with_config(ANSWER)
class SloListModel(TypedDict):
    """One page of SLOs."""

    items: list[SloModel]
    next: Annotated[str | None, Field(description="Cursor of the next page; null on the last.")]


@with_config(ANSWER)
class HistoryPointModel(TypedDict):
    """The counts of the step that ends at *at*, and the budget as it stood then."""

    at: datetime
    good: float | None
    bad: float | None
    total: float | None
    sli: float | None
    burn_rate: float | None
    budget_remaining_ratio: float | None
    coverage: float | None


# `from` is a keyword, which only this form can name.
_From = TypedDict("_From", {"from": datetime | None})


@with_config(ANSWER)
class HistoryModel(_From):
    """The past of one SLO, oldest first."""

    id: str
    to: datetime | None
    step: Annotated[str, Field(examples=["2h"])]
    points: list[HistoryPointModel]


_ALERT_EXAMPLE: JsonDict = {
    "slo": "checkout-availability",
    "service": "checkout",
    "name": "availability",
    "group": {},
    "severity": "page",
    "state": "firing",
    "since": "2026-03-01T11:48:30Z",
    "tier": "1h/5m",
    "reason": None,
    "cause": "burn",
    "last_end": None,
    "url": "https://slo.example.org/slos/checkout-availability",
    "silence": None,
    "incident": "5f2d7c01a9b3e468",
    "summary": "checkout availability is burning its error budget at 20x",
    "description": "2,000 of 100,000 events were bad in the last 1h, 2%; the objective of 99.9% allows 0.1%.",
    "burn_rate_long": 20.0,
    "burn_rate_short": 36.0,
    "good": 98000,
    "bad": 2000,
    "incident_spent": 0.028,
    "budget_remaining": 0.4,
    "exhausted_at": "2026-03-02T02:24:00Z",
    "first_bad_at": "2026-03-01T11:41:00Z",
    "last_bad_at": "2026-03-01T12:00:00Z",
    "top_contributors": 'route="/pay": 82% of the errors, 9% of the traffic',
    "runbook_url": "https://runbooks.example.org/checkout",
    "dashboard": None,
}


@with_config(ANSWER)
class NotifiedModel(TypedDict):
    """What a notification of the alert contains."""

    incident: Annotated[str | None, Field(description="Shared by all transitions of one incident.")]
    summary: str | None
    description: str | None
    burn_rate_long: float | None
    burn_rate_short: float | None
    good: Annotated[float | None, Field(description="Good events of the tier's long window.")]
    bad: Annotated[float | None, Field(description="Bad events of the tier's long window.")]
    incident_spent: Annotated[
        float | None, Field(description="Share of the error budget that this incident has spent so far.")
    ]
    budget_remaining: Annotated[
        float | None, Field(description="Unspent share of the error budget; negative if overspent.")
    ]
    exhausted_at: Annotated[datetime | None, Field(description=_EXHAUSTED_AT)]
    first_bad_at: Annotated[datetime | None, Field(description="The start of the incident's first slot with errors.")]
    last_bad_at: Annotated[datetime | None, Field(description="The end of the incident's newest slot with errors.")]
    top_contributors: Annotated[
        str | None,
        Field(
            description="Label values that most errors share, each with its shares of the errors and of the traffic."
        ),
    ]
    runbook_url: str | None
    dashboard: str | None


@with_config(ANSWER)
class AlertSilenceModel(TypedDict):
    """What keeps an Alertmanager from notifying of an alert, as it answered at `read_at`."""

    state: Annotated[
        Literal["silenced", "inhibited"], Field(description="By a silence, or by another alert that inhibits it.")
    ]
    receiver: Annotated[
        str | None, Field(description="The receiver whose Alertmanagers they are; null if there is one such receiver.")
    ]
    id: Annotated[str | None, Field(description="Of the silence that ends last; null of an inhibited alert.")]
    until: datetime | None
    created_by: str | None
    comment: str | None
    read_at: datetime


KnownSilence = Annotated[
    AlertSilenceModel | None,
    Field(description="What keeps an Alertmanager from notifying of it, by its newest answer; null if none is known."),
]


@with_config(answer_like(_ALERT_EXAMPLE))
class ActiveAlertModel(AlertModel, NotifiedModel):
    """An alert that is not inactive, with its SLO and, while it fires, with what its notification contains.

    The fields of the notification are null before the alert fires, and while a page mutes a ticket.
    """

    slo: str
    service: str
    name: str
    group: dict[str, str]
    url: Annotated[str, Field(description="The page of the SLO.")]
    silence: KnownSilence


@with_config(ANSWER)
class TransitionModel(TypedDict):
    """One change of an alert's state."""

    at: datetime
    slo: str
    severity: Severity
    cause: Annotated[Cause, Field(description="What the alert is about, as of active alerts.")]
    kind: TransitionKind
    incident: Annotated[str | None, Field(description="Shared by all transitions of one incident.")]
    tier: str | None
    reason: str | None
    end_code: Annotated[EndCode | None, Field(description=f"{_END_CODE} Null of other changes.")]


@with_config(ANSWER)
class AlertsModel(TypedDict):
    """Active alerts, and the latest transitions, newest first."""

    items: list[ActiveAlertModel]
    transitions: Annotated[list[TransitionModel], Field(description="At most `limit`, with the first page only.")]
    next: Annotated[str | None, Field(description="Cursor of the next page; null on the last.")]


@with_config(ANSWER)
class BuildInfoModel(TypedDict):
    """Which build is running."""

    version: Annotated[str, Field(examples=["0.1.0"])]
    python: Annotated[str, Field(examples=["3.11.2"])]


@with_config(ANSWER)
class ConfigurationModel(TypedDict):
    """The active configuration."""

    settings: Annotated[dict[str, object], Field(description="Settings by name; secrets are masked.")]
    spec_digest: Annotated[str, Field(description="Changes whenever the active documents change.")]
    slos: int
    last_reload_successful: bool
    last_reload_at: datetime | None
    last_reload_errors: Annotated[list[str], Field(description="Why the documents on disk were refused.")]
    database: Annotated[str, Field(description="Its product and version.", examples=["PostgreSQL 15.6"])]
    replicas: Annotated[
        list[str],
        Field(
            description="The processes that work on the database, on PostgreSQL each with its shards of the SLOs.",
            examples=[["slo-0, process 7 (this one): 33 of 65 shards, delivers", "slo-1, process 7: 32 of 65 shards"]],
        ),
    ]


@with_config(ANSWER)
class RemoteWriteModel(TypedDict):
    """How far one receiver of remote write has got."""

    receiver: Annotated[str, Field(description="Host and port of its URL.")]
    live_until: Annotated[datetime | None, Field(description="The newest slot whose live figures it has stored.")]
    slos: Annotated[int, Field(description="SLOs and group members whose past is sent.")]
    parts_pending: Annotated[int, Field(description="Histories and gaps of SLOs that are still to be sent.")]
    samples_sent: Annotated[int, Field(description="Since the start of the service.")]
    samples_dropped: Annotated[int, Field(description="Samples that it has refused since the start of the service.")]
    problem: Annotated[str | None, Field(description="What keeps figures from being sent, in words.")]


@with_config(ANSWER)
class RemoteWriteListModel(TypedDict):
    """Every receiver of remote write."""

    items: list[RemoteWriteModel]


@with_config(ANSWER)
class SourceHealthModel(TypedDict):
    """The health of one source."""

    name: Annotated[str, Field(description="As documents name it.", examples=["default"])]
    answers: Annotated[bool, Field(description="Whether it has answered, and answered when it was asked last.")]
    answered_at: Annotated[datetime | None, Field(description="The newest slot that it has answered.")]
    query_seconds: Annotated[float, Field(description="How long its last queries took, or failed to.")]
    slis: Annotated[int, Field(description="SLIs that are counted from it alone.")]
    failing_slis: Annotated[int, Field(description="Those whose newest queries were not answered, or rejected.")]
    problem: Annotated[str | None, Field(description="Why it answers nothing, or what its answers lack, in words.")]


@with_config(ANSWER)
class SourceHealthListModel(TypedDict):
    """Every source that SLOs are counted from."""

    items: list[SourceHealthModel]


@with_config(ANSWER)
class StateModel(TypedDict):
    """Whether the service answers, can serve, or evaluates."""

    status: Literal["healthy", "ready"]


@with_config(ANSWER)
class ReloadedModel(TypedDict):
    """The active documents after a reload."""

    slos: Annotated[int, Field(examples=[12])]


@with_config(ANSWER)
class DeadLetterModel(TypedDict):
    """A notification that was given up."""

    id: int
    receiver: Annotated[str, Field(examples=["oncall"])]
    alert: Annotated[str, Field(examples=["checkout-availability/page"])]
    status: NotificationStatus
    created_at: datetime
    ended_at: datetime
    attempts: int
    error: str


@with_config(ANSWER)
class DeadLettersModel(TypedDict):
    """A page of notifications that were given up, newest first."""

    items: list[DeadLetterModel]
    next: str | None


@with_config(ANSWER)
class RetriedModel(TypedDict):
    """A notification that is tried again."""

    id: int


@with_config(ANSWER)
class ReceiverStatusModel(TypedDict):
    """What became of the notifications to one receiver."""

    name: Annotated[str, Field(examples=["oncall"])]
    configured: Annotated[bool, Field(description="False: it was removed, and notifications were given up or wait.")]
    last_success_at: Annotated[datetime | None, Field(description="When it last accepted a notification.")]
    failing_since: Annotated[datetime | None, Field(description="The first failed attempt of what waits now.")]
    error: Annotated[str | None, Field(description="Why the notification that has failed for longest still waits.")]
    waiting: Annotated[int, Field(description="Notifications that are still to be accepted.")]
    dead_letters: Annotated[int, Field(description="Notifications that were given up in the last 30 days.")]
    accepted: Annotated[int, Field(description="Notifications since the start of the service.")]
    failures: Annotated[
        dict[str, int], Field(description="Failed attempts since the start of the service.", examples=[{"timeout": 3}])
    ]


@with_config(ANSWER)
class ReceiverStatusListModel(TypedDict):
    """Every receiver."""

    items: list[ReceiverStatusModel]


_PROBLEM_EXAMPLE: JsonDict = {
    "type": "about:blank",
    "title": "Not Found",
    "status": 404,
    "detail": "no SLO has the id 'checkout-availabilty'",
    "instance": "/api/v1/slos/checkout-availabilty",
}


@with_config(ConfigDict(json_schema_extra={"examples": [_PROBLEM_EXAMPLE]}))
class ProblemModel(TypedDict):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: NotRequired[Annotated[list[str], Field(description="Each thing that is wrong, where there are several.")]]
    code: NotRequired[
        Annotated[
            Literal["database_unavailable"],
            Field(description="Why, for programs: the database cannot be used now. Other problems have none."),
        ]
    ]
