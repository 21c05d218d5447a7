"""What is written back to an object of our own kind: whether its documents are active, and what is wrong with them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.kubernetes.objects import WatchedObject
from app.yamldoc import ErrorFinding

# Objects are at most 1.5 MiB, and people read the first few.
_MOST_FINDINGS = 10


def status_of(
    one: WatchedObject, findings: Sequence[ErrorFinding], *, slos: int, is_active: bool, at: datetime
) -> Mapping[str, Any]:
    """The status of an object; *is_active*: whether a version of it is, and *slos* how many SLOs that has.

    Lines and columns of findings count in what `kubectl get -o yaml` prints.
    """
    if not findings:
        reason, message = "Active", f"{slos} SLOs are active"
    elif is_active:
        reason, message = "LastGoodVersionActive", f"{findings[0]}. The version before stays active: {slos} SLOs"
    else:
        reason, message = "Refused", str(findings[0])
    ready = "False" if findings else "True"
    known = _ready_condition(one.content)
    changed = at.isoformat(timespec="seconds").replace("+00:00", "Z")
    if known.get("status") == ready:
        changed = str(known.get("lastTransitionTime", changed))
    condition = {
        "type": "Ready",
        "status": ready,
        "reason": reason,
        "message": message[:1024],
        "lastTransitionTime": changed,
        "observedGeneration": one.generation,
    }
    shown = [_shown(finding) for finding in findings[:_MOST_FINDINGS]]
    return {"observedGeneration": one.generation, "slos": slos, "conditions": [condition], "findings": shown}


def is_reported(one: WatchedObject, status: Mapping[str, Any]) -> bool:
    """Whether the object has this status already."""
    known = one.content.get("status")
    return isinstance(known, Mapping) and all(known.get(key) == value for key, value in status.items())


def is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two statuses say the same, whenever their conditions have changed."""
    return _without_times(one) == _without_times(other)


def _without_times(status: Mapping[str, Any]) -> Mapping[str, Any]:
    conditions = [{**one, "lastTransitionTime": ""} for one in status.get("conditions", ())]
    return {**status, "conditions": conditions}


def _ready_condition(content: Mapping[str, Any]) -> Mapping[str, Any]:
    status = content.get("status")
    conditions = status.get("conditions") if isinstance(status, Mapping) else None
    every = conditions if isinstance(conditions, list) else []
    return next((one for one in every if isinstance(one, Mapping) and one.get("type") == "Ready"), {})


def _shown(finding: ErrorFinding) -> Mapping[str, Any]:
    names = ("line", "column", "field", "problem", "remedy")
    return {name: getattr(finding, name) for name in names}
