"""SLOs as objects of OpenSLO v1."""

from collections.abc import Mapping, Sequence

from app.documents.importing.fields import BudgetingMethod
from app.documents.openslo.slos import name_in_id
from app.documents.openslo.v1 import NAME_ANNOTATION
from app.documents.openslo.writing.composites import objectives_of
from app.documents.openslo.writing.indicators import Indicator, indicator_of
from app.documents.openslo.writing.policies import written_policies
from app.documents.openslo.writing.spans import written_span, written_window
from app.sli import Composite, NotExpressibleError, TimeSlices
from app.slo import Sli, Slo, SloId
from app.yamldoc.writing import Written, given, written_number


def written_object(slo: Slo, slos: Mapping[SloId, Slo]) -> dict[str, Written]:
    """The object of the kind SLO; *slos* are all, since the objectives of a composite are SLOs of their own.

    Raises:
        NotExpressibleError: OpenSLO cannot say what it counts, or over which window.
    """
    window = written_window(slo.window)
    if window is None:
        raise NotExpressibleError("OpenSLO has windows of whole minutes only", "write another window")
    parts = objectives_of(slo, slos)
    spec: dict[str, Written | None] = {
        "description": slo.description,
        "service": slo.service,
        "indicator": _indicator(slo) if parts is None else None,
        "timeWindow": [window],
        "budgetingMethod": str(_method(parts or [slo])),
        "objectives": [_objective(slo)] if parts is None else _objectives(slo, parts),
        "alertPolicies": written_policies(slo.id, slo.alerting),
    }
    metadata: dict[str, Written | None] = {
        "name": str(slo.id),
        "labels": dict(slo.labels),
        "annotations": {NAME_ANNOTATION: slo.name} if slo.name != slo.id else None,
    }
    return {"apiVersion": "openslo/v1", "kind": "SLO", "metadata": given(metadata), "spec": given(spec)}


def _objectives(slo: Slo, parts: Sequence[Slo]) -> list[Written]:
    """The objectives of a composite, each with its weight and its own indicator."""
    weights = [part.weight for part in slo.sli.parts] if isinstance(slo.sli, Composite) else []
    return [
        {
            **given({"displayName": name_in_id(part.id, slo.id, number)}),
            **_objective(part),
            "compositeWeight": written_number(weight),
            "indicator": _indicator(part),
        }
        for number, (part, weight) in enumerate(zip(parts, weights, strict=True), start=1)
    ]


def _objective(slo: Slo) -> dict[str, Written]:
    return given({"target": written_number(slo.objective), **_of_slices(slo.sli), **_counted(slo).of_objective})


def _indicator(slo: Slo) -> Written:
    return {"metadata": {"name": str(slo.id)}, "spec": _counted(slo).spec}


def _counted(slo: Slo) -> Indicator:
    return indicator_of(slo.sli.of if isinstance(slo.sli, TimeSlices) else slo.sli)


def _method(slos: Sequence[Slo]) -> BudgetingMethod:
    methods = {_method_of(slo.sli) for slo in slos}
    if len(methods) > 1:
        raise NotExpressibleError("OpenSLO has one budgeting method for all objectives", "write their SLOs by hand")
    return methods.pop()


def _method_of(sli: Sli) -> BudgetingMethod:
    if not isinstance(sli, TimeSlices):
        return BudgetingMethod.OCCURRENCES
    return BudgetingMethod.RATIO_TIMESLICES if sli.rule.target is None else BudgetingMethod.TIMESLICES


def _of_slices(sli: Sli) -> dict[str, Written | None]:
    if not isinstance(sli, TimeSlices):
        return {}
    target = sli.rule.target
    return {
        "timeSliceTarget": None if target is None else written_number(target),
        "timeSliceWindow": written_span(sli.rule.length),
    }
