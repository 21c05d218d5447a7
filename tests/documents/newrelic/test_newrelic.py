"""Service levels of New Relic, as NerdGraph answers them, by hand from its documentation."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.documents import Defaults, LoadResult, load_documents
from app.documents.conversion import convert_documents
from app.sli import IntervalCounts
from app.slo import Events
from tests.support.golden import assert_golden

_INDICATOR: dict[str, Any] = {
    "id": "42",
    "guid": "MTIzfEVYVHw",
    "name": "Success",
    "description": "Requests succeed.",
    "entityGuid": "x",
    "createdAt": 1,
    "events": {
        "account": {"id": 4711},
        "validEvents": {"from": "Transaction", "where": "appName = 'shop'", "select": {"function": "COUNT"}},
        "badEvents": {"from": "TransactionError", "where": "appName = 'shop' AND error.expected IS FALSE"},
        "goodEvents": None,
    },
    "objectives": [
        {"name": None, "target": 99.5, "timeWindow": {"rolling": {"count": 28, "unit": "DAY"}}},
        {"target": 99, "timeWindow": {"rolling": {"count": 7, "unit": "DAY"}}},
    ],
    "resultQueries": {"indicator": {"nrql": "SELECT 1"}},
}


def _answer(*indicators: dict[str, Any]) -> str:
    entity = {"name": "shop", "guid": "x", "serviceLevel": {"indicators": list(indicators)}}
    return json.dumps({"data": {"actor": {"entity": entity}}})


def _load(folder: Path, **keys: Any) -> LoadResult:
    (folder / "levels.json").write_text(_answer({**_INDICATOR, **keys}))
    return load_documents(folder)


def test_each_objective_is_an_slo_of_its_window(tmp_path: Path) -> None:
    result = _load(tmp_path)
    assert result.errors == ()
    month, week = result.slos
    assert (month.id, month.service, month.name, str(month.window)) == ("MTIzfEVYVHw", "shop", "Success", "28d")
    assert (week.id, str(week.window), week.objective) == ("MTIzfEVYVHw-7d", "7d", 0.99)
    assert isinstance(month.sli, IntervalCounts)
    assert (month.sli.source, month.sli.total, month.sli.shares, month.sli.part) == (
        "newrelic",
        "SELECT count(*) FROM Transaction WHERE appName = 'shop'",
        Events.BAD,
        "SELECT count(*) FROM TransactionError WHERE appName = 'shop' AND error.expected IS FALSE",
    )


def _events(**keys: Any) -> dict[str, Any]:
    return {"events": {**_INDICATOR["events"], **keys}}


_CDF = {"from": "Metric", "select": {"function": "GET_CDF_COUNT", "attribute": "a", "threshold": 1}}


@pytest.mark.parametrize(
    ("keys", "field"),
    [
        (_events(badEvents=None), "events"),
        (_events(badEvents=_CDF), "events.badEvents.select"),
        (_events(badEvents={"from": "Log", "where": "a = 1 LIMIT 5"}), "events.badEvents.where"),
        (
            {"objectives": [{"target": 99, "timeWindow": {"rolling": {"count": 1, "unit": "WEEK"}}}]},
            "objectives[0].timeWindow.rolling.unit",
        ),
    ],
)
def test_what_cannot_be_counted_is_refused_with_its_place(keys: dict[str, Any], field: str, tmp_path: Path) -> None:
    result = _load(tmp_path, **keys)
    assert [error.field for error in result.errors] == [f"data.actor.entity.serviceLevel.indicators[0].{field}"]


def test_they_are_converted_to_native_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`UPDATE_GOLDEN=1 pytest tests/documents/newrelic` writes it again."""
    monkeypatch.chdir(tmp_path)
    summed = {"from": "Metric", "where": "metricName = 'bytes'", "select": {"function": "SUM", "attribute": "bytes"}}
    second = {
        **_INDICATOR,
        "guid": "b",
        "name": "Bytes",
        **_events(validEvents=summed, badEvents=None, goodEvents=summed),
    }
    second["objectives"] = _INDICATOR["objectives"][:1]
    Path("levels.json").write_text(_answer(_INDICATOR, second))
    converted = convert_documents(Path("levels.json"), defaults=Defaults())
    assert (converted.errors, converted.losses) == ((), ())
    assert_golden("convert-newrelic.yaml", converted.files[0].text)
