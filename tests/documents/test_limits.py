"""Durations and numbers that documents may have: the last that is allowed, and the first that is not."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from app.documents import LoadResult, lint, load_documents
from app.sli import Expression, GaugeOrAbsent
from app.slo import Severity
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
        pytest.param({"labels": {"team": "x" * 1_024}}, {"labels": {"team": "x" * 1_025}}, id="labels"),
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


def test_no_alert_has_more_text_than_is_shown_of_it(tmp_path: Path) -> None:
    """It would be copied for each receiver of each alert, and pages would wait until all of it is written."""
    annotations = {f"long{number}": "x" * 50_000 for number in range(50)} | {"runbook_url": "https://r/" + "x" * 1_000}
    alerting = {"annotations": annotations, "page": {"annotations": {"more": "y" * 9_000}}}
    (found,) = _loaded(tmp_path, {"description": "z" * 100_000, "alerting": alerting}).slos
    shown = dict(found.alerting.annotations)
    assert sum(map(len, shown.values())) <= 65_536
    assert shown["runbook_url"] == annotations["runbook_url"]
    assert min(map(len, shown.values())) > 1_000
    assert found.description == "z" * 8_191 + "…"
    page = found.alerting.policy(Severity.PAGE)
    assert page is not None
    assert dict(page.annotations) == {"more": "y" * 8_191 + "…"}
