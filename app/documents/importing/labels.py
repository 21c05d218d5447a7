"""Labels and annotations of alerts as the documents of other tools have them."""

import re
from collections.abc import Mapping

from app.documents.importing.scope import Scope
from app.slo import Labels

# The one template of Prometheus that has a direct counterpart here; `$value` and functions have none.
_LABEL_VALUE = re.compile(r"\{\{-?\s*\$labels\.(\w+)\s*-?\}\}")
# Jinja has no names with a dollar sign, and no names such as .Labels.
_ACTION = re.compile(r"\{\{-?([^{}]*+)\}\}")
PROMETHEUS_TEMPLATE = "prometheus_template"
"""The code of an annotation with a template that only Prometheus could render."""


def merged_labels(*mappings: Mapping[str, str]) -> Labels:
    """Labels of several mappings, the later ones first in rank, sorted by name."""
    return tuple(sorted({name: value for mapping in mappings for name, value in mapping.items()}.items()))


def alert_labels(labels: Mapping[str, str], scope: Scope) -> dict[str, str]:
    """The labels of a document without `alertname`, which the alerting rule sets in Prometheus, too."""
    if "alertname" in labels:
        problem = "is ignored: the name of the alert is its own key"
        scope.below("alertname").warning(problem, "remove it", "alertname_ignored")
    return {name: value for name, value in labels.items() if name != "alertname"}


def translated_annotations(annotations: Mapping[str, str], scope: Scope) -> dict[str, str]:
    """Annotations whose templates of Prometheus are those of Sloburn; what has no counterpart is shown as it is."""
    return {name: _translated(text, scope.below(name)) for name, text in annotations.items()}


def _translated(text: str, scope: Scope) -> str:
    known = _LABEL_VALUE.sub(r"{{ labels.\1 }}", text)
    first = next((action for action in map(_of_prometheus, _ACTION.finditer(known)) if action is not None), None)
    if first is None:
        return known
    problem = f"{{{{ {first} }}}} is a template of Prometheus: it is shown as it is written"
    scope.warning(problem, "write {{ burn_rate_long }}, or another value of docs/receivers.md", PROMETHEUS_TEMPLATE)
    return _ACTION.sub(lambda found: _of_prometheus(found) or found[0], known)


def _of_prometheus(action: re.Match[str]) -> str | None:
    """What is in an action; None if it may be one of Jinja."""
    text = action[1].removesuffix("-").strip()
    return text if "$" in text or "|" in text else None


_NOT_OF_A_LABEL = re.compile(r"[^a-zA-Z0-9_]")


def usable_name(name: str, scope: Scope) -> str:
    """The name of a label or annotation in the characters that Prometheus allows; a change is a warning."""
    free = _NOT_OF_A_LABEL.sub("_", name)
    # Prometheus keeps names with two leading underscores for itself, and no name begins with a digit.
    if free[:1].isdigit() or free.startswith("__"):
        free = f"label_{free.lstrip('_')}"
    if free != name:
        scope.warning(f"{name} is no label name of Prometheus: {free} is used", f"write {free}", "label_name")
    return free


def listed_labels(labels: Mapping[str, tuple[str, ...]], scope: Scope) -> Labels:
    """Labels with one value or several; what Prometheus does not allow in a name, and several values, are changed."""
    changed = {}
    for name, values in labels.items():
        free = usable_name(name, scope.below(name))
        if len(values) > 1:
            problem = f"has {len(values)} values, and a label of Prometheus one: they are joined by commas"
            scope.below(name).warning(problem, "write one value", "label_values")
        changed[free] = ",".join(values)
    return merged_labels(alert_labels(changed, scope))
