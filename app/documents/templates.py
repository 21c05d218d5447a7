"""Files that a template engine has yet to turn into documents, such as the templates of a Helm chart."""

import re
from dataclasses import dataclass

from app.yamldoc.tree import SyntaxProblemError, read_trees

TEMPLATE = "template"
"""The code of a file that must be rendered before it can be read."""

# Values of a chart, and functions that only Helm has. `{{ $labels.x }}` and `{{.window}}` belong to alerts and to
# Sloth's queries.
_HELM = re.compile(
    r"\{\{-?\s*(?:`|/\*|\"\{\{|(?:include|template|define|tpl|toYaml|lookup|required)\s)"
    r"|\{\{[^}\n]*[\s($.]\.?(?:Values|Release|Chart|Capabilities|Subcharts)\b"
)
# These are also written in the annotations of alerts, so they count only where the file is not YAML.
_GO = re.compile(r"^\s*\{\{-?\s*(?:if|else|end|range|with|block|\$\w+\s*:?=)\b", re.MULTILINE)
_JINJA = re.compile(r"^\s*\{%", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateAction:
    """The first action of a template engine in a file; lines and columns count from 1."""

    engine: str
    remedy: str
    line: int
    column: int


def find_action(text: str) -> TemplateAction | None:
    """What shows that the text is a template; None for a document."""
    if "{{" not in text and "{%" not in text:
        return None
    helm = _HELM.search(text)
    if helm is not None:
        return _action(text, helm, "Helm", "render it first: helm template CHART > slos.yaml")
    other, engine = _GO.search(text), "a template engine of Go"
    if other is None:
        other, engine = _JINJA.search(text), "Jinja"
    if other is None or _is_yaml(text):
        return None
    return _action(text, other, engine, "render it first, and give the result")


def _action(text: str, found: re.Match[str], engine: str, remedy: str) -> TemplateAction:
    start = found.start() + len(found.group()) - len(found.group().lstrip())
    line = text.count("\n", 0, start) + 1
    return TemplateAction(engine=engine, remedy=remedy, line=line, column=start - text.rfind("\n", 0, start))


def _is_yaml(text: str) -> bool:
    try:
        return all(True for _ in read_trees(text, lambda *_: None))
    except SyntaxProblemError:
        return False
