"""What OpenSLO has no field for."""

_WHY = {
    "sli": "OpenSLO does not say from which source is counted, how often an expression is evaluated, or what a slice "
    "without events is",
    "sla": "OpenSLO has no service level agreements",
    "name": "an SLO of OpenSLO has one name",
    "alerting.name": "OpenSLO has no names of alerts",
    "alerting.annotations": "OpenSLO has no annotations of alerts",
    "alerting.no_data": "OpenSLO does not say what becomes of alerts without data",
    "alerting.no_data_for": "OpenSLO does not say when data is missing",
    "alerting.no_traffic": "OpenSLO has no alerts on traffic",
    "alerting.no_traffic_for": "OpenSLO has no alerts on traffic",
    "alerting.budget": "OpenSLO has no alerts on the budget itself",
}
_WHY_OF_POLICY = {
    "rules": "the short window of OpenSLO's rules is a twelfth of the long one, and all are of whole minutes",
    "pending_for": "a wait in OpenSLO is of whole minutes",
    "keep_firing_for": "OpenSLO has no time for which alerts keep firing",
    "labels": "an alert of OpenSLO has one label, the severity",
    "annotations": "OpenSLO has no annotations of alerts",
    "evidence": "OpenSLO does not ask for evidence",
    "resolve_no_traffic_after": "OpenSLO has no alerts on traffic",
}


def why_lost(field: str) -> str:
    """Why a field of an SLO is not the same in OpenSLO."""
    return _WHY.get(field) or _WHY_OF_POLICY.get(field.rpartition(".")[2], "OpenSLO cannot say it")
