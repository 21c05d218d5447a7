"""Pydantic's errors in the words of people who write documents."""

import difflib
from collections.abc import Iterator, Mapping

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from app.documents.native import model as native
from app.yamldoc.document import Document
from app.yamldoc.findings import FieldPath, Findings
from app.yamldoc.scalars import REFUSED, kind

_MODELS: Mapping[tuple[str, ...], tuple[type[BaseModel], ...]] = {
    (): (native.DocumentModel,),
    ("slos",): (native.SloModel,),
    ("slos", "window"): (native.CalendarModel,),
    ("slos", "sli"): (native.BadSliModel, native.GoodSliModel, native.LatencySliModel),
    ("slos", "alerting"): (native.AlertingModel,),
    ("slos", "alerting", "page"): (native.PolicyModel,),
    ("slos", "alerting", "page", "tiers"): (native.TierModel,),
    ("slos", "alerting", "ticket"): (native.PolicyModel,),
    ("slos", "alerting", "ticket", "tiers"): (native.TierModel,),
}
_KEY = "[key]"
"""What pydantic puts behind the path of a key that is wrong itself."""
_EXAMPLES = {
    "service": "service: checkout",
    "slos": "slos: and a list of objectives below it",
    "name": "name: availability",
    "objective": "objective: 99.9",
    "window": "window: 30d",
    "sli": "sli: {total: <counter of all events>, bad: <counter of the bad ones>}",
    "total": 'total: http_requests_total{job="checkout"}',
    "bad": 'bad: http_requests_total{job="checkout",code=~"5.."}, or good: and the good ones',
    "good": 'good: http_requests_total{job="checkout",code!~"5.."}',
    "histogram": "histogram: http_request_duration_seconds",
    "threshold": "threshold: 300ms",
    "calendar": "calendar: month",
    "long": "long: 1h",
    "short": "short: 5m",
}

_BELONG = {
    "runbook_url": "write it under alerting.annotations",
    "dashboard": "write it under alerting.annotations",
    "owner": "write it under labels",
    "team": "write it under labels",
    "target": "did you mean `objective`?",
    "goal": "did you mean `objective`?",
}
"""Where to write what people write in the wrong place, or under the name that another tool gives it."""
_SLI_KINDS = "write total with bad, or total with good, or histogram with threshold"


def explain(error: ValidationError, document: Document, findings: Findings, *, under: FieldPath = ()) -> None:
    """Add every part of *error* to the findings; *under* is the path of the value that was validated."""
    for detail in error.errors(include_url=False, include_input=False):
        is_key = detail["type"] == "extra_forbidden" or detail["loc"][-1:] == (_KEY,)
        path = (*under, *_real_steps(detail["loc"]))
        problem, remedy = _words(detail, path, document)
        findings.error(document.place(path, key=is_key), problem, remedy, field=path)


def _real_steps(loc: tuple[int | str, ...]) -> Iterator[int | str]:
    for step in loc:
        if isinstance(step, int) or (step not in native.BRANCHES and step != _KEY):
            yield step


def _words(detail: ErrorDetails, path: FieldPath, document: Document) -> tuple[str, str]:
    kind_of_error = detail["type"]
    if kind_of_error == REFUSED:
        return str(detail["ctx"]["problem"]), str(detail["ctx"]["remedy"])
    if kind_of_error == "missing":
        return "is missing", f"write {_EXAMPLES.get(str(path[-1]), path[-1])}"
    if kind_of_error == "extra_forbidden":
        return _unknown_key(path, document)
    return _wrong_structure(detail, kind(document.value(path)))


def _wrong_structure(detail: ErrorDetails, given: str) -> tuple[str, str]:
    match detail["type"]:
        case "too_short":
            return "is empty", "write at least one item, or remove the key"
        case "tuple_type":
            return f"must be a list, not {given}", "write [one, two], or one item a line after `- `"
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"must be a mapping, not {given}", "write key: value below it, or {key: value}"
        case _:
            return detail["msg"], "see docs/slo-format.md"


def _unknown_key(path: FieldPath, document: Document) -> tuple[str, str]:
    around = tuple(step for step in path[:-1] if isinstance(step, str))
    known = _keys(_MODELS.get(around, ()))
    name = str(path[-1])
    problem = "is not known here"
    if name in known:
        beside = document.value(path[:-1])
        others = [key for key in known if isinstance(beside, dict) and key in beside and key not in {name, "total"}]
        return f"does not go with {' and '.join(others)}", _SLI_KINDS
    if name in _BELONG:
        return problem, _BELONG[name]
    close = difflib.get_close_matches(name.lower(), known, n=1)
    if close:
        return problem, f"did you mean `{close[0]}`?"
    elsewhere = [place for place, models in _MODELS.items() if name in _keys(models)]
    if elsewhere:
        return problem, f"write it under {'.'.join(elsewhere[0]) or 'the top of the document'}"
    return problem, f"write one of {', '.join(known)}, or remove it"


def _keys(models: tuple[type[BaseModel], ...]) -> list[str]:
    fields = [(name, field) for model in models for name, field in model.model_fields.items()]
    return list(dict.fromkeys(field.alias or name for name, field in fields))
