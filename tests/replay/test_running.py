"""A whole backtest over a Prometheus in memory, read sample by sample and in cells, and the command around it."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from app.documents import ProposedRules, read_proposed_rules
from app.replay import (
    TODAY,
    BacktestPlan,
    BacktestQuestion,
    BacktestResult,
    HistoryDetail,
    backtest_document,
    run_backtest,
)
from app.slo import Slo
from testbed.process import closed_port
from testbed.service import write_documents
from tests.evaluation.memory import MemorySource
from tests.evaluation.plain import availability, counter, requests, slos
from tests.support.cli import app

END_S = 1_800_000_000
END = datetime.fromtimestamp(END_S, UTC)
OUTAGE_S = END_S - 2 * 3600 + 40.0, END_S - 2 * 3600 + 640.0
TRIED = "alerting: {evidence: off, page: {tiers: [{long: 1h, short: 5m, factor: 14.4}]}, ticket: off}"


def source() -> MemorySource:
    """Two services with 20 requests a second, of which one fails for ten minutes."""
    span = (END_S - 10 * 3600.0, END_S)
    return MemorySource(
        [
            counter(requests(job, code), span, per_second=rate, bursts=bursts)
            for job, outages in (("checkout", [(OUTAGE_S, 20.0)]), ("search", []))
            for code, rate, bursts in (("200", 20.0, []), ("503", 0.001, outages))
        ]
    )


def backtested(watched: tuple[Slo, ...], detail: HistoryDetail) -> BacktestResult:
    """The last four hours by today's rules, proposed ones and those of others."""
    tried = read_proposed_rules(TRIED, Path("tried.yaml"), name="tried")
    assert isinstance(tried, ProposedRules)
    question = BacktestQuestion(start=END - timedelta(hours=4), end=END, timezone="Europe/Berlin")
    plan = BacktestPlan(
        slos=watched, documents=watched, question=question, interval_s=30, proposed=(tried,), detail=detail
    )
    shares: list[float] = []
    result = asyncio.run(run_backtest(plan, {"default": source()}, advanced=shares.append))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    return result


@pytest.mark.parametrize("detail", [HistoryDetail.RAW, HistoryDetail.CELLS])
def test_a_backtest_finds_the_outage_and_the_page(tmp_path: Path, detail: HistoryDetail) -> None:
    watched = slos([availability(job, window="30d") for job in ("checkout", "search")], tmp_path / "slos")
    result = backtested(watched, detail)
    assert result.problems == {}
    checkout, search = result.slos
    assert (len(checkout.incidents), len(search.incidents)) == (1, 0)
    # The hours in which a rule comes near its factor are read sample by sample, so that the page is not a cell later.
    (page,) = [one for one in checkout.outcomes[0].firings if one.firing.tier == "1h/5m"]
    assert 0 < page.firing.start.timestamp() - OUTAGE_S[0] <= 120
    assert page.is_right
    score = result.scores[TODAY]
    assert (score.pages, score.precision, score.recall) == (1, 1.0, 1.0)
    document = backtest_document(result)
    assert [rules["name"] for rules in document["rules"]][:3] == ["today", "tried", "workbook 1"]
    assert len(document["rules"]) == 10
    assert document["rules"][1]["pages"] == 1
    assert document["resolution_seconds"] == (30 if detail is HistoryDetail.RAW else 300)
    assert np.isclose(document["slos"][0]["measured_ratio"], 1.0, atol=0.02)


def test_what_is_counted_from_other_sources_is_a_problem_and_not_read_from_the_default_one(tmp_path: Path) -> None:
    """Also a composite, whose own source says nothing of its components'."""
    elsewhere = {**availability("search", window="30d"), "source": "eu"}
    components = {
        "mixed": ["checkout-availability", "search-availability"],
        "away": ["search-availability"],
        "here": ["checkout-availability"],
    }
    composites = [
        {"name": name, "objective": 99, "window": "30d", "sli": {"all_of": some}} for name, some in components.items()
    ]
    watched = slos(
        [availability("checkout", window="30d"), elsewhere, {"service": "shop", "slos": composites}], tmp_path / "slos"
    )
    result = backtested(watched, HistoryDetail.RAW)
    assert result.problems.keys() == {"search-availability", "shop-mixed", "shop-away"}
    assert all("source eu" in problem for problem in result.problems.values())
    assert {one.id for one in result.slos} == {"checkout-availability", "shop-here"}


def test_slos_that_are_read_some_at_a_time_are_judged_as_all_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = slos([availability(job, window="30d") for job in ("checkout", "search")], tmp_path / "slos")
    at_once = backtest_document(backtested(watched, HistoryDetail.CELLS))
    monkeypatch.setattr("app.replay.running._SLOS_AT_ONCE", 1)
    assert backtest_document(backtested(watched, HistoryDetail.CELLS)) == at_once


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["payments-availability"], "no SLO has the id 'payments-availability'"),
        (["--from", "2026-03-02T10:00:00"], "is not a time"),
        (["--from", "2026-03-02T10:00:00Z", "--to", "2026-03-01T10:00:00Z"], "before --to"),
        (["--timezone", "Berlin"], "is not a time zone"),
        (["--policy", "missing.yaml"], "cannot read missing.yaml"),
        (["--incidents", "incidents.csv"], "incidents.csv:2:1"),
    ],
)
def test_mistakes_keep_the_command_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "incidents.csv").write_text("start,end,slo\nyesterday,2026-03-02T10:00:00Z,checkout-availability\n")
    monkeypatch.setenv("SLOBURN_SPECS", str(write_documents([availability("checkout")], tmp_path / "slos")))
    done = CliRunner().invoke(app, ["backtest", *flags])
    assert done.exit_code == 2
    assert said in done.stderr.replace("\n", " ")


def test_without_prometheus_the_command_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLOBURN_SPECS", str(write_documents([availability("checkout")], tmp_path / "slos")))
    monkeypatch.setenv("SLOBURN_PROMETHEUS_URL", f"http://127.0.0.1:{closed_port()}")
    done = CliRunner().invoke(app, ["backtest", "--from", "2026-03-02T10:00:00Z", "--to", "2026-03-02T10:30:00Z"])
    assert done.exit_code == 1
    assert "cannot read history from Prometheus" in done.stderr
