"""The keys of a document of slo-generator."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import Field

from app.documents.importing.fields import Number, Target
from app.documents.importing.parts import ImportedPart, Labels, Name, OptionalText, Switch, Text
from app.yamldoc.explain import Structure
from app.yamldoc.tree import Node, NumberText


class IndicatorModel(ImportedPart):
    """What is counted, by the keys of each method."""

    filter_good: Text | None = None
    filter_bad: Text | None = None
    filter_valid: Text | None = None
    expression: Text | None = None
    threshold_bucket: Number | None = None
    good_below_threshold: Switch = True
    operators: list[Text] = Field(default=["increase", "sum"])


class SpecModel(ImportedPart):
    """A service level objective."""

    description: OptionalText = ""
    backend: Text
    method: Text
    exporters: Any = None
    service_level_indicator: IndicatorModel
    goal: Target


class MetadataModel(ImportedPart):
    """The name and the labels of an SLO."""

    name: Name
    labels: Labels = Field(default_factory=dict)


class V1BackendModel(ImportedPart):
    """Where the samples are, and what is counted; how to connect to it is a setting of Sloburn."""

    name: Text = Field(alias="class")
    method: Text
    measurement: IndicatorModel
    url: Any = None
    headers: Any = None


class V1Model(ImportedPart):
    """A document of version 1: an SLO without `apiVersion`."""

    service_name: Name
    feature_name: Name
    slo_name: Name
    slo_description: OptionalText = ""
    slo_target: Target
    backend: V1BackendModel
    exporters: Any = None
    metadata: Labels = Field(default_factory=dict)


class ObjectiveModel(ImportedPart):
    """A document."""

    api_version: Text = Field(alias="apiVersion")
    kind: Text
    metadata: MetadataModel
    spec: SpecModel


_EXAMPLES = {
    "name": "name: checkout-availability",
    "goal": "goal: 0.999",
    "backend": "backend: prometheus",
    "method": "method: good_bad_ratio",
    "slo_target": "slo_target: 0.999",
    "class": "class: Prometheus",
    "measurement": "measurement: {filter_good: <good events>, filter_valid: <all events>}",
    "service_level_indicator": "service_level_indicator: {filter_good: <good events>, filter_valid: <all events>}",
}
IGNORED: Final = {
    "frequency": "remove it: SLOs are evaluated every SLOBURN_EVALUATION_INTERVAL",
    "error_budget_policy": "remove it: the rules of the SRE Workbook that suit the window are used",
}
_USUAL: Mapping[str, Node] = {
    **dict.fromkeys(("name", "service_name", "feature_name", "slo_name"), "slo"),
    **dict.fromkeys(("goal", "slo_target"), NumberText("0.999")),
}
OBJECTIVE = Structure(model=ObjectiveModel, reference="docs/migration.md", examples=_EXAMPLES, usual=_USUAL)
V1 = Structure(model=V1Model, reference="docs/migration.md", examples=_EXAMPLES, usual=_USUAL)
