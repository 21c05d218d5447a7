"""Objects of OpenSLO v1, and of v2alpha, which spells some keys otherwise."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from app.documents.importing.scope import Scope
from app.documents.openslo import objects as forms
from app.documents.openslo.fields import length
from app.documents.openslo.model import (
    ConditionObject,
    ConditionRef,
    ConditionSpec,
    DataSourceObject,
    InlinePolicy,
    InlineTarget,
    MetadataModel,
    MetricModel,
    ObjectiveModel,
    ObjectModel,
    PolicyObject,
    PolicyRef,
    PolicySpec,
    SliObject,
    SliSpec,
    SloObject,
    SloSpec,
    TargetObject,
    TimeWindowModel,
    V2SloObject,
)
from app.documents.openslo.sources import is_prometheus
from app.yamldoc.scalars import kind

NAME_ANNOTATION: Final = "sloburn/name"
"""The annotation of an SLO with the name that it has in Sloburn beside its id."""
_PROMQL = "promql"
_Named = forms.Indicator | forms.Policy | forms.BurnRateCondition


def gather(model: ObjectModel, scope: Scope, objects: forms.Objects) -> None:
    """Add what an object says to the objects of all documents."""
    name, spec = model.metadata.name, scope.below("spec")
    match model:
        case SloObject():
            objects.slos.append(_slo(model, scope))
        case SliObject():
            if _is_new(name, objects.indicators, scope):
                objects.indicators[name] = indicator_of(model.spec, spec)
        case PolicyObject():
            if _is_new(name, objects.policies, scope):
                objects.policies[name] = _policy(name, model.spec, spec)
        case ConditionObject():
            if _is_new(name, objects.conditions, scope):
                objects.conditions[name] = _condition(model.spec, spec)
        case TargetObject():
            objects.targets.add(name)
        case DataSourceObject():
            objects.sources.setdefault(name, model.spec.type)
        case _:
            pass


def _is_new(name: str, known: Mapping[str, _Named], scope: Scope) -> bool:
    earlier = known.get(name)
    if earlier is None:
        return True
    problem = f"the name {name} is taken by the object at {earlier.scope.place}"
    scope.below("metadata", "name").error(problem, "write another name, or remove one of them")
    return False


def _slo(model: SloObject, scope: Scope) -> forms.SloObject:
    spec, below = model.spec, scope.below("spec")
    windows = below.below("timeWindow")
    service = spec.service or (model.spec.service_ref if isinstance(model, V2SloObject) else "")
    if not service:
        below.below("serviceRef").error("is missing", "write serviceRef: checkout")
    return forms.SloObject(
        name=model.metadata.name,
        title=_title(model.metadata),
        description=spec.description,
        service=service,
        labels=model.metadata.labels,
        method=spec.budgeting_method,
        window=_window(spec.time_window[0], windows.below(0)) if spec.time_window else None,
        indicator=_inline_or_name(spec, below),
        of_indicator=below.below(spec.key("indicator_ref" if spec.indicator is None else "indicator")),
        objectives=tuple(_objective(one, below.below("objectives", i)) for i, one in enumerate(spec.objectives)),
        policies=tuple(
            _policy_or_name(one, below.below("alertPolicies", i)) for i, one in enumerate(spec.alert_policies)
        ),
        is_composite=len(spec.objectives) > 1 and any(_has_own_indicator(one) for one in spec.objectives),
        scope=scope,
    )


def _title(metadata: MetadataModel) -> str:
    """The name of an SLO that `sloburn convert` has written; empty where there is none."""
    annotations = metadata.annotations
    title = annotations.get(NAME_ANNOTATION) if isinstance(annotations, dict) else None
    return title.strip() if isinstance(title, str) else ""


def _has_own_indicator(model: ObjectiveModel) -> bool:
    return model.indicator is not None or model.indicator_ref is not None


def _inline_or_name(model: SloSpec | ObjectiveModel, scope: Scope) -> forms.Indicator | str | None:
    inline, name = model.indicator, model.indicator_ref
    own, ref = model.key("indicator"), model.key("indicator_ref")
    if inline is not None and name is not None:
        scope.below(ref).error(f"cannot be combined with {own}", "remove one of them")
    return name if inline is None else indicator_of(inline.spec, scope.below(own, "spec"))


def indicator_of(spec: SliSpec, scope: Scope) -> forms.Indicator:
    """What an SLI counts."""
    ratio = spec.ratio_metric
    threshold = _query(spec.threshold_metric, scope.below("thresholdMetric"))
    if ratio is None:
        return forms.Indicator(scope=scope, threshold=threshold)
    below = scope.below("ratioMetric")
    return forms.Indicator(
        scope=scope,
        threshold=threshold,
        good=_query(ratio.good, below.below("good")),
        bad=_query(ratio.bad, below.below("bad")),
        total=_query(ratio.total, below.below("total")),
        raw=_query(ratio.raw, below.below("raw")),
        raw_type=ratio.raw_type,
        counter=ratio.counter,
    )


def _query(metric: MetricModel | None, scope: Scope) -> forms.Query | None:
    if metric is None:
        return None
    source = metric.metric_source
    if source is not None:
        below = scope.below("metricSource")
        return query_of(source.spec, source.type, source.metric_source_ref, below, of_source=below.below("type"))
    own = metric.data_source_spec
    of_source = scope.below("dataSourceRef" if own is None else "dataSourceSpec")
    return query_of(metric.spec, None if own is None else own.type, metric.data_source_ref, scope, of_source=of_source)


def query_of(spec: object, source: str | None, ref: str | None, scope: Scope, *, of_source: Scope) -> forms.Query:
    """The query of a source; its text is empty where the source has none."""
    given = spec if isinstance(spec, dict) else {}
    # Documents that were written for Nobl9, or by hand, have its key.
    of_query = _PROMQL if "query" not in given and _PROMQL in given else "query"
    text = given.get(of_query, "")
    if not isinstance(text, str):
        scope.below("spec", of_query).error(f"must be a string, not {kind(text)}", "write the PromQL of the metric")
        text = ""
    for key in given if is_prometheus(source) else ():
        if key != of_query:
            scope.below("spec", str(key)).warning("is ignored", "put it into the query", "unknown_key")
        elif key == _PROMQL:
            scope.below("spec", key).warning("is read as query", "write query: and the PromQL", "unknown_key")
    return forms.Query(text=text, source=source, ref=ref, scope=scope.below("spec", of_query), of_source=of_source)


def _condition(spec: ConditionSpec, scope: Scope) -> forms.BurnRateCondition:
    condition, below = spec.condition, scope.below("condition")
    if condition.kind.lower() != "burnrate":
        below.below("kind").error(f"{condition.kind!r} is not known", "write burnrate")
    return forms.BurnRateCondition(
        severity=spec.severity,
        op=condition.op,
        threshold=float(condition.threshold),
        lookback=length(condition.lookback_window),
        alert_after=timedelta(0) if condition.alert_after is None else length(condition.alert_after),
        scope=below,
    )


def _policy(name: str, spec: PolicySpec, scope: Scope) -> forms.Policy:
    given, below = spec.conditions[0], scope.below("conditions", 0)
    condition: forms.BurnRateCondition | str
    if isinstance(given, ConditionRef):
        condition, of_condition = given.condition_ref, below.below("conditionRef")
    else:
        condition, of_condition = _condition(given.spec, below.below("spec")), below
    targets = scope.below("notificationTargets")
    return forms.Policy(
        name=name,
        condition=condition,
        of_condition=of_condition,
        targets=tuple(
            (target.target_ref, targets.below(i, "targetRef"))
            for i, target in enumerate(spec.notification_targets)
            if not isinstance(target, InlineTarget)
        ),
        breaching=spec.alert_when_breaching,
        no_data=spec.alert_when_no_data,
        resolved=spec.alert_when_resolved,
        scope=scope,
    )


def _policy_or_name(policy: InlinePolicy | PolicyRef | str, scope: Scope) -> tuple[forms.Policy | str, Scope]:
    match policy:
        case InlinePolicy():
            return _policy(policy.metadata.name, policy.spec, scope.below("spec")), scope
        case PolicyRef():
            return policy.alert_policy_ref, scope.below("alertPolicyRef")
        case _:
            return policy, scope


def _window(model: TimeWindowModel, scope: Scope) -> forms.TimeWindow:
    calendar = model.calendar
    return forms.TimeWindow(
        span=model.duration,
        start=None if calendar is None else calendar.start_time,
        timezone=None if calendar is None else calendar.time_zone,
        is_rolling=model.is_rolling,
        of_length=scope.below("duration"),
        scope=scope,
    )


def _objective(model: ObjectiveModel, scope: Scope) -> forms.Objective:
    return forms.Objective(
        scope=scope,
        display_name=model.display_name,
        target=model.target,
        target_percent=model.target_percent,
        op=model.op,
        value=model.value,
        slice_target=model.time_slice_target,
        slice_window=None if model.time_slice_window is None else length(model.time_slice_window),
        weight=model.composite_weight,
        indicator=_inline_or_name(model, scope),
    )
