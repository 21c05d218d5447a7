"""Documents of every tool as native ones: the same SLOs, and what was changed said on the line that it concerns."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from app.documents import Defaults, load_documents
from app.documents.conversion import Conversion, convert_documents
from app.documents.load import read_texts
from app.documents.native.model import SloEntry
from app.documents.native.sli_model import DocumentPart, SliModel
from app.slo import SliKind, Slo, SloId
from tests.documents.conversion.sets import KINDS, SETS
from tests.support.golden import assert_golden

WRITTEN_OTHERWISE = {("TierModel", "budget")}
"""Keys in whose place another one says the same: a share of the budget is written as the factor that it comes to."""


def _convert(*paths: Path, as_written: bool = False) -> Conversion:
    return convert_documents(*paths, defaults=Defaults(), as_written=as_written)


def _slos(converted: Conversion) -> dict[SloId, Slo]:
    found = read_texts({Path(f"{i}.yaml"): file.text for i, file in enumerate(converted.files)})
    assert found.findings.errors == ()
    return {placed.slo.id: placed.slo for placed in found.placed}


@pytest.mark.parametrize("paths", SETS.values(), ids=SETS)
def test_the_native_form_is_the_same_slos(paths: list[Path]) -> None:
    """With their ids, labels and alerts, so that routes go on working; and SLIs, so that history is kept."""
    before = load_documents(*paths)
    converted = _convert(*paths)
    assert _slos(converted) == {slo.id: slo for slo in before.slos}
    assert converted.losses == ()


@pytest.mark.parametrize("tool", ["sloth", "pyrra", "openslo", "nobl9", "kinds"])
def test_the_native_form_is_what_was_reviewed(tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`UPDATE_GOLDEN=1 pytest tests/documents/conversion` writes it again."""
    root = Path(__file__).parents[1]
    paths = [path.relative_to(root) for path in SETS[tool]]
    monkeypatch.chdir(root)
    text = "---\n".join(file.text for file in _convert(*paths).files)
    assert_golden(f"convert-{tool}.yaml", text)


def test_names_and_rules_of_other_tools_are_made_usable_or_said() -> None:
    """Alertmanager refuses alerts with a label such as `team-name`; beside a lower factor a rule decides nothing."""
    loaded = load_documents(KINDS.with_name("names.yaml"))
    pyrra, slices, _ = loaded.slos
    assert dict(pyrra.labels) == {"slo": "x", "team_name": "a"}
    assert dict(pyrra.alerting.annotations) == {"runbook_url": "https://runbooks.example.com/x"}
    assert [rule.factor for policy in slices.alerting.policies for rule in policy.rules] == [10.0]
    codes = {warning.code for warning in loaded.warnings}
    assert {"label_name", "rule_left_out"} <= codes
    assert "group_of_one" in {warning.code for warning in load_documents(KINDS).warnings}


def test_every_key_of_a_native_document_is_written() -> None:
    """A key that is added to the format and not to the writer would be lost when a document is converted."""
    (file,) = _convert(KINDS).files
    written: defaultdict[str, set[str]] = defaultdict(set)
    for document, _ in read_texts({Path("kinds.yaml"): file.text}).documents:
        for node in document.root["slos"]:
            for model in _models(SloEntry.model_validate(node)):
                written[type(model).__name__] |= model.model_fields_set
    native = {model for model in _leaves(DocumentPart) if model.__module__.startswith("app.documents.native.")}
    # A file of rules for backtests is no document; whether it is imported depends on the tests before this one.
    models = {model for model in native if not model.__module__.endswith(".proposed_rules")}
    keys = {(model.__name__, key) for model in models for key in model.model_fields}
    of_documents = {("DocumentModel", key) for key in ("service", "labels", "source", "policy", "slos")}
    missing = {(model, key) for model, key in keys if key not in written[model]}
    assert missing == WRITTEN_OTHERWISE | of_documents
    assert len(written) > 10


def _models(value: object) -> Iterator[BaseModel]:
    if isinstance(value, BaseModel):
        yield value
        for name in type(value).model_fields:
            yield from _models(getattr(value, name))
    elif isinstance(value, tuple):
        for one in value:
            yield from _models(one)


def _leaves(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    below = model.__subclasses__()
    for one in below:
        yield from _leaves(one)
    if not below and model is not SliModel:
        yield model


SLOTH = """\
version: prometheus/v1
service: checkout
slos:
  - name: latency
    objective: 99.9
    sli: {{raw: {{error_ratio_query: '{query}'}}}}
    alerting: {{name: Slow}}
"""
QUANTILE = 'histogram_quantile(0.95, sum by (le) (rate(h_seconds_bucket{job="a"}[{{.window}}])))'


@pytest.mark.parametrize(
    "query",
    [
        f"{QUANTILE} > 0.2",
        f"{QUANTILE} > bool 0.2",
        f"1 - ({QUANTILE} <= bool 0.2)",
        f"sum({QUANTILE} > bool 0.2) or vector(0)",
    ],
)
def test_a_quantile_over_a_threshold_is_offered_as_a_share_of_requests(query: str, tmp_path: Path) -> None:
    """The 95th percentile above 200 ms: 95% of requests within 200 ms, counted. Only rules that can fire are kept."""
    (tmp_path / "a.yaml").write_text(SLOTH.format(query=query))

    assert "quantile" in {warning.code for warning in load_documents(tmp_path).warnings}
    converted = _convert(tmp_path)

    (slo,) = _slos(converted).values()
    assert slo.sli.description == (
        ("all events", 'h_seconds_count{job="a"}'),
        ("good events", 'h_seconds_bucket{job="a",le="0.2"}'),
    )
    assert slo.objective == 0.95
    assert slo.id == "checkout-latency"
    assert all(rule.factor <= 20 for policy in slo.alerting.policies for rule in policy.rules)
    (file,) = converted.files
    assert "share of requests within it" in file.text
    assert converted.losses == ()

    (kept,) = _slos(_convert(tmp_path, as_written=True)).values()
    assert (kept.sli.kind, kept.objective) == (SliKind.EXPRESSION, 0.999)


@pytest.mark.parametrize(
    ("sli", "codes"),
    [
        ("{{expression: '{query}', good_when: '< 0.2'}}", ["quantile"]),
        ("{{bad_ratio: '{query} > bool 0.2'}}", ["quantile"]),
        ("{{good_ratio: '{query} <= bool 0.2'}}", ["quantile"]),
        ("{{bad_ratio: '{query} < bool 0.2'}}", []),
        ("{{expression: '{query}', good_when: '> 0.2'}}", []),
    ],
)
def test_a_quantile_in_a_native_document_is_a_warning_where_low_ones_are_good(
    sli: str, codes: list[str], tmp_path: Path
) -> None:
    written = sli.format(query=QUANTILE.replace("{{.window}}", "5m"))
    slo = f"{{name: latency, objective: 99, window: 30d, sli: {written}, alerting: {{page: off, ticket: off}}}}"
    (tmp_path / "a.yaml").write_text(f"service: shop\nslos: [{slo}]\n")
    result = load_documents(tmp_path)
    assert (result.errors, [warning.code for warning in result.warnings]) == ((), codes)


def test_a_quantile_that_is_good_when_high_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SLOTH.format(query=f"{QUANTILE} < bool 0.2"))
    (slo,) = _slos(_convert(tmp_path)).values()
    assert slo.sli.kind is SliKind.EXPRESSION


def test_documents_of_several_tools_in_one_line_of_json(tmp_path: Path) -> None:
    """Comments go to the SLO of their own document."""
    sli = {"events": {"error_query": "a_total", "total_query": "b_total"}}
    slo = {"name": "b", "objective": 99, "sli": sli, "alerting": {"name": "A"}}
    sloth = {"version": "prometheus/v1", "service": "a", "slos": [slo]}
    native = {"service": "c", "slos": [{"name": "d", "objective": 99, "window": "7d", "sli": {"gauge": "up"}}]}
    (tmp_path / "a.json").write_text(json.dumps([native, sloth]))
    (file,) = _convert(tmp_path).files
    assert [slo.id for slo in file.slos] == ["c-d", "a-b"]
    first, _, second = file.text.partition("---\n")
    assert ("SLOBURN_DEFAULT_WINDOW" in first, "SLOBURN_DEFAULT_WINDOW" in second) == (False, True)


def test_what_no_native_document_can_say_is_left_out_with_the_reason(tmp_path: Path) -> None:
    """Native documents refuse what can never be bad; the rest of the file is converted."""
    text = SLOTH.format(query="sum(rate(a_total[{{.window}}])) / sum(rate(b_total[{{.window}}]))")
    events = "{total_query: 'a_total', error_query: 'a_total - a_total'}"
    text += f"  - {{name: never, objective: 99, sli: {{events: {events}}}, alerting: {{name: Never}}}}\n"
    (tmp_path / "a.yaml").write_text(text)

    converted = _convert(tmp_path)

    assert list(_slos(converted)) == ["checkout-latency"]
    assert [(loss.line, loss.code) for loss in converted.losses] == [(8, "left_out")]
    assert "\n# left out: checkout-never: never counts a bad event" in f"\n{converted.files[0].text}"


def test_a_warning_that_is_turned_off_stays_off(tmp_path: Path) -> None:
    """Where it is about what is written, too; a range that is gone needs no comment."""
    (tmp_path / "a.yaml").write_text(
        "service: a\nslos:\n"
        "  - name: b # sloburn: ignore=counter_name\n    objective: 99.9\n    window: 7d\n"
        "    # sloburn: ignore=fixed_range\n"
        "    sli: {total: 'rate(requests[5m])', bad: 'rate(b_total[5m])'}\n"
    )
    (file,) = _convert(tmp_path).files
    assert "# sloburn: ignore=counter_name\n" in file.text
    assert "fixed_range" not in file.text
    (tmp_path / "a.yaml").write_text(file.text)
    assert load_documents(tmp_path).warnings == ()
