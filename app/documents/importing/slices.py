"""Budgeting methods of OpenSLO and Nobl9: an event is an occurrence, or a slice of time."""

from datetime import timedelta

from app.documents.importing.fields import BudgetingMethod
from app.documents.importing.scope import Scope
from app.documents.windows import slice_length_problem
from app.sli import TimeSlices
from app.slo import Sli, SliceRule


def by_method(
    sli: Sli, method: BudgetingMethod | None, *, target: float | None, length: timedelta, objective: Scope
) -> Sli | None:
    """The SLI whose events the method counts; None, and an error, where the *objective* has no usable slices."""
    if method in {None, BudgetingMethod.OCCURRENCES}:
        return sli
    problem = slice_length_problem(length)
    if problem is not None:
        objective.below("timeSliceWindow").error(*problem)
        return None
    if method is BudgetingMethod.RATIO_TIMESLICES:
        return TimeSlices(of=sli, rule=SliceRule(length=length, target=None))
    if target is None:
        objective.error("needs timeSliceTarget", "write timeSliceTarget: 0.95, when a slice is good")
        return None
    return TimeSlices(of=sli, rule=SliceRule(length=length, target=target))
