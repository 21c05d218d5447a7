"""Files that a template engine has yet to turn into documents, such as the templates of a Helm chart."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.yamldoc.tree import SyntaxProblemError, read_trees

TEMPLATE = "template"
"""The code of a file that must be rendered before it can be read."""

# Each of these looks at a character a few times at most: a file may have a million braces, or spaces, in a row.
# Functions that only Helm has. `{{ $labels.x }}` and `{{.window}}` belong to alerts and to Sloth's queries.
_HELM = re.compile(
    r"\{\{-?\s*+(?:`|/\*|\"\{\{|(?:include|template|define|tpl|toYaml|lookup|required)\s)",
)
# Values of a chart, in an action on one line.
_WITHIN_ACTION = re.compile(r"[^}\n]++")
_VALUES = re.compile(r"[\s($.]\.?(?:Values|Release|Chart|Capabilities|Subcharts)\b")
# These are also written in the annotations of alerts, so they count only where the file is not YAML.
_GO = re.compile(r"^[^\S\n]*+\{\{-?\s*+(?:if|else|end|range|with|block|\$\w++\s*+:?=)\b", re.MULTILINE)
_JINJA = re.compile(r"^[^\S\n]*+\{%", re.MULTILINE)


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
    found = _HELM.search(text)
    helm = [*([] if found is None else [found.start()]), *_first_with_values(text)]
    if helm:
        return _action(text, min(helm), "Helm", "render it first: helm template CHART > slos.yaml")
    other, engine = _GO.search(text), "a template engine of Go"
    if other is None:
        other, engine = _JINJA.search(text), "Jinja"
    if other is None or _is_yaml(text):
        return None
    start = other.start() + len(other.group()) - len(other.group().lstrip())
    return _action(text, start, engine, "render it first, and give the result")


def _first_with_values(text: str) -> Iterator[int]:
    """Where the first action begins that names values of a chart; nothing if there is none."""
    for part in _WITHIN_ACTION.finditer(text):
        braces = text.find("{{", part.start(), part.end())
        if braces >= 0 and _VALUES.search(text, braces + 2, part.end()) is not None:
            yield braces
            return


def _action(text: str, start: int, engine: str, remedy: str) -> TemplateAction:
    line = text.count("\n", 0, start) + 1
    return TemplateAction(engine=engine, remedy=remedy, line=line, column=start - text.rfind("\n", 0, start))


def _is_yaml(text: str) -> bool:
    try:
        return all(True for _ in read_trees(text, lambda *_: None))
    except SyntaxProblemError:
        return False
