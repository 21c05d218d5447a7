"""SLOs as objects of OpenSLO v1."""

from app.documents.importing.fields import BudgetingMethod
from app.documents.openslo.v1 import NAME_ANNOTATION
from app.documents.openslo.writing.indicators import indicator_of
from app.documents.openslo.writing.policies import written_policies
from app.documents.openslo.writing.spans import written_span, written_window
from app.sli import NotExpressibleError, TimeSlices
from app.slo import Slo
from app.yamldoc.writing import Written, given, written_number


def written_object(slo: Slo) -> dict[str, Written]:
    """The object of the kind SLO.

    Raises:
        NotExpressibleError: OpenSLO cannot say what it counts, or over which window.
    """
    slices = slo.sli if isinstance(slo.sli, TimeSlices) else None
    indicator = indicator_of(slo.sli if slices is None else slices.of)
    window = written_window(slo.window)
    if window is None:
        raise NotExpressibleError("OpenSLO has windows of whole minutes only", "write another window")
    objective = {"target": written_number(slo.objective), **_of_slices(slices), **indicator.of_objective}
    spec: dict[str, Written | None] = {
        "description": slo.description,
        "service": slo.service,
        "indicator": {"metadata": {"name": str(slo.id)}, "spec": indicator.spec},
        "timeWindow": [window],
        "budgetingMethod": str(_method(slices)),
        "objectives": [given(objective)],
        "alertPolicies": written_policies(slo.id, slo.alerting),
    }
    metadata: dict[str, Written | None] = {
        "name": str(slo.id),
        "labels": dict(slo.labels),
        "annotations": {NAME_ANNOTATION: slo.name} if slo.name != slo.id else None,
    }
    return {"apiVersion": "openslo/v1", "kind": "SLO", "metadata": given(metadata), "spec": given(spec)}


def _method(slices: TimeSlices | None) -> BudgetingMethod:
    if slices is None:
        return BudgetingMethod.OCCURRENCES
    return BudgetingMethod.RATIO_TIMESLICES if slices.rule.target is None else BudgetingMethod.TIMESLICES


def _of_slices(slices: TimeSlices | None) -> dict[str, Written | None]:
    if slices is None:
        return {}
    target = slices.rule.target
    return {
        "timeSliceTarget": None if target is None else written_number(target),
        "timeSliceWindow": written_span(slices.rule.length),
    }
