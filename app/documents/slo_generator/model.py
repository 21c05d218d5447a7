"""The keys of a document of slo-generator."""

from typing import Annotated, Any, Final

from pydantic import Field, PlainValidator

from app.documents.importing.fields import Number, Target
from app.documents.importing.parts import ImportedPart, Labels, OptionalText, Switch, Text
from app.yamldoc.explain import Structure
from app.yamldoc.scalars import read_name


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

    name: Annotated[str, PlainValidator(read_name)]
    labels: Labels = Field(default_factory=dict)


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
    "service_level_indicator": "service_level_indicator: {filter_good: <good events>, filter_valid: <all events>}",
}
IGNORED: Final = {
    "frequency": "remove it: SLOs are evaluated every SLOBURN_EVALUATION_INTERVAL",
    "error_budget_policy": "remove it: the rules of the SRE Workbook that suit the window are used",
}
OBJECTIVE = Structure(model=ObjectiveModel, reference="docs/migration.md", examples=_EXAMPLES)
