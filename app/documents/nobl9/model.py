"""The keys of documents of Nobl9."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import Field, PlainValidator

from app.documents.importing.fields import LabelLists, Method, Number, Op, Share, Target
from app.documents.importing.parts import ImportedPart, OptionalText, Switch, Text
from app.yamldoc.explain import Structure
from app.yamldoc.scalars import read_duration, read_text, refuse
from app.yamldoc.tree import BooleanText, Node, NumberText, list_of, table_of


def _read_time(value: Any) -> datetime:
    text = read_text(value)
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise refuse(f"{text!r} is not a time", "write 2024-05-01T12:00:00Z") from error
    if found.tzinfo is None:
        raise refuse(f"{text!r} has no offset", f"write {text}Z")
    return found


Time = Annotated[datetime, PlainValidator(_read_time)]
Duration = Annotated[timedelta, PlainValidator(read_duration)]


class MetadataModel(ImportedPart):
    """The name of an object in its project."""

    name: Text
    display_name: Any = Field(default=None, alias="displayName")
    project: Text = "default"
    labels: LabelLists = Field(default_factory=dict)
    annotations: Any = None


class CountsModel(ImportedPart):
    """Good or bad events out of all events; each is a mapping with the source as its key."""

    incremental: Switch = False
    good: Any = None
    bad: Any = None
    total: Any = None
    good_total: Any = Field(default=None, alias="goodTotal")


class RawModel(ImportedPart):
    """A metric that is compared with the value of the objective."""

    query: Any


class ComponentModel(ImportedPart):
    """An objective of another SLO."""

    project: Text = "default"
    slo: Text
    objective: Text
    weight: Number = Decimal(1)
    when_delayed: Text = Field(default="Ignore", alias="whenDelayed")


class ComponentsModel(ImportedPart):
    """The components of a composite."""

    objectives: tuple[ComponentModel, ...] = Field(min_length=1)


class CompositeModel(ImportedPart):
    """Objectives of other SLOs, which count together."""

    max_delay: Duration = Field(default=timedelta(0), alias="maxDelay")
    components: ComponentsModel
    aggregation: Text = "Reliability"


class ObjectiveModel(ImportedPart):
    """One objective of an SLO."""

    name: OptionalText = ""
    display_name: OptionalText = Field(default="", alias="displayName")
    op: Op | None = None
    value: Number | None = None
    target: Target
    time_slice_target: Share | None = Field(default=None, alias="timeSliceTarget")
    count_metrics: CountsModel | None = Field(default=None, alias="countMetrics")
    raw_metric: RawModel | None = Field(default=None, alias="rawMetric")
    composite: CompositeModel | None = None
    primary: Any = None


class CalendarModel(ImportedPart):
    """When the first period of the calendar begins."""

    start_time: Text = Field(alias="startTime")
    time_zone: Text = Field(alias="timeZone")


class TimeWindowModel(ImportedPart):
    """The SLO window."""

    unit: Text
    count: Number
    is_rolling: Switch = Field(default=False, alias="isRolling")
    calendar: CalendarModel | None = None


class NoDataModel(ImportedPart):
    """When missing data is said."""

    alert_after: Duration | None = Field(default=None, alias="alertAfter")
    alert_methods: Any = Field(default=None, alias="alertMethods")
    treat_zero_as_no_data: Switch = Field(default=False, alias="treatZeroAsNoData")


class AnomalyModel(ImportedPart):
    """What is unusual about the data."""

    no_data: NoDataModel | None = Field(default=None, alias="noData")


class SpecCompositeModel(ImportedPart):
    """The composite of all objectives of an SLO, as before version 2 of composites."""

    target: Target
    burn_rate_condition: Any = Field(default=None, alias="burnRateCondition")


class SloSpec(ImportedPart):
    """A service level objective."""

    description: OptionalText = ""
    service: Text
    indicator: Any = None
    budgeting_method: Method = Field(alias="budgetingMethod")
    objectives: tuple[ObjectiveModel, ...]
    time_windows: tuple[TimeWindowModel, ...] = Field(alias="timeWindows", min_length=1, max_length=1)
    alert_policies: tuple[Text, ...] = Field(default=(), alias="alertPolicies")
    attachments: Any = None
    composite: SpecCompositeModel | None = None
    anomaly_config: AnomalyModel | None = Field(default=None, alias="anomalyConfig")


class ConditionModel(ImportedPart):
    """One condition of a policy; all must hold."""

    measurement: Text
    value: Text
    op: Op | None = None
    alerting_window: Duration | None = Field(default=None, alias="alertingWindow")
    lasts_for: Text | None = Field(default=None, alias="lastsFor")


class PolicySpec(ImportedPart):
    """When an alert fires, and when it ends."""

    description: OptionalText = ""
    severity: Text
    cool_down: Duration | None = Field(default=None, alias="coolDown")
    conditions: tuple[ConditionModel, ...] = Field(min_length=1)
    alert_methods: Any = Field(default=None, alias="alertMethods")


class AnnotationSpec(ImportedPart):
    """A note on the time line of an SLO."""

    slo: Text
    objective_name: OptionalText = Field(default="", alias="objectiveName")
    description: Text
    start_time: Time = Field(alias="startTime")
    end_time: Time = Field(alias="endTime")


class AdjustmentSpec(ImportedPart):
    """Time that does not count."""

    description: OptionalText = ""
    first_event_start: Time = Field(alias="firstEventStart")
    duration: Duration
    rrule: OptionalText = ""
    filters: Any


class ServiceSpec(ImportedPart):
    """A service."""

    description: OptionalText = ""


class ObjectModel(ImportedPart):
    """An object of any kind."""

    api_version: Text = Field(alias="apiVersion")
    kind: Text
    metadata: MetadataModel
    status: Any = None
    organization: Any = None
    manifest_src: Any = Field(default=None, alias="manifestSrc")


class SloObject(ObjectModel):
    """An SLO."""

    spec: SloSpec


class PolicyObject(ObjectModel):
    """An alert policy."""

    spec: PolicySpec


class AnnotationObject(ObjectModel):
    """A note on the time line of an SLO."""

    spec: AnnotationSpec


class AdjustmentObject(ObjectModel):
    """Time that does not count."""

    spec: AdjustmentSpec


class ServiceObject(ObjectModel):
    """A service."""

    spec: ServiceSpec = Field(default_factory=ServiceSpec)


MODELS: Final[dict[str, type[ObjectModel]]] = {
    "SLO": SloObject,
    "AlertPolicy": PolicyObject,
    "Annotation": AnnotationObject,
    "BudgetAdjustment": AdjustmentObject,
    "Service": ServiceObject,
}
"""The kinds that are read."""
OTHERS: Final = frozenset(
    {"Agent", "AlertMethod", "AlertSilence", "DataExport", "Direct", "Project", "Report", "RoleBinding", "UserGroup"}
)
"""The kinds that mean nothing to Sloburn."""
_EXAMPLES = {
    "service": "service: checkout",
    "target": "target: 0.999",
    "budgetingMethod": "budgetingMethod: Occurrences",
    "objectives": "objectives: and at least one below it",
    "timeWindows": "timeWindows: [{unit: Day, count: 28, isRolling: true}]",
    "severity": "severity: High",
    "conditions": "conditions: [{measurement: averageBurnRate, value: 14.4, alertingWindow: 1h, op: gte}]",
}

_USUAL: Final[Mapping[str, Node]] = {
    **dict.fromkeys(("name", "service", "slo", "objective"), "slo"),
    "target": NumberText("0.999"),
    "budgetingMethod": "Occurrences",
    "timeWindows": list_of(table_of(unit="Day", count=NumberText("28"), isRolling=BooleanText("true"))),
    "severity": "High",
}


def structure(model: type[ObjectModel]) -> Structure:
    """How the faults of an object are explained."""
    return Structure(model=model, reference="docs/migration.md", examples=_EXAMPLES, usual=_USUAL)
