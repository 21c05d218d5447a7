"""The keys of a document of Sloth; the custom resource spells them in camel case."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Field, PlainValidator
from pydantic.alias_generators import to_camel

from app.documents.importing.parts import ImportedPart, Labels, Name, OptionalText, Switch, Text
from app.documents.importing.scalars import read_percent_target
from app.yamldoc.explain import Structure
from app.yamldoc.tree import Node, NumberText

Percent = Annotated[float, PlainValidator(read_percent_target)]


class SlothEventsModel(ImportedPart):
    """Bad events out of all events."""

    error_query: Text
    total_query: Text


class RawModel(ImportedPart):
    """An expression of the error ratio."""

    error_ratio_query: Text


class PluginModel(ImportedPart):
    """An SLI that a plugin of Sloth writes."""

    id: Text
    options: Labels = Field(default_factory=dict)


class SliModel(ImportedPart):
    """What is counted; one of the three."""

    events: SlothEventsModel | None = None
    raw: RawModel | None = None
    plugin: PluginModel | None = None


class SeverityModel(ImportedPart):
    """The alert of one severity."""

    disable: Switch = False
    labels: Labels = Field(default_factory=dict)
    annotations: Labels = Field(default_factory=dict)


class AlertingModel(ImportedPart):
    """The alerts of an SLO."""

    name: OptionalText = ""
    labels: Labels = Field(default_factory=dict)
    annotations: Labels = Field(default_factory=dict)
    page_alert: SeverityModel = Field(default_factory=SeverityModel)
    ticket_alert: SeverityModel = Field(default_factory=SeverityModel)


class ChainModel(ImportedPart):
    """Plugins of Sloth that change the rules it writes."""

    chain: tuple[Any, ...] = ()
    override_previous: Any = Field(default=None, alias="overridePrevious")


class SlothSloModel(ImportedPart):
    """A service level objective."""

    name: Name
    description: OptionalText = ""
    objective: Percent
    labels: Labels = Field(default_factory=dict)
    plugins: ChainModel | None = None
    sli: SliModel
    alerting: AlertingModel = Field(default_factory=AlertingModel)


class SpecModel(ImportedPart):
    """The SLOs of a service."""

    service: Name
    labels: Labels = Field(default_factory=dict)
    slo_plugins: ChainModel | None = None
    slos: tuple[SlothSloModel, ...]


class SlothFileModel(SpecModel):
    """A file of Sloth."""

    version: Text


class _CamelEvents(SlothEventsModel):
    model_config = ConfigDict(alias_generator=to_camel)


class _CamelRaw(RawModel):
    model_config = ConfigDict(alias_generator=to_camel)


class _CamelSli(SliModel):
    events: _CamelEvents | None = None
    raw: _CamelRaw | None = None


class _CamelAlerting(AlertingModel):
    model_config = ConfigDict(alias_generator=to_camel)


class _CamelSlo(SlothSloModel):
    sli: _CamelSli
    alerting: _CamelAlerting = Field(default_factory=_CamelAlerting)


class CamelSpec(SpecModel):
    """The SLOs of a service, as a custom resource has them."""

    model_config = ConfigDict(alias_generator=to_camel)

    slos: tuple[_CamelSlo, ...]


class ResourceModel(ImportedPart):
    """The custom resource of Kubernetes."""

    api_version: Text = Field(alias="apiVersion")
    kind: Text
    metadata: Any = None
    status: Any = None
    spec: CamelSpec


_EXAMPLES = {
    "version": "version: prometheus/v1",
    "service": "service: checkout",
    "slos": "slos: and a list of objectives below it",
    "name": "name: availability",
    "objective": "objective: 99.9",
    "sli": "sli: {events: {error_query: <bad events>, total_query: <all events>}}",
    "error_query": 'error_query: sum(rate(http_requests_total{code=~"5.."}[{{.window}}]))',
    "errorQuery": 'errorQuery: sum(rate(http_requests_total{code=~"5.."}[{{.window}}]))',
    "total_query": "total_query: sum(rate(http_requests_total[{{.window}}]))",
    "totalQuery": "totalQuery: sum(rate(http_requests_total[{{.window}}]))",
    "error_ratio_query": "error_ratio_query: and an expression of the error ratio",
    "errorRatioQuery": "errorRatioQuery: and an expression of the error ratio",
    "id": "id: sloth-common/kubernetes/apiserver/availability",
}
_USUAL: Mapping[str, Node] = {
    "version": "prometheus/v1",
    "name": "slo",
    "service": "service",
    "objective": NumberText("99.9"),
    **dict.fromkeys(("error_query", "errorQuery", "error_ratio_query", "errorRatioQuery"), "a_total"),
    **dict.fromkeys(("total_query", "totalQuery"), "b_total"),
}
REFERENCE = "docs/migration.md"

FILE = Structure(model=SlothFileModel, reference=REFERENCE, examples=_EXAMPLES, usual=_USUAL)
RESOURCE = Structure(model=ResourceModel, reference=REFERENCE, examples=_EXAMPLES, usual=_USUAL)
