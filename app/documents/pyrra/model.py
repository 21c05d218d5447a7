"""The keys of a document of Pyrra."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field, PlainValidator

from app.documents.importing.parts import ImportedPart, Name, OptionalText, Switch, Text
from app.documents.importing.scalars import read_percent_target, read_rolling_window
from app.yamldoc.explain import Structure
from app.yamldoc.scalars import read_duration, read_series_label_name
from app.yamldoc.tree import Node

Grouping = tuple[Annotated[str, PlainValidator(read_series_label_name)], ...]


class MetricModel(ImportedPart):
    """A bare selector."""

    metric: Text


class RatioModel(ImportedPart):
    """Errors, or successes, out of all events."""

    errors: MetricModel | None = None
    success: MetricModel | None = None
    total: MetricModel
    grouping: Grouping = ()


class LatencyModel(ImportedPart):
    """The bucket of a classic histogram out of its count."""

    success: MetricModel
    total: MetricModel
    grouping: Grouping = ()


class LatencyNativeModel(ImportedPart):
    """The share of a native histogram below a threshold."""

    latency: Annotated[timedelta, PlainValidator(read_duration)]
    total: MetricModel
    grouping: Grouping = ()


class BoolGaugeModel(MetricModel):
    """A gauge of which 1 is good and 0 is bad."""

    grouping: Grouping = ()


class IndicatorModel(ImportedPart):
    """What is counted; one of the four."""

    ratio: RatioModel | None = None
    latency: LatencyModel | None = None
    latency_native: LatencyNativeModel | None = Field(default=None, alias="latencyNative")
    bool_gauge: BoolGaugeModel | None = None


class SeveritiesModel(ImportedPart):
    """The label `severity` of each alert."""

    absent: OptionalText = ""
    fast_burn: OptionalText = Field(default="", alias="fastBurn")
    medium_burn: OptionalText = Field(default="", alias="mediumBurn")
    slow_burn: OptionalText = Field(default="", alias="slowBurn")
    long_term_burn: OptionalText = Field(default="", alias="longTermBurn")


class AlertingModel(ImportedPart):
    """The alerts of an SLO."""

    disabled: Switch = False
    burnrates: Switch = True
    absent: Switch = True
    name: OptionalText = ""
    absent_name: OptionalText = Field(default="", alias="absentName")
    severities: SeveritiesModel = Field(default_factory=SeveritiesModel)


class SpecModel(ImportedPart):
    """A service level objective."""

    description: OptionalText = ""
    target: Annotated[float, PlainValidator(read_percent_target)]
    window: Annotated[timedelta, PlainValidator(read_rolling_window)]
    indicator: IndicatorModel
    alerting: AlertingModel = Field(default_factory=AlertingModel)


class MetadataModel(ImportedPart):
    """The name of the object, and what is propagated to its rules."""

    name: Name
    namespace: OptionalText = ""
    labels: dict[str, OptionalText] = Field(default_factory=dict)
    annotations: dict[str, OptionalText] = Field(default_factory=dict)
    creation_timestamp: Any = Field(default=None, alias="creationTimestamp")
    generation: Any = None
    managed_fields: Any = Field(default=None, alias="managedFields")
    owner_references: Any = Field(default=None, alias="ownerReferences")
    resource_version: Any = Field(default=None, alias="resourceVersion")
    uid: Any = None


class ObjectiveModel(ImportedPart):
    """The object."""

    api_version: Text = Field(alias="apiVersion")
    kind: Text
    metadata: MetadataModel
    spec: SpecModel
    status: Any = None


_EXAMPLES = {
    "name": "name: checkout-errors",
    "target": "target: '99.9'",
    "window": "window: 4w",
    "indicator": "indicator: {ratio: {errors: {metric: <errors>}, total: {metric: <all events>}}}",
    "metric": 'metric: http_requests_total{job="checkout"}',
    "latency": "latency: 200ms",
    "errors": 'errors: {metric: http_requests_total{job="checkout",code=~"5.."}}',
    "success": 'success: {metric: http_request_duration_seconds_bucket{job="checkout",le="0.25"}}',
    "total": 'total: {metric: http_requests_total{job="checkout"}}',
}
IGNORED = {
    "partial_response_strategy": "set SLOBURN_PROMETHEUS_PARTIAL, which is for all SLOs",
    "performanceOverAccuracy": "remove it: counts are exact in every window",
    "ruleOutput": "remove it: Sloburn writes no rules",
}
_USUAL: Mapping[str, Node] = {"name": "slo", "target": "99.9", "window": "4w"}
OBJECTIVE = Structure(model=ObjectiveModel, reference="docs/migration.md", examples=_EXAMPLES, usual=_USUAL)
