"""The parts of an SLO that comments are about; documents have different names for them."""

from enum import StrEnum

from app.yamldoc.findings import FieldPath


class SloPart(StrEnum):
    """A part of an SLO."""

    SERVICE = "service"
    NAME = "name"
    DESCRIPTION = "description"
    OBJECTIVE = "objective"
    WINDOW = "window"
    SLI = "sli"
    LABELS = "labels"
    ALERTING = "alerting"


# The keys of all dialects, each with what it and everything below it is about.
_KEYS = {
    key: part
    for part, keys in {
        SloPart.SERVICE: "service serviceRef",
        SloPart.NAME: "name displayName id",
        SloPart.DESCRIPTION: "description",
        SloPart.OBJECTIVE: "objective sla target targetPercent goal thresholds",
        SloPart.WINDOW: "window timeWindow timeWindows timeframe",
        SloPart.SLI: "sli sliRef indicator indicatorRef service_level_indicator ratioMetric ratioMetrics "
        "thresholdMetric countMetrics rawMetric composite op value budgetingMethod timeSliceTarget timeSliceWindow "
        "time_slices by backend method type query sli_specification events",
        SloPart.LABELS: "labels override_labels tags",
        SloPart.ALERTING: "alerting alertPolicies annotations anomalyConfig conditions error_budget_policy",
    }.items()
    for key in keys.split()
}


def part_of(path: FieldPath) -> SloPart | None:
    """What the value at *path* of a document of any dialect is about; None where that is the SLO as a whole.

    >>> part_of(("spec", "slos", 0, "sli", "events", "errorQuery")), part_of(("spec", "ruleOutput"))
    (<SloPart.SLI: 'sli'>, None)
    """
    return next((_KEYS[step] for step in path if isinstance(step, str) and step in _KEYS), None)
