"""Backtests of a time of which Prometheus has no samples any more."""

import asyncio
import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.past_metrics import StoredLedger
from app.replay import BacktestPlan, BacktestQuestion, backtest_document, run_backtest
from app.store import open_database_beside
from app.store.incident_notes import IncidentMark, set_mark
from tests.past_metrics.shop import DAY, HOUR, INCIDENT, NOW, SLO, shop_slos, shop_source
from tests.support.cli import app
from tests.support.incidents import burning, ended, record


def _found(document: dict[str, Any]) -> None:
    """What must be found of the incident ten days before, in cells of a quarter of an hour."""
    (slo,) = document["slos"]
    assert document["problems"] == []
    assert (slo["id"], document["resolution_seconds"]) == (SLO, 900)
    assert slo["measured_ratio"] == pytest.approx(1.0, abs=0.01)
    (incident,) = slo["incidents"]
    start = datetime.fromisoformat(incident["start"]).timestamp()
    assert start == pytest.approx(INCIDENT[0], abs=900)
    # Half of two hours of thirty days, at a hundredth.
    assert incident["spent"] == pytest.approx(50 * 2 / 720, rel=0.05)
    pages = [one for one in slo["rules"][0]["firings"] if one["severity"] == "page"]
    assert [one["right"] for one in pages] == [True]
    assert datetime.fromisoformat(pages[0]["start"]).timestamp() - INCIDENT[0] < HOUR


@pytest.mark.usefixtures("set_up")
def test_a_backtest_of_the_ledger_asks_no_prometheus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLOBURN_PROMETHEUS_URL", "http://127.0.0.1:1")
    flags = ["--source", "ledger", "--from", str(NOW - 14 * DAY), "--to", str(NOW), "--format", "json"]
    judged = CliRunner().invoke(app, ["backtest", *flags])
    assert judged.exit_code == 0, judged.output
    _found(json.loads(judged.stdout))


def test_what_prometheus_no_longer_has_comes_from_the_ledger(folder: Path, tmp_path: Path) -> None:
    watched = shop_slos(tmp_path / "slos")
    end = datetime.fromtimestamp(NOW, UTC)
    question = BacktestQuestion(start=end - timedelta(days=14), end=end)
    plan = BacktestPlan(slos=watched, documents=watched, question=question, interval_s=30)
    ledger = StoredLedger(f"sqlite:///{folder / 'db'}")
    sources = {"default": shop_source(incidents=(INCIDENT,), days=2.0)}
    result = asyncio.run(run_backtest(plan, sources, ledger=ledger))
    _found(backtest_document(result))
    alone = asyncio.run(run_backtest(plan, sources))
    assert alone.slos[0].measured < 0.2


def test_a_ledger_that_is_asked_for_and_missing_is_an_error(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLOBURN_SPECS", str(folder / "slos"))
    monkeypatch.setenv("SLOBURN_DATABASE_URL", f"sqlite:///{tmp_path / 'none'}")
    judged = CliRunner().invoke(app, ["backtest", "--source", "ledger"])
    assert judged.exit_code == 2
    assert "SLOBURN_DATABASE_URL" in judged.output


@pytest.mark.usefixtures("set_up")
def test_marks_on_past_alerts_are_the_incidents_of_the_command(folder: Path) -> None:
    begun = datetime.fromtimestamp(INCIDENT[0] + 300, UTC)
    page = burning(SLO, incident="i1", starts_at=begun)
    with (
        closing(open_database_beside(f"sqlite:///{folder / 'db'}")) as database,
        database.begin() as transaction,
    ):
        record(transaction, page, ended(page))
        set_mark(transaction, "i1", IncidentMark.USEFUL, at=begun)
    flags = ["--marks", "--source", "ledger", "--from", str(NOW - 14 * DAY), "--to", str(NOW), "--format", "json"]
    judged = CliRunner().invoke(app, ["backtest", *flags])
    assert judged.exit_code == 0, judged.output
    (slo,) = json.loads(judged.stdout)["slos"]
    assert [one["source"] for one in slo["incidents"]] == ["marked"]
    assert slo["rules"][0]["recall"] == 1.0
