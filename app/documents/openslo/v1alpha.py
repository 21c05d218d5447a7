"""Objects of OpenSLO v1alpha: SLOs whose queries are in their objectives, and services."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from pydantic import Field

from app.documents.importing.fields import Method, Number, Op, Share, Target
from app.documents.importing.parts import ImportedPart, Switch, Text
from app.documents.importing.scope import Scope
from app.documents.openslo import objects as forms
from app.documents.openslo.fields import Description
from app.documents.openslo.model import CalendarModel, ObjectModel, ServiceObject

_UNITS: Mapping[str, str] = {
    "Minute": "m",
    "Hour": "h",
    "Day": "d",
    "Week": "w",
    "Month": "M",
    "Quarter": "Q",
    "Year": "Y",
}


class SourceModel(ImportedPart):
    """A query and where it is asked."""

    source: Text | None = None
    query_type: Text | None = Field(default=None, alias="queryType")
    query: Text = ""


class RatioModel(ImportedPart):
    """Good or bad events out of all events."""

    incremental: Switch | None = None
    counter: Switch | None = None
    good: SourceModel | None = None
    bad: SourceModel | None = None
    total: SourceModel


class ThresholdModel(ImportedPart):
    """A metric that objectives compare with their values."""

    threshold_metric: SourceModel = Field(alias="thresholdMetric")


class ObjectiveModel(ImportedPart):
    """How many of the events shall be good."""

    display_name: Text = Field(default="", alias="displayName")
    op: Op | None = None
    value: Number | None = None
    target: Target | None = None
    time_slice_target: Share | None = Field(default=None, alias="timeSliceTarget")
    ratio_metrics: RatioModel | None = Field(default=None, alias="ratioMetrics")


class TimeWindowModel(ImportedPart):
    """The SLO window."""

    unit: Text
    count: Number
    is_rolling: Switch | None = Field(default=None, alias="isRolling")
    calendar: CalendarModel | None = None


class SloSpec(ImportedPart):
    """A service level objective."""

    description: Description = ""
    service: Text
    indicator: ThresholdModel | None = None
    budgeting_method: Method | None = Field(default=None, alias="budgetingMethod")
    time_windows: tuple[TimeWindowModel, ...] = Field(default=(), alias="timeWindows", max_length=1)
    objectives: tuple[ObjectiveModel, ...]


class SloObject(ObjectModel):
    """An SLO."""

    spec: SloSpec


MODELS: Final[dict[str, type[ObjectModel]]] = {"SLO": SloObject, "Service": ServiceObject}
"""The kinds of objects of v1alpha."""


def gather(model: ObjectModel, scope: Scope, objects: forms.Objects) -> None:
    """Add what an object says to the objects of all documents."""
    if not isinstance(model, SloObject):
        return
    spec, below = model.spec, scope.below("spec")
    window = _window(spec.time_windows[0], below.below("timeWindows", 0)) if spec.time_windows else None
    if spec.time_windows and window is None:
        return
    threshold = None
    if spec.indicator is not None:
        of_threshold = below.below("indicator", "thresholdMetric")
        query = _query(spec.indicator.threshold_metric, of_threshold)
        threshold = forms.Indicator(scope=of_threshold, threshold=query)
    objects.slos.append(
        forms.SloObject(
            name=model.metadata.name,
            description=spec.description,
            service=spec.service,
            labels=model.metadata.labels,
            method=spec.budgeting_method,
            window=window,
            indicator=threshold,
            of_indicator=below.below("indicator"),
            objectives=tuple(_objective(one, below.below("objectives", i)) for i, one in enumerate(spec.objectives)),
            policies=(),
            is_composite=False,
            scope=scope,
        )
    )


def _objective(model: ObjectiveModel, scope: Scope) -> forms.Objective:
    ratio, below = model.ratio_metrics, scope.below("ratioMetrics")
    # A value of a ratio is required by the validator of this version, and means nothing.
    return forms.Objective(
        scope=scope,
        display_name=model.display_name,
        target=model.target,
        op=model.op,
        value=model.value if ratio is None else None,
        slice_target=model.time_slice_target,
        # Slices of this version are minutes, always.
        slice_window=timedelta(minutes=1),
        indicator=None if ratio is None else _ratio(ratio, below),
    )


def _ratio(model: RatioModel, scope: Scope) -> forms.Indicator:
    return forms.Indicator(
        scope=scope,
        good=_query(model.good, scope.below("good")),
        bad=_query(model.bad, scope.below("bad")),
        total=_query(model.total, scope.below("total")),
        counter=bool(model.incremental or model.counter),
    )


def _query(model: SourceModel | None, scope: Scope) -> forms.Query | None:
    if model is None:
        return None
    of_source = scope.below("source")
    return forms.Query(text=model.query, source=model.source, ref=None, scope=scope.below("query"), of_source=of_source)


def _window(model: TimeWindowModel, scope: Scope) -> forms.TimeWindow | None:
    unit = _UNITS.get(model.unit.removesuffix("s").capitalize())
    if unit is None:
        scope.below("unit").error(f"{model.unit!r} is not known", f"write one of {', '.join(_UNITS)}")
        return None
    if model.count < 1 or model.count != int(model.count):
        scope.below("count").error(f"{model.count} is not a number of units", "write a whole number of at least 1")
        return None
    calendar = model.calendar
    return forms.TimeWindow(
        span=(int(model.count), unit),
        start=None if calendar is None else calendar.start_time,
        timezone=None if calendar is None else calendar.time_zone,
        is_rolling=model.is_rolling,
        of_length=scope.below("count"),
        scope=scope,
    )
