"""The keys of an SLO of Datadog, as far as they say what it promises."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, PlainValidator

from app.documents.importing.fields import TargetPercent
from app.documents.importing.parts import ImportedPart, OptionalText, Text
from app.yamldoc.explain import Structure
from app.yamldoc.scalars import kind, read_text, refuse
from app.yamldoc.tree import Node, NumberText, Table


def _formula(value: Any) -> str:
    """A formula, which is a text or the key of that name below it."""
    text = value.get("formula") if isinstance(value, Table) else value
    if text is None:
        raise refuse("has no formula", "write formula: query1")
    return read_text(text)


def _tags(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise refuse(f"must be a list, not {kind(value)}", "write tags such as team:payments")
    return tuple(map(read_text, value))


Formula = Annotated[str, PlainValidator(_formula)]


class ThresholdModel(ImportedPart):
    """An objective over a window."""

    timeframe: Text
    target: TargetPercent
    target_display: Any = None
    warning: Any = None
    warning_display: Any = None


class QueryModel(ImportedPart):
    """The queries of good and of all events."""

    numerator: Text
    denominator: Text


class NamedQueryModel(ImportedPart):
    """A query that formulas name."""

    name: Text
    query: Text
    data_source: Text = "metrics"


class CountModel(ImportedPart):
    """Formulas of two of good, bad and all events, of the queries."""

    good_events_formula: Formula | None = None
    bad_events_formula: Formula | None = None
    total_events_formula: Formula | None = None
    queries: tuple[NamedQueryModel, ...] = Field(min_length=1)


class SpecificationModel(ImportedPart):
    """What is counted, by one of two methods."""

    count: CountModel | None = None
    time_slice: Any = None


class ObjectiveModel(ImportedPart):
    """An SLO."""

    id: OptionalText = ""
    name: Text
    type: Text
    description: OptionalText = ""
    tags: Annotated[tuple[str, ...], PlainValidator(_tags)] = ()
    thresholds: tuple[ThresholdModel, ...] = Field(min_length=1)
    timeframe: OptionalText = ""
    query: QueryModel | None = None
    sli_specification: SpecificationModel | None = None
    target_threshold: Any = None
    warning_threshold: Any = None
    monitor_ids: Any = None
    monitor_tags: Any = None
    groups: Any = None
    creator: Any = None
    created_at: Any = None
    modified_at: Any = None
    configured_alert_ids: Any = None


_EXAMPLES = {
    "name": "name: Checkout availability",
    "type": "type: metric",
    "thresholds": "thresholds: [{timeframe: 30d, target: 99.9}]",
    "timeframe": "timeframe: 30d",
    "target": "target: 99.9",
    "numerator": "numerator: sum:requests{status:ok}.as_count()",
    "denominator": "denominator: sum:requests{*}.as_count()",
}
_USUAL: Mapping[str, Node] = {"name": "slo", "type": "metric", "timeframe": "30d", "target": NumberText("99.9")}
OBJECTIVE = Structure(model=ObjectiveModel, reference="docs/migration.md", examples=_EXAMPLES, usual=_USUAL)
