"""The keys of the kinds of OpenSLO v1."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Discriminator, Field, PlainValidator, Tag

from app.documents.importing.fields import LabelLists, Method, Number, Op, Share, Target, TargetPercent
from app.documents.importing.parts import ImportedPart, Switch, Text
from app.documents.openslo.fields import Description, Raw, Span
from app.yamldoc.explain import Structure
from app.yamldoc.scalars import read_text
from app.yamldoc.tree import Node, NullText, NumberText, list_of, table_of

REFERENCE: Final = "docs/migration.md"
NAMED: Final = "<name>"
INLINE: Final = "<inline>"
REFERRED: Final = "<reference>"
BRANCHES: Final = frozenset({NAMED, INLINE, REFERRED})
"""Names of the branches of unions: pydantic puts them into the paths of errors, where no key looks like one."""


class MetadataModel(ImportedPart):
    """The name of an object."""

    name: Text
    display_name: Any = Field(default=None, alias="displayName")
    labels: LabelLists = Field(default_factory=dict)
    annotations: Any = None


class DataSourceSpec(ImportedPart):
    """A server that queries are asked of; how to connect to it is a setting of Sloburn."""

    description: Description = ""
    type: Text
    connection_details: Any = Field(default=None, alias="connectionDetails")


class MetricSourceModel(ImportedPart):
    """A query, and where it is asked."""

    metric_source_ref: Text | None = Field(default=None, alias="metricSourceRef")
    type: Text | None = None
    spec: Any = None


class MetricModel(ImportedPart):
    """A metric of an SLI: with a source in v1, with the source's keys beside the query in v2alpha."""

    metric_source: MetricSourceModel | None = Field(default=None, alias="metricSource")
    data_source_ref: Text | None = Field(default=None, alias="dataSourceRef")
    data_source_spec: DataSourceSpec | None = Field(default=None, alias="dataSourceSpec")
    spec: Any = None


class RatioModel(ImportedPart):
    """Good or bad events out of all events, or a ratio as it is."""

    counter: Switch = False
    good: MetricModel | None = None
    bad: MetricModel | None = None
    total: MetricModel | None = None
    raw_type: Raw | None = Field(default=None, alias="rawType")
    raw: MetricModel | None = None


class SliSpec(ImportedPart):
    """What is counted."""

    description: Description = ""
    threshold_metric: MetricModel | None = Field(default=None, alias="thresholdMetric")
    ratio_metric: RatioModel | None = Field(default=None, alias="ratioMetric")


class InlineSli(ImportedPart):
    """An SLI in its SLO."""

    kind: Text | None = None
    metadata: MetadataModel | None = None
    spec: SliSpec


class ConditionModel(ImportedPart):
    """A burn rate over one window."""

    kind: Text
    op: Op | None = None
    threshold: Number
    lookback_window: Span = Field(alias="lookbackWindow")
    alert_after: Span | None = Field(default=None, alias="alertAfter")


class ConditionSpec(ImportedPart):
    """When an alert fires, and how urgent it is."""

    description: Description = ""
    severity: Text
    condition: ConditionModel


class InlineCondition(ImportedPart):
    """A condition in its policy."""

    operator: Any = None
    kind: Text
    metadata: MetadataModel
    spec: ConditionSpec


class ConditionRef(ImportedPart):
    """A condition by its name."""

    operator: Any = None
    condition_ref: Text = Field(alias="conditionRef")


class TargetSpec(ImportedPart):
    """Who is notified."""

    description: Description = ""
    target: Text


class InlineTarget(ImportedPart):
    """A target in its policy."""

    kind: Text
    metadata: MetadataModel
    spec: TargetSpec


class TargetRef(ImportedPart):
    """A target by its name."""

    target_ref: Text = Field(alias="targetRef")


def _is_inline(value: Any) -> str:
    return INLINE if isinstance(value, dict) and ("kind" in value or "spec" in value) else REFERRED


ConditionOrRef = Annotated[
    Annotated[InlineCondition, Tag(INLINE)] | Annotated[ConditionRef, Tag(REFERRED)], Discriminator(_is_inline)
]
NotificationTarget = Annotated[
    Annotated[InlineTarget, Tag(INLINE)] | Annotated[TargetRef, Tag(REFERRED)], Discriminator(_is_inline)
]


class PolicySpec(ImportedPart):
    """When alerts fire, and who is notified."""

    description: Description = ""
    alert_when_no_data: Switch | None = Field(default=None, alias="alertWhenNoData")
    alert_when_resolved: Switch | None = Field(default=None, alias="alertWhenResolved")
    alert_when_breaching: Switch = Field(default=True, alias="alertWhenBreaching")
    conditions: tuple[ConditionOrRef, ...] = Field(min_length=1, max_length=1)
    notification_targets: tuple[NotificationTarget, ...] = Field(alias="notificationTargets", min_length=1)


class InlinePolicy(ImportedPart):
    """A policy in its SLO."""

    kind: Text | None = None
    metadata: MetadataModel
    spec: PolicySpec


class PolicyRef(ImportedPart):
    """A policy by its name."""

    alert_policy_ref: Text = Field(alias="alertPolicyRef")


def _policy_branch(value: Any) -> str:
    return NAMED if isinstance(value, str) else _is_inline(value)


Policy = Annotated[
    Annotated[Text, Tag(NAMED)] | Annotated[InlinePolicy, Tag(INLINE)] | Annotated[PolicyRef, Tag(REFERRED)],
    Discriminator(_policy_branch),
]


class CalendarModel(ImportedPart):
    """When the first period of the calendar begins."""

    start_time: Text = Field(alias="startTime")
    time_zone: Text = Field(alias="timeZone")


class TimeWindowModel(ImportedPart):
    """The SLO window."""

    duration: Span
    is_rolling: Switch | None = Field(default=None, alias="isRolling")
    calendar: CalendarModel | None = None


class ObjectiveModel(ImportedPart):
    """How many of the events, or of the time slices, shall be good."""

    display_name: Text = Field(default="", alias="displayName")
    op: Op | None = None
    value: Number | None = None
    target: Target | None = None
    target_percent: TargetPercent | None = Field(default=None, alias="targetPercent")
    time_slice_target: Share | None = Field(default=None, alias="timeSliceTarget")
    time_slice_window: Span | None = Field(default=None, alias="timeSliceWindow")
    indicator: InlineSli | None = None
    indicator_ref: Text | None = Field(default=None, alias="indicatorRef")
    composite_weight: Number | None = Field(default=None, alias="compositeWeight")


def _none_or_list(value: Any) -> Any:
    return () if isinstance(value, NullText) else value


class SloSpec(ImportedPart):
    """A service level objective."""

    description: Description = ""
    service: Text
    indicator: InlineSli | None = None
    indicator_ref: Text | None = Field(default=None, alias="indicatorRef")
    time_window: tuple[TimeWindowModel, ...] = Field(default=(), alias="timeWindow", max_length=1)
    budgeting_method: Method | None = Field(default=None, alias="budgetingMethod")
    objectives: tuple[ObjectiveModel, ...]
    alert_policies: Annotated[tuple[Policy, ...], BeforeValidator(_none_or_list)] = Field(
        default=(), alias="alertPolicies"
    )


class ServiceSpec(ImportedPart):
    """A service."""

    description: Description = ""


class ObjectModel(ImportedPart):
    """An object of any kind."""

    api_version: Annotated[str, PlainValidator(read_text)] = Field(alias="apiVersion")
    kind: Text
    metadata: MetadataModel


class SloObject(ObjectModel):
    """An SLO."""

    spec: SloSpec


class SliObject(ObjectModel):
    """An SLI."""

    spec: SliSpec


class PolicyObject(ObjectModel):
    """An alert policy."""

    spec: PolicySpec


class ConditionObject(ObjectModel):
    """An alert condition."""

    spec: ConditionSpec


class TargetObject(ObjectModel):
    """Who is notified."""

    spec: TargetSpec


class DataSourceObject(ObjectModel):
    """A data source."""

    spec: DataSourceSpec


class ServiceObject(ObjectModel):
    """A service."""

    spec: ServiceSpec


EXAMPLES = {
    "name": "name: checkout-availability",
    "service": "service: checkout",
    "severity": "severity: page",
    "condition": "condition: {kind: burnrate, op: gte, threshold: 14.4, lookbackWindow: 1h, alertAfter: 5m}",
    "conditions": "conditions: and one condition below it",
    "notificationTargets": "notificationTargets: and one target below it",
    "conditionRef": "conditionRef: and the name of an AlertCondition, or the condition itself",
    "targetRef": "targetRef: and the name of an AlertNotificationTarget, or the target itself",
    "alertPolicyRef": "alertPolicyRef: and the name of an AlertPolicy, or the policy itself",
    "target": "target: email",
    "lookbackWindow": "lookbackWindow: 1h",
    "threshold": "threshold: 14.4",
    "objectives": "objectives: [{target: 0.999}]",
    "metricSource": "metricSource: {type: Prometheus, spec: {query: <PromQL>}}",
    "duration": "duration: 28d",
    "startTime": "startTime: 2024-01-01 00:00:00",
    "timeZone": "timeZone: Europe/Berlin",
    "spec": "spec: and its keys below it",
}

_USUAL: Final[Mapping[str, Node]] = {
    **dict.fromkeys(("name", "service"), "slo"),
    "objectives": list_of(table_of(target=NumberText("0.999"))),
}


class _V2Objective(ObjectiveModel):
    indicator: InlineSli | None = Field(default=None, alias="sli")
    indicator_ref: Text | None = Field(default=None, alias="sliRef")


class _V2SloSpec(SloSpec):
    # The examples of v2alpha write serviceRef, its Go types service.
    service: Text = ""
    service_ref: Text = Field(default="", alias="serviceRef")
    indicator: InlineSli | None = Field(default=None, alias="sli")
    indicator_ref: Text | None = Field(default=None, alias="sliRef")
    objectives: tuple[_V2Objective, ...]


class V2SloObject(SloObject):
    """An SLO of v2alpha."""

    spec: _V2SloSpec


def structure(model: type[ObjectModel]) -> Structure:
    """How the faults of an object are explained."""
    return Structure(model=model, reference=REFERENCE, branches=BRANCHES, examples=EXAMPLES, usual=_USUAL)


MODELS: Final[dict[str, type[ObjectModel]]] = {
    "SLO": SloObject,
    "SLI": SliObject,
    "DataSource": DataSourceObject,
    "Service": ServiceObject,
    "AlertPolicy": PolicyObject,
    "AlertCondition": ConditionObject,
    "AlertNotificationTarget": TargetObject,
}
"""The kinds of objects of v1."""
V2_MODELS: Final[dict[str, type[ObjectModel]]] = {**MODELS, "SLO": V2SloObject}
"""The kinds of objects of v2alpha."""
