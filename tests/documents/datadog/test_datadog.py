"""SLOs of Datadog, as its API answers them, by hand from its documentation."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.documents import Defaults, LoadResult, load_documents
from app.documents.conversion import convert_documents
from app.sli import IntervalCounts
from app.slo import Events, SourceKind
from tests.support.golden import assert_golden

_SLO: dict[str, Any] = {
    "id": "9a1f3b",
    "name": "Checkout availability",
    "description": "",
    "type": "metric",
    "tags": ["service:checkout", "team:payments", "urgent", "git-repo:shop"],
    "thresholds": [
        {"timeframe": "7d", "target": 99.0, "target_display": "99.", "warning": 99.5},
        {"timeframe": "30d", "target": 99.9},
    ],
    "timeframe": "30d",
    "target_threshold": 99.9,
    "query": {
        "numerator": "sum:requests{status:ok}.as_count()",
        "denominator": "sum:requests{*}.as_count()",
    },
    "creator": {"email": "a@example.com"},
    "created_at": 1_700_000_000,
}


def _load(folder: Path, *, defaults: Defaults | None = None, **keys: Any) -> LoadResult:
    (folder / "slo.json").write_text(json.dumps({"data": [{**_SLO, **keys}], "errors": None}))
    return load_documents(folder, defaults=defaults or Defaults())


def _count(**formulas: Any) -> dict[str, Any]:
    queries = [
        {"data_source": "metrics", "name": f"query{number}", "query": f"sum:{name}{{*}}.as_count()"}
        for number, name in enumerate(("ok", "failed", "all"), 1)
    ]
    return {"query": None, "sli_specification": {"count": {**formulas, "queries": queries}}}


def test_each_threshold_is_an_slo_of_its_window(tmp_path: Path) -> None:
    result = _load(tmp_path)
    assert result.errors == ()
    assert {warning.code for warning in result.warnings} == {"tag_ignored", "label_name"}
    week, month = sorted(result.slos, key=lambda slo: slo.window.nominal)
    assert (month.id, month.name, str(month.window), month.objective) == (
        "9a1f3b",
        "Checkout availability",
        "30d",
        0.999,
    )
    assert (week.id, str(week.window), week.objective) == ("9a1f3b-7d", "7d", 0.99)
    assert (month.service, dict(month.labels)) == ("checkout", {"team": "payments", "git_repo": "shop"})
    assert month.sli == week.sli
    assert isinstance(month.sli, IntervalCounts)
    assert (month.sli.total, month.sli.shares, month.sli.part) == (
        "sum:requests{*}.as_count()",
        Events.GOOD,
        "sum:requests{status:ok}.as_count()",
    )


@pytest.mark.parametrize(
    ("sources", "source"),
    [
        (None, "datadog"),
        ({"dd": SourceKind.DATADOG, "eu": SourceKind.PROMETHEUS}, "dd"),
        ({"a": SourceKind.DATADOG, "datadog": SourceKind.DATADOG}, "datadog"),
    ],
)
def test_it_is_counted_from_the_source_of_its_kind(
    sources: dict[str, SourceKind] | None, source: str, tmp_path: Path
) -> None:
    result = _load(tmp_path, defaults=Defaults(sources=sources))
    assert result.errors == ()
    assert {slo.sli.source for slo in result.slos} == {source}


@pytest.mark.parametrize(
    ("formulas", "total", "shares", "part"),
    [
        (
            {"good_events_formula": {"formula": "query1"}, "total_events_formula": {"formula": "query1 + query2"}},
            "sum:ok{*}.as_count() + sum:failed{*}.as_count()",
            Events.GOOD,
            "sum:ok{*}.as_count()",
        ),
        (
            {"bad_events_formula": "query2", "total_events_formula": "query3"},
            "sum:all{*}.as_count()",
            Events.BAD,
            "sum:failed{*}.as_count()",
        ),
        (
            {"good_events_formula": "query1", "bad_events_formula": "query2"},
            "sum:ok{*}.as_count() + sum:failed{*}.as_count()",
            Events.BAD,
            "sum:failed{*}.as_count()",
        ),
    ],
)
def test_formulas_are_filled_in(
    formulas: dict[str, Any], total: str, shares: Events, part: str, tmp_path: Path
) -> None:
    result = _load(tmp_path, **_count(**formulas))
    assert result.errors == ()
    sli = result.slos[0].sli
    assert isinstance(sli, IntervalCounts)
    assert (sli.total, sli.shares, sli.part) == (total, shares, part)


@pytest.mark.parametrize(
    ("keys", "field"),
    [
        ({"type": "monitor"}, "data[0].type"),
        ({"type": "time_slice"}, "data[0].type"),
        ({"query": None}, "data[0]"),
        ({"query": {"numerator": "avg:a{*}", "denominator": "sum:a{*}.as_count()"}}, "data[0].query.numerator"),
        ({"thresholds": [{"timeframe": "custom", "target": 99}]}, "data[0].thresholds[0].timeframe"),
        ({"thresholds": [{"timeframe": "30d", "target": 100}]}, "data[0].thresholds[0].target"),
        (_count(good_events_formula="query1"), "data[0].sli_specification.count"),
    ],
)
def test_what_cannot_be_counted_is_refused_with_its_place(keys: dict[str, Any], field: str, tmp_path: Path) -> None:
    result = _load(tmp_path, **keys)
    assert [error.field for error in result.errors] == [field]


def test_they_are_converted_to_native_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`UPDATE_GOLDEN=1 pytest tests/documents/datadog` writes it again."""
    monkeypatch.chdir(tmp_path)
    grouped = {"numerator": "sum:a{x:y} by {pod-name}.as_count()", "denominator": "sum:a{*} by {pod-name}.as_count()"}
    slos = [_SLO, {**_SLO, "id": "77", "name": "Pods", "query": grouped, "thresholds": _SLO["thresholds"][1:]}]
    Path("slos.json").write_text(json.dumps({"data": slos}))
    converted = convert_documents(Path("slos.json"), defaults=Defaults())
    assert (converted.errors, converted.losses) == ((), ())
    assert_golden("convert-datadog.yaml", converted.files[0].text)
