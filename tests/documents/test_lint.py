"""Warnings about documents of every dialect, and the comments that turn them off."""

import re
from pathlib import Path

import pytest

from app.documents import NAMES, LoadResult, lint, load_documents

_TOTAL, _BAD = "requests_total", 'requests_total{code=~"5.."}'
_DOCUMENT = """\
{top}
service: shop
slos:
  {above}
  - name: availability {on_name}
    objective: 99.9
    window: 30d
    sli:
      total: sum(rate(requests_total[5m])) {on_total}
      # about bad
      {above_bad}

      bad: sum(rate(requests_total{{code="500"}}[5m]))
  - name: other
    objective: 99.9
    window: 30d
    sli: {{total: requests_total, bad: 'requests_total{{code="500"}}'}}
"""
_IGNORE = "# sloburn: ignore="


def _load(folder: Path, text: str) -> LoadResult:
    file = folder / "slos.yaml"
    file.write_text(text)
    return load_documents(file)


def _found(result: LoadResult) -> list[tuple[str, int]]:
    assert result.errors == ()
    linted = result.ignored.others(lint(result.slos, result.places))
    return sorted((found.code, found.line) for found in (*result.warnings, *linted))


_ALL = [("fixed_range", 9), ("fixed_range", 13), ("no_runbook", 5), ("no_runbook", 14)]


@pytest.mark.parametrize(
    ("comments", "left"),
    [
        ({}, _ALL),
        ({"on_total": f"{_IGNORE}fixed_range"}, [_ALL[1], *_ALL[2:]]),
        ({"above_bad": f"{_IGNORE}fixed-range  the range is right"}, [_ALL[0], *_ALL[2:]]),
        ({"above": f"{_IGNORE}fixed_range, no-runbook"}, [_ALL[3]]),
        ({"on_name": f"{_IGNORE}No_Runbook"}, [*_ALL[:2], _ALL[3]]),
        ({"top": f"{_IGNORE}no_runbook"}, _ALL[:2]),
        ({"top": f"---\n{_IGNORE}no_runbook,fixed_range\n---"}, []),
        ({"above": f"{_IGNORE}irate"}, _ALL),
    ],
    ids=str,
)
def test_a_comment_turns_a_warning_off(comments: dict[str, str], left: list[tuple[str, int]], tmp_path: Path) -> None:
    """On its line, above it, above the SLO, or for the whole document."""
    places = dict.fromkeys(("top", "above", "on_name", "on_total", "above_bad"), "#")
    text = _DOCUMENT.format(**{**places, **comments})
    shift = text.index("service:") and text[: text.index("service:")].count("\n") - 1
    assert _found(_load(tmp_path, text)) == [(name, line + shift) for name, line in left]


def test_a_comment_at_the_top_ends_with_its_document(tmp_path: Path) -> None:
    slo = "{name: a, objective: 99, window: 30d, sli: {total: a_total, bad: 'a_total{code=\"500\"}'}}"
    texts = [f"service: {name}\nslos:\n- {slo}\n" for name in "ab"]
    assert _found(_load(tmp_path, f"{_IGNORE}no_runbook\n{texts[0]}---\n{texts[1]}")) == [("no_runbook", 8)]
    assert _found(_load(tmp_path, f"{texts[0]}--- {_IGNORE}no_runbook\n{texts[1]}")) == [("no_runbook", 3)]


@pytest.mark.parametrize(
    ("name", "meant"),
    [("no_runbok", "did you mean no_runbook?"), ("never", "write the name in brackets behind a warning")],
)
def test_an_unknown_name_is_a_warning(name: str, meant: str, tmp_path: Path) -> None:
    result = _load(tmp_path, _DOCUMENT.format(top="", above=f"{_IGNORE}{name}", on_name="", on_total="", above_bad=""))
    (warning,) = (found for found in result.warnings if found.code == "unknown_name")
    assert (warning.line, warning.column) == (4, 3)
    assert name in warning.problem
    assert meant in warning.remedy
    assert "docs/lint.md" in warning.remedy


def test_of_many_unknown_names_twenty_are_warnings(tmp_path: Path) -> None:
    names = ", ".join(f"never{number}" for number in range(30))
    result = _load(tmp_path, _DOCUMENT.format(top="", above=f"{_IGNORE}{names}", on_name="", on_total="", above_bad=""))
    assert [found.code for found in result.warnings].count("unknown_name") == 20


def test_a_comment_without_a_name_turns_nothing_off(tmp_path: Path) -> None:
    result = _load(tmp_path, _DOCUMENT.format(top="", above="# sloburn: off", on_name="", on_total="", above_bad=""))
    assert [found.code for found in result.warnings] == ["unknown_name", "fixed_range", "fixed_range"]


_SLOTH = """\
version: prometheus/v1
service: shop
slos:
  - name: availability
    objective: 99.9
    sli:
      events:
        total_query: sum(rate({total}[{{{{.window}}}}]))
        error_query: sum(rate({bad}[{{{{.window}}}}]))
    alerting: {{name: ShopErrors, annotations: {{{annotation}: a}}}}
"""
_PYRRA = """\
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {{name: shop, annotations: {{pyrra.dev/{annotation}: a}}}}
spec:
  target: "99.9"
  window: 4w
  indicator:
    ratio:
      total: {{metric: '{total}'}}
      errors: {{metric: '{bad}'}}
"""


@pytest.mark.parametrize("document", [_SLOTH, _PYRRA], ids=["sloth", "pyrra"])
@pytest.mark.parametrize(
    ("queries", "annotation", "codes"),
    [
        ((_TOTAL, _BAD), "note", ["no_runbook"]),
        ((_TOTAL, _BAD), "runbook", []),
        (('requests_total{code!="404"}', _BAD), "note", ["no_runbook"]),
        (('requests_total{code!="404"}', 'requests_total{handler="/x"}'), "note", ["no_runbook", "outside_total"]),
        (('requests_total{code!~"5.."}', _BAD), "note", ["no_runbook", "outside_total"]),
        (('requests_total{code=~"2..|5.."}', _BAD), "note", ["no_runbook"]),
        (('requests_total{job="a"}', 'requests_total{job="b"}'), "note", ["no_runbook", "outside_total"]),
        (('requests_total{ns="$ns"}', 'requests_total{ns="$ns",code="500"}'), "runbook", ["unset_variable"]),
        (('requests_total{ns="${NS}"}', 'requests_total{ns="${NS}",code="500"}'), "runbook", ["unset_variable"]),
        (('requests_total{ns=~"^a$|^b$"}', 'requests_total{ns=~"^a$|^b$",code="500"}'), "runbook", []),
    ],
)
def test_documents_of_other_tools_are_linted(
    document: str, queries: tuple[str, str], annotation: str, codes: list[str], tmp_path: Path
) -> None:
    total, bad = queries
    result = _load(tmp_path, document.format(total=total, bad=bad, annotation=annotation))
    assert [name for name, _ in _found(result) if name not in {"prometheus_template", "unknown_key"}] == codes


def test_an_outage_that_leaves_no_time_to_act_is_a_warning(tmp_path: Path) -> None:
    text = _SLOTH.format(total=_TOTAL, bad=_BAD, annotation="runbook_url").replace("99.9", "99.9999")
    assert "outage_spends_budget" in {name for name, _ in _found(_load(tmp_path, text))}


def test_an_slo_that_does_not_page_needs_no_runbook(tmp_path: Path) -> None:
    slo = "{name: a, objective: 99, window: 30d, sli: {total: a_total, bad: b_total}, alerting: {page: off}}"
    assert _found(_load(tmp_path, f"service: a\nslos: [{slo}]\n")) == []


@pytest.mark.parametrize(
    ("sla", "codes"),
    [
        ("99.5", []),
        ("99.9%", ["sla_without_buffer"]),
        ("{contract: 99.95, penalty_free: 0.2}", ["sla_above_objective"]),
    ],
)
def test_a_contract_is_looser_than_its_objective(sla: str, codes: list[str], tmp_path: Path) -> None:
    slo = f"{{name: a, objective: 99.9, sla: {sla}, window: 30d, sli: {{total: a_total, bad: b_total}}}}"
    result = _load(tmp_path, f"service: a\nslos: [{slo}]\n")
    assert [name for name, _ in _found(result) if name != "no_runbook"] == codes


def test_every_name_has_its_row_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs/lint.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (?:`--live`: )?(.*) \|$", page, re.MULTILINE)
    assert rows == list(NAMES.items())


@pytest.mark.parametrize(
    ("total", "bad", "codes"),
    [
        ("sum without (pod) (rate(a_total[5m]))", 'sum without (pod) (rate(a_total{code="500"}[5m]))', {"pooled"}),
        ("sum(sum without (pod) (rate(a_total[5m])))", 'sum(rate(a_total{code="500"}[5m]))', set()),
        ("count(up)", "absent(up) or vector(0)", {"evaluated", "fallback_series"}),
        ("count(up)", "sum(absent(up)) or vector(0)", {"evaluated"}),
        ("count(up)", "absent(up) or on () vector(0)", {"evaluated"}),
    ],
)
def test_what_is_counted_otherwise_than_it_is_written_is_said(
    total: str, bad: str, codes: set[str], tmp_path: Path
) -> None:
    events = f"{{total_query: '{total}', error_query: '{bad}'}}"
    slo = f"{{name: a, objective: 99, sli: {{events: {events}}}, alerting: {{name: A, annotations: {{runbook: x}}}}}}"
    result = _load(tmp_path, f"version: prometheus/v1\nservice: a\nslos: [{slo}]\n")
    assert {name for name, _ in _found(result)} - {"fixed_range"} == codes


@pytest.mark.parametrize(
    ("ratio", "codes"),
    [("absent(up) or vector(0)", {"fallback_series"}), ("absent(up) or on () vector(0)", set())],
)
def test_a_fallback_that_is_one_more_series_is_a_warning(ratio: str, codes: set[str], tmp_path: Path) -> None:
    slo = f"{{name: a, objective: 99, window: 1d, sli: {{bad_ratio: {ratio}}}, alerting: {{page: off}}}}"
    assert {name for name, _ in _found(_load(tmp_path, f"service: a\nslos: [{slo}]\n"))} == codes
