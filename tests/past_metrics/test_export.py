"""`sloburn export`: from the database of a service into a real Prometheus, for the queries of the dashboards."""

import subprocess
from collections import Counter
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from typer.testing import CliRunner, Result

from testbed.servers import prometheus, promtool_binary
from testbed.service import write_documents
from tests.evaluation.plain import availability
from tests.past_metrics.shop import BEGAN, DAY, INCIDENT, NOW, SLO, drawn_budget
from tests.support.cli import app

_LABELS = ("--label", "job=sloburn", "--label", "instance=sloburn:9720")


def _export(*arguments: str | int | Path) -> Result:
    return CliRunner().invoke(app, ["export", "--openmetrics", *map(str, arguments)])


@pytest.mark.usefixtures("set_up")
def test_the_month_is_answered_by_a_prometheus_that_never_scraped_it(tmp_path: Path) -> None:
    file = tmp_path / "history.om"
    exported = _export(*_LABELS, "--from", BEGAN, "--to", NOW, "--step", "1h", "-o", file)
    assert exported.exit_code == 0, exported.output
    blocks = ["tsdb", "create-blocks-from", "--quiet", "--max-block-duration=162h", "openmetrics"]
    subprocess.run([promtool_binary(), *blocks, str(file), str(tmp_path / "data")], check=True, capture_output=True)
    with prometheus(tmp_path / "data") as server:
        values = drawn_budget(server.url)
    assert len(values) == 30 * 24 + 1
    assert max(value for at, value in values.items() if at > INCIDENT[1]) < 0.9
    assert min(value for at, value in values.items() if at < INCIDENT[0]) == pytest.approx(1.0)


@pytest.mark.usefixtures("set_up")
def test_the_evaluation_interval_is_that_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another service, or an operator's shell, has other settings."""
    monkeypatch.setenv("SLOBURN_EVALUATION_INTERVAL", "1m")
    exported = _export("--from", NOW - DAY, "--to", NOW, "--step", "1h")
    assert exported.exit_code == 0, exported.output
    assert "slo_error_budget_remaining_ratio{" in exported.stdout


@pytest.mark.usefixtures("set_up")
def test_slos_of_other_sources_are_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    documents = [availability("shop", objective=99, window="30d"), {**availability("search"), "source": "eu"}]
    monkeypatch.setenv("SLOBURN_SPECS", str(write_documents(documents, tmp_path / "slos")))
    exported = _export("--from", NOW - DAY, "--to", NOW, "--step", "1h")
    assert exported.exit_code == 0, exported.output
    assert f'slo="{SLO}"' in exported.stdout


@pytest.mark.usefixtures("set_up")
def test_what_is_written_is_openmetrics_with_the_labels_that_a_scrape_adds(folder: Path) -> None:
    exported = _export(*_LABELS, "--from", NOW - DAY, "--to", NOW, "--step", "15m", "--slo", SLO)
    assert exported.exit_code == 0, exported.output
    assert exported.stdout.endswith("# EOF\n")
    families = {family.name: family for family in parse_openmetrics(exported.stdout)}  # type: ignore[no-untyped-call]
    assert set(families) == {
        "slo_info",
        "slo_objective_ratio",
        "slo_sli_ratio",
        "slo_burn_rate",
        "slo_error_budget_consumed_ratio",
        "slo_error_budget_remaining_ratio",
        "slo_error_budget_month_remaining_ratio",
        "slo_events",
        "slo_coverage_ratio",
        "slo_alert_firing",
        "slo_alert_threshold",
        "slo_last_change_timestamp_seconds",
    }
    changes = families["slo_last_change_timestamp_seconds"].samples
    shown = Counter((sample.labels["version"], sample.value - NOW) for sample in changes)
    # The next one began before the next of the times; an older one was shown for two days.
    assert shown == {("v2", -7_200): 1, ("v3", -7_100): 8}
    samples = families["slo_coverage_ratio"].samples
    assert len(samples) == 97
    assert samples[0].labels == {
        "slo": SLO,
        "slo_service": "shop",
        "slo_name": "availability",
        "job": "sloburn",
        "instance": "sloburn:9720",
    }
    first, last = (float(samples[place].timestamp or 0) for place in (0, -1))
    assert [last - first, first % 900] == [96 * 900, 0]
    assert folder.joinpath("db").exists()


@pytest.mark.usefixtures("set_up")
@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--slo", "checkout"], "no SLO has the id 'checkout'; there are shop-availability"),
        (["--from", "yesterday"], "--from='yesterday' is not a time"),
        (["--from", str(NOW), "--to", str(NOW - DAY)], "must be before --to"),
        (["--from", str(NOW - 60), "--to", str(NOW - 30), "--step", "1h"], "write another step"),
        (["--from", str(NOW - 365 * DAY), "--to", str(NOW), "--step", "30s"], "write another step"),
        (["--label", "job"], "must be written as name=value"),
        (["--label", "__name__=up"], "must be written as name=value"),
    ],
)
def test_a_mistake_in_the_flags_ends_with_what_to_write(arguments: list[str], problem: str) -> None:
    exported = _export(*arguments)
    assert exported.exit_code == 2
    assert problem in " ".join(exported.stderr.split())


@pytest.mark.usefixtures("set_up")
def test_times_of_which_nothing_is_known_are_said(tmp_path: Path) -> None:
    file = tmp_path / "out.om"
    exported = _export("--from", NOW - 100 * DAY, "--to", NOW - 90 * DAY, "-o", file)
    assert exported.exit_code == 1
    assert "nothing is known of these SLOs at these times" in exported.stderr


def test_a_database_that_is_not_there_is_not_made(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLOBURN_DATABASE_URL", f"sqlite:///{tmp_path / 'none.db'}")
    monkeypatch.setenv("SLOBURN_SPECS", str(folder / "slos"))
    exported = _export()
    assert exported.exit_code == 2
    assert "there is no database" in exported.stderr
    assert list(tmp_path.iterdir()) == []
