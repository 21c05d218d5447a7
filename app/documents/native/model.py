"""The structure of a native document; the JSON Schema for editors is generated from these models."""

from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Discriminator, Field, PlainValidator, Tag, WithJsonSchema

from app.documents.native.fields import (
    PERCENTAGE,
    AlertLabels,
    AlertName,
    Annotations,
    BudgetShare,
    Duration,
    EvidenceLevel,
    Factor,
    IdText,
    LocalTime,
    MinBadEvents,
    Objective,
    OverrideLabels,
    Patience,
    PatienceOrOff,
    PenaltyFree,
    Periods,
    RollingWindowLength,
    SeriesLabelName,
    ServiceName,
    SloName,
    SourceNames,
    Switch,
    Text,
    TimeZone,
    WaitOrOff,
)
from app.documents.native.scalars import read_calendar_unit, read_no_data, read_no_traffic, read_objective, read_off
from app.documents.native.sli_model import DocumentPart
from app.documents.native.slis import SLI_BRANCHES, SliField
from app.documents.native.time_slices import TimeSlicesModel
from app.documents.policies.model import BRANCHES as POLICY_BRANCHES
from app.documents.policies.model import PolicyEntry
from app.slo import CalendarUnit, NoData, NoTraffic
from app.yamldoc.scalars import read_switch

ROLLING: Final = "<rolling window>"
CALENDAR: Final = "<calendar window>"
SWITCHED_OFF: Final = "<off>"
SWITCHED_ON: Final = "<on>"
CONTRACT: Final = "<contract>"
CONTRACT_AND_MARGIN: Final = "<contract and margin>"
BRANCHES: Final = frozenset(
    {ROLLING, CALENDAR, SWITCHED_OFF, SWITCHED_ON, CONTRACT, CONTRACT_AND_MARGIN, *SLI_BRANCHES, *POLICY_BRANCHES}
)
"""Names of the branches of unions: pydantic puts them into the paths of errors, where no key looks like one."""


class TierModel(DocumentPart):
    """A long and a short window; the tier trips when the burn rates of both reach the factor."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["factor"]}, {"required": ["budget"]}]})

    long: Duration
    """The window that says how much has burned."""
    short: Duration
    """The window that says that it is still burning; a twelfth of the long one is usual."""
    factor: Factor = None
    """The burn rate that trips the tier, at least 1."""
    budget: BudgetShare = None
    """Instead of the factor: the share of the error budget that may burn within the long window."""
    pending_for: Patience | None = Field(default=None, alias="for")
    """How long this tier must hold before the alert fires; as long as the severity says without it."""


class PolicyModel(DocumentPart):
    """When one severity fires."""

    tiers: tuple[TierModel, ...] = Field(default=(), min_length=1)
    """The tiers, any of which fires; without them, those of the SRE Workbook that suit the window and objective."""
    pending_for: Patience = Field(default=timedelta(0), alias="for")
    """How long a tier must hold before the alert fires."""
    keep_firing_for: Patience = timedelta(0)
    """How long the alert fires on after the last tier has cleared."""
    labels: AlertLabels = Field(default_factory=dict)
    """Labels of this severity's alerts, on top of the SLO's."""
    override_labels: OverrideLabels = Field(default_factory=dict)
    """Labels of this severity's alerts in the place of those that Sloburn sets, as documents of other tools have."""
    annotations: Annotations = Field(default_factory=dict)
    """Annotations of this severity's alerts, on top of the SLO's."""


class SlaModel(DocumentPart):
    """A service level agreement with customers, over the window of the SLO."""

    contract: Objective = Field(examples=[99.5])
    """How many of the events must be good by contract, in percent."""
    penalty_free: PenaltyFree = Field(default=0.0, examples=[0.1])
    """How many percentage points below the contract no penalty is due yet."""


def _read_contract(value: Any) -> SlaModel:
    return SlaModel.model_construct(contract=read_objective(value), penalty_free=0.0)


def _sla_branch(value: Any) -> str:
    return CONTRACT_AND_MARGIN if isinstance(value, dict | SlaModel) else CONTRACT


SlaField = Annotated[
    Annotated[SlaModel, PlainValidator(_read_contract), WithJsonSchema(PERCENTAGE), Tag(CONTRACT)]
    | Annotated[SlaModel, Tag(CONTRACT_AND_MARGIN)],
    Discriminator(_sla_branch),
]


def _policy_branch(value: Any) -> str:
    return SWITCHED_ON if isinstance(value, dict | PolicyModel) else SWITCHED_OFF


Policy = Annotated[
    Annotated[None, PlainValidator(read_off), WithJsonSchema({"enum": ["off", False]}), Tag(SWITCHED_OFF)]
    | Annotated[PolicyModel, Tag(SWITCHED_ON)],
    Discriminator(_policy_branch),
]


class BudgetAlertsModel(DocumentPart):
    """Tickets about the error budget itself, which do not ask how fast it burns."""

    consumed: BudgetShare = None
    """The share of the error budget from which on a ticket is open."""
    runs_out_within: Duration | None = None
    """A ticket is open when, at the present burn rate, none is left within this time."""
    exhausted: Switch = False
    """Whether a ticket is open while none is left."""


class AlertingModel(DocumentPart):
    """How an SLO alerts; without it, both severities fire by the tiers of the SRE Workbook."""

    name: AlertName = "ErrorBudgetBurn"
    """The label alertname of the alerts."""
    page: Policy = Field(default_factory=PolicyModel)
    """What wakes somebody; `off` for none."""
    ticket: Policy = Field(default_factory=PolicyModel)
    """What waits for the morning; `off` for none."""
    labels: AlertLabels = Field(default_factory=dict)
    """Labels of every alert of the SLO that the SLO itself does not have."""
    override_labels: OverrideLabels = Field(default_factory=dict)
    """Labels of every alert of the SLO in the place of those that Sloburn sets."""
    annotations: Annotations = Field(default_factory=dict)
    """Annotations of every alert of the SLO, such as runbook_url and dashboard."""
    evidence: EvidenceLevel = 0.99
    """The confidence level that the burn is not random noise, in percent; `off` fires like a Prometheus rule."""
    min_bad_events: MinBadEvents = 2
    """The least number of bad events in the long window that an alert fires at."""
    no_data: Annotated[NoData, PlainValidator(read_no_data), WithJsonSchema({"enum": [str(one) for one in NoData]})] = (
        NoData.FREEZE
    )
    """What becomes of the alerts when data has been missing for no_data_for."""
    no_data_for: PatienceOrOff = timedelta(minutes=10)
    """How long data must be missing before the ticket SLODataUnavailable is opened and no_data applies; or `off`."""
    no_traffic: Annotated[
        NoTraffic,
        PlainValidator(read_no_traffic),
        WithJsonSchema({"enum": [*(str(one) for one in NoTraffic), "alert"]}),
    ] = NoTraffic.FREEZE
    """Whether SLOTrafficStopped fires, as a ticket or a page, when traffic falls to zero against its own history."""
    no_traffic_for: Patience = timedelta(minutes=10)
    """How long no event must have come before no_traffic applies."""
    resolve_no_traffic_after: WaitOrOff = timedelta(days=1)
    """How long an alert that fires is frozen without traffic before it is resolved for that reason; or 0, or `off`."""
    budget: BudgetAlertsModel = Field(default_factory=BudgetAlertsModel)
    """Tickets about the error budget itself; none without it."""


class AggregateModel(DocumentPart):
    """The SLO of all members of a group together."""

    objective: Objective | None = None
    """What it promises, the objective of the members without it."""
    alerting: AlertingModel | None = None
    """How it alerts; without it, it has a budget and no alerts."""


def _read_aggregate(value: Any) -> AggregateModel | None:
    return AggregateModel() if read_switch(value) else None


def _aggregate_branch(value: Any) -> str:
    return SWITCHED_ON if isinstance(value, dict | AggregateModel) else SWITCHED_OFF


AggregateField = Annotated[
    Annotated[
        AggregateModel | None,
        PlainValidator(_read_aggregate),
        WithJsonSchema({"enum": [True, False, "on", "off"]}),
        Tag(SWITCHED_OFF),
    ]
    | Annotated[AggregateModel, Tag(SWITCHED_ON)],
    Discriminator(_aggregate_branch),
]


class CalendarModel(DocumentPart):
    """The current period of the calendar."""

    calendar: Annotated[
        CalendarUnit, PlainValidator(read_calendar_unit), WithJsonSchema({"enum": [str(unit) for unit in CalendarUnit]})
    ]
    """The period; weeks begin on Monday."""
    timezone: TimeZone = "UTC"
    """The IANA time zone whose midnight begins the period."""
    every: Periods = 1
    """How many of these periods the window is."""
    start: LocalTime | None = None
    """The local time at which one of the windows begins, where that is not the beginning of a period."""


def _window_branch(value: Any) -> str:
    return CALENDAR if isinstance(value, dict) else ROLLING


WindowField = Annotated[
    Annotated[RollingWindowLength, Tag(ROLLING)] | Annotated[CalendarModel, Tag(CALENDAR)],
    Discriminator(_window_branch),
]


class SloEntry(DocumentPart):
    """A service level objective."""

    name: SloName
    """The id of the SLO is `<service>-<name>`, if it has no other one."""
    id: IdText | None = None
    """The id of the SLO where it is another one, such as that of the tool that its document was written for."""
    description: Text = ""
    """What the SLO promises, for people."""
    objective: Objective
    """How many of the events shall be good, in percent."""
    window: WindowField = Field(examples=["30d", {"calendar": "month", "timezone": "Europe/Berlin"}])
    """What the objective is promised for: a rolling duration from 1h to 90d, or a period of the calendar."""
    sla: SlaField | None = Field(default=None, examples=[99.5, {"contract": 99.5, "penalty_free": 0.1}])
    """The service level agreement beside the objective: its percentage, or that and its penalty-free margin."""
    sli: SliField
    """What is counted: counters, as selectors or PromQL sums, or gauges."""
    source: SourceNames | None = None
    """The source that it is counted from, or several whose events are added; that of the document without it."""
    time_slices: TimeSlicesModel | None = None
    """Slices of time that are counted instead of events, each good or bad by what happened in it."""
    aggregate: AggregateField = None
    """Whether there is an SLO of all members of the group together, whose name ends with -all; or what it promises."""
    by: tuple[SeriesLabelName, ...] = Field(default=(), min_length=1, json_schema_extra={"uniqueItems": True})
    """Labels of the series; every combination of their values gets an SLO of its own, at most 500."""
    labels: AlertLabels = Field(default_factory=dict)
    """Labels of the SLO and of its alerts, on top of the document's."""
    override_labels: OverrideLabels = Field(default_factory=dict)
    """Labels of its alerts in the place of those that Sloburn sets: slo, service, severity."""
    alerting: AlertingModel = Field(default_factory=AlertingModel)
    """How it alerts."""


class DocumentHeader(DocumentPart):
    """What the SLOs of a document share."""

    service: ServiceName
    """The service that the SLOs are about."""
    labels: AlertLabels = Field(default_factory=dict)
    """Labels of all SLOs of the document and of their alerts."""
    source: SourceNames | None = None
    """The source that its SLOs are counted from, of `sources` in config/sloburn.yaml, or several."""
    policy: PolicyEntry | None = None
    """The error budget policy of the service: what a low budget means for changes."""


class DocumentModel(DocumentHeader):
    """SLOs of one service."""

    slos: tuple[SloEntry, ...] = Field(min_length=1)
    """The objectives, each with an SLI."""
