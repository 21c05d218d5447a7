"""Composites of Nobl9: the weighted mean of the reliability of objectives of other SLOs, minute by minute.

And, of version 1, that of the objectives of one SLO: a minute is bad if it is bad for any of them.

Source: https://docs.nobl9.com/Guides/SLO_Guides/composite-guide/
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from app.documents.importing.fields import BudgetingMethod
from app.documents.importing.scope import Scope
from app.documents.nobl9.model import ComponentModel, CompositeModel, ObjectiveModel
from app.sli import Composite, Part
from app.slo import CompositeRule, MissingData, Sli, SloId, format_duration

ObjectiveIds = Mapping[tuple[str, str, str], SloId]
"""The ids of SLOs by project, SLO and objective of Nobl9."""
_RELIABILITY = "Reliability"
_WHEN_DELAYED = {
    "countasgood": MissingData.GOOD,
    "countasbad": MissingData.BAD,
    "ignore": MissingData.IGNORED,
}
# What is counted provisionally is counted again, and the slots of a day are kept for that.
_LONGEST_DELAY = timedelta(hours=6)


def sli_of_composite(
    objective: ObjectiveModel, model: CompositeModel, method: BudgetingMethod, scope: Scope, ids: ObjectiveIds
) -> Sli | None:
    """The composite of an objective; None, and why, where it cannot be one. *scope* is that of the composite."""
    if model.aggregation != _RELIABILITY:
        problem = f"{model.aggregation} is not evaluated: a component counts by its reliability"
        scope.below("aggregation").error(problem, "write aggregation: Reliability", "composite")
        return None
    if objective.count_metrics is not None or objective.raw_metric is not None:
        scope.error("cannot be combined with metrics", "remove countMetrics and rawMetric")
        return None
    target = objective.time_slice_target if method is BudgetingMethod.TIMESLICES else None
    if method is not BudgetingMethod.OCCURRENCES and target is None:
        scope.error("needs timeSliceTarget", "write timeSliceTarget: 0.95 beside composite:")
        return None
    below = scope.below("components", "objectives")
    parts = [_part(one, below.below(i), ids) for i, one in enumerate(model.components.objectives)]
    found = tuple(part for part in parts if part is not None)
    if len(found) < len(parts):
        return None
    patience = min(model.max_delay, _LONGEST_DELAY)
    if patience < model.max_delay:
        problem = f"{format_duration(model.max_delay)} is waited for at most {format_duration(patience)}"
        scope.below("maxDelay").warning(problem, "write maxDelay: 6h", "max_delay")
    return Composite(rule=CompositeRule.WEIGHTED, parts=found, target=target, patience=patience)


def sli_of_objectives(
    objectives: Sequence[tuple[SloId, ObjectiveModel]], method: BudgetingMethod, scope: Scope
) -> Sli | None:
    """The composite of all objectives of an SLO; None, and why, where it cannot be one."""
    if method is not BudgetingMethod.TIMESLICES:
        problem = "burns at the burn rates of its objectives, which are known for minutes with Timeslices only"
        remedy = "write budgetingMethod: Timeslices, or an SLO whose objective has composite: with components:"
        scope.error(problem, remedy, "composite")
        return None
    parts = tuple(Part(slo=slo_id, target=objective.time_slice_target) for slo_id, objective in objectives)
    return Composite(rule=CompositeRule.ALL_OF, parts=parts)


def _part(model: ComponentModel, scope: Scope, ids: ObjectiveIds) -> Part | None:
    missing = _WHEN_DELAYED.get(model.when_delayed.lower())
    if missing is None:
        remedy = "write one of CountAsGood, CountAsBad, Ignore"
        scope.below("whenDelayed").error(f"{model.when_delayed!r} is not known", remedy)
        return None
    if model.weight <= 0:
        scope.below("weight").error(f"{model.weight} is not above 0", "write a weight such as 1")
        return None
    slo_id = ids.get((model.project, model.slo, model.objective))
    if slo_id is None:
        problem = f"no document has the objective {model.objective} of the SLO {model.slo} in project {model.project}"
        scope.error(problem, "add its document: sloctl get slos", "unresolved_reference")
        return None
    return Part(slo=slo_id, weight=float(model.weight), missing=missing)
