"""Durations and numbers that documents may have: the last that is allowed, and the first that is not."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from app.documents import LoadResult, lint, load_documents
from app.sli import Expression, GaugeOrAbsent
from testbed.service import write_documents

_BAD_EVENTS = {"total": "a_total", "bad": 'a_total{code="500"}'}


def _loaded(folder: Path, slo: Mapping[str, object]) -> LoadResult:
    """One SLO of bad events, over which *slo* is written."""
    one = {"name": "it", "objective": 99, "window": "30d", "sli": _BAD_EVENTS, **slo}
    return load_documents(write_documents([{"service": "shop", "slos": [one]}], folder))


@pytest.mark.parametrize(
    ("allowed", "refused"),
    [
        pytest.param({"window": "1h"}, {"window": "59m"}, id="rolling, short"),
        pytest.param({"window": "90d"}, {"window": "91d"}, id="rolling, long"),
        pytest.param(
            {"window": {"calendar": "day", "every": 366}}, {"window": {"calendar": "day", "every": 367}}, id="days"
        ),
        pytest.param(
            {"window": {"calendar": "month", "every": 12}}, {"window": {"calendar": "month", "every": 13}}, id="months"
        ),
        pytest.param(
            {"sli": {"gauge": "up", "absent": "bad", "absent_for": "24h"}},
            {"sli": {"gauge": "up", "absent": "bad", "absent_for": "25h"}},
            id="absence",
        ),
    ],
)
def test_a_document_may_go_up_to_a_limit_and_not_beyond(
    tmp_path: Path, allowed: dict[str, object], refused: dict[str, object]
) -> None:
    assert _loaded(tmp_path, allowed).errors == ()
    assert len(_loaded(tmp_path, refused).errors) == 1


def test_an_absent_series_is_bad_for_an_hour_by_default(tmp_path: Path) -> None:
    (slo,) = _loaded(tmp_path, {"sli": {"gauge": "up", "absent": "bad"}}).slos
    assert isinstance(slo.sli, Expression)
    assert isinstance(slo.sli.origin, GaugeOrAbsent)
    assert slo.sli.origin.absent_for == timedelta(hours=1)


@pytest.mark.parametrize(("objective", "warned"), [("99.99", False), ("99.997", False), ("99.998", True)])
def test_an_outage_of_less_than_a_minute_that_spends_the_budget_is_warned_of(
    tmp_path: Path, objective: str, *, warned: bool
) -> None:
    """Of a month, 0.0023% are a minute."""
    found = _loaded(tmp_path, {"objective": float(objective)})
    assert ("outage_spends_budget" in [warning.code for warning in lint(found.slos, found.places)]) is warned
