"""Files that must be rendered first are refused with that hint, and with nothing else."""

from pathlib import Path

import pytest

from app.documents import load_documents
from app.documents.templates import TEMPLATE, find_action

_NATIVE = """
service: shop
slos:
  - name: availability
    objective: 99.9
    window: 30d
    sli: {total: a_total, bad: 'a_total{code="500"}'}
    alerting:
      annotations:
        summary: "{{ labels.team }}: {{ burn_rate_long }}"
        description: |
          {% if stale %}old{% endif %}
          {{ if gt $value 1.0 }}much{{ end }}
"""


@pytest.mark.parametrize(
    ("text", "engine", "place"),
    [
        ("service: {{ .Values.service }}\n", "Helm", (1, 10)),
        ('service: a\nlabels: {{ include "labels" . }}\n', "Helm", (2, 9)),
        ("a: sum(rate(a_total[{{`{{.window}}`}}]))\n", "Helm", (1, 21)),
        ("a: {{ $.Values.objective | default 99.9 }}\n", "Helm", (1, 4)),
        ("a: {{ default 99.9 .Values.objective }}\n", "Helm", (1, 4)),
        ("slos:\n{{- range $name := list 1 2 }}\n  - name: a\n{{- end }}\n", "a template engine of Go", (2, 1)),
        ("slos:\n{% for name in names %}\n  - name: a\n{% endfor %}\n", "Jinja", (2, 1)),
    ],
)
def test_a_template_is_refused_with_the_place_of_its_first_action(
    text: str, engine: str, place: tuple[int, int], tmp_path: Path
) -> None:
    file = tmp_path / "slos.yaml"
    file.write_text(text)
    (error,) = load_documents(file).errors
    assert (error.code, error.line, error.column) == (TEMPLATE, *place)
    assert engine in error.problem
    assert "render it first" in error.remedy


@pytest.mark.parametrize(
    "text",
    [
        _NATIVE,
        "version: prometheus/v1\nslos: [{sli: {events: {error_query: 'sum(rate(a_total[{{ .window }}]))'}}}]\n",
        'alerting: {annotations: {summary: "{{ $labels.sloth_service }} {{ $value | humanizePercentage }}"}}\n',
    ],
)
def test_templates_of_alerts_and_queries_are_part_of_a_document(text: str) -> None:
    assert find_action(text) is None


def test_a_native_document_with_templates_in_its_annotations_loads(tmp_path: Path) -> None:
    file = tmp_path / "slos.yaml"
    file.write_text(_NATIVE)
    assert load_documents(file).errors == ()
