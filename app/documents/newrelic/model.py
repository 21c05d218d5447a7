"""The keys of a service level of New Relic, as far as they say what it promises."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from app.documents.importing.fields import Number, TargetPercent
from app.documents.importing.parts import ImportedPart, OptionalText, Text
from app.yamldoc.explain import Structure
from app.yamldoc.tree import Node, NumberText


class SelectModel(ImportedPart):
    """What is added up of each event."""

    function: Text = "COUNT"
    attribute: OptionalText = ""
    threshold: Any = None


class CountedEventsModel(ImportedPart):
    """Which events are meant."""

    from_: Text = Field(alias="from")
    where: OptionalText = ""
    select: SelectModel | None = None


class IndicatorEventsModel(ImportedPart):
    """All events, and the good or the bad ones."""

    valid: CountedEventsModel = Field(alias="validEvents")
    good: CountedEventsModel | None = Field(default=None, alias="goodEvents")
    bad: CountedEventsModel | None = Field(default=None, alias="badEvents")
    account: Any = None


class RollingModel(ImportedPart):
    """How long a window is."""

    count: Number
    unit: Text = "DAY"


class TimeWindowModel(ImportedPart):
    """The window of an objective."""

    rolling: RollingModel


class ObjectiveModel(ImportedPart):
    """What an indicator promises."""

    target: TargetPercent
    time_window: TimeWindowModel = Field(alias="timeWindow")
    name: OptionalText = ""
    description: OptionalText = ""
    result_queries: Any = Field(default=None, alias="resultQueries")


class IndicatorModel(ImportedPart):
    """A service level."""

    name: Text
    events: IndicatorEventsModel
    objectives: tuple[ObjectiveModel, ...] = Field(min_length=1)
    id: OptionalText = ""
    guid: OptionalText = ""
    description: OptionalText = ""
    entity_guid: Any = Field(default=None, alias="entityGuid")
    slug: Any = None
    created_at: Any = Field(default=None, alias="createdAt")
    created_by: Any = Field(default=None, alias="createdBy")
    updated_at: Any = Field(default=None, alias="updatedAt")
    updated_by: Any = Field(default=None, alias="updatedBy")
    result_queries: Any = Field(default=None, alias="resultQueries")


_EXAMPLES = {
    "name": "name: Success",
    "events": "events: {validEvents: {from: Transaction}, badEvents: {from: Transaction, where: error IS true}}",
    "validEvents": "validEvents: {from: Transaction}",
    "from": "from: Transaction",
    "objectives": "objectives: [{target: 99.9, timeWindow: {rolling: {count: 28, unit: DAY}}}]",
    "target": "target: 99.9",
    "timeWindow": "timeWindow: {rolling: {count: 28, unit: DAY}}",
}
_USUAL: Mapping[str, Node] = {"name": "slo", "from": "Transaction", "target": NumberText("99.9")}
INDICATOR = Structure(model=IndicatorModel, reference="docs/migration.md", examples=_EXAMPLES, usual=_USUAL)
