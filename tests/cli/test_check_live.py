"""What `check --live` says of metrics as people have them: odd names, gauges, rare scrapes, half a histogram."""

import doctest
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import numpy as np
import pytest
from typing_extensions import override

from app.cli import live_figures
from testbed.openmetrics import create_blocks
from testbed.process import closed_port
from testbed.servers import prometheus
from testbed.traces import Samples
from testbed.waiting import wait_until
from tests.cli.test_check import check, codes, live_document, write

EXPOSITION = """
# TYPE requests counter
requests{{code="200"}} {now}
requests{{code="500"}} 1
# TYPE queue_depth gauge
queue_depth{{state="late"}} {depth}
queue_depth{{state="due"}} 7
"""


def test_the_examples_hold() -> None:
    assert doctest.testmod(live_figures).failed == 0


class _Exporter(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        text = EXPOSITION.format(now=time.time() * 10, depth=int(time.time() * 7) % 5)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(text.encode())

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def _scraping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that scrapes an exporter, so that it knows the types of its metrics."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Exporter) as exporter:
        threading.Thread(target=exporter.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{exporter.server_port}/metrics"
        with prometheus(tmp_path_factory.mktemp("scraping"), scrape=[("self", url)]) as server:
            with httpx2.Client(base_url=server.url, timeout=60) as http:
                wait_until(lambda: http.get("/api/v1/metadata", params={"metric": "requests"}).json()["data"])
                newest = {"query": "count_over_time(requests[1m]) >= 2"}
                wait_until(lambda: http.get("/api/v1/query", params=newest).json()["data"]["result"])
            yield server.url
        exporter.shutdown()


def series(name: str, every_s: int, values: np.ndarray, **labels: str) -> Samples:
    """The newest *values* of a series, scraped until half an hour from now, as tests may take a while."""
    end_ms = int(time.time() + 1800) * 1000
    times_ms = end_ms - 1000 * every_s * np.arange(len(values))[::-1]
    return Samples(metric=name, labels=tuple(labels.items()), times_ms=times_ms, values=values)


@pytest.fixture
def scraping(_scraping: str, patient_check: None) -> str:  # noqa: ARG001  it waits while this is asked
    return _scraping


@pytest.fixture
def imported(_imported: str, patient_check: None) -> str:  # noqa: ARG001  it waits while this is asked
    return _imported


@pytest.fixture(scope="module")
def _imported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus with imported samples only: it knows no types."""
    up, noise = np.arange(0, 6000, 60), np.random.default_rng(3).integers(0, 9, 100)
    samples = [
        series("rare_total", 300, up, code="200"),
        series("rare_total", 300, up, code="500"),
        series("mixed_total", 300, up),
        # The labels of the other, and one more.
        series("mixed_total", 300, up * 0.01, code="500"),
        series("half_count", 60, up, instance="a"),
        series("half_bucket", 60, up, instance="a", le="0.3"),
        series("half_bucket", 60, up, instance="a", le="0.5"),
        series("half_bucket", 60, up, instance="a", le="+Inf"),
        series("half_count", 60, up, instance="b"),
        series("half_bucket", 60, up, instance="b", le="0.5"),
        series("odd_count", 60, up),
        series("odd_bucket", 60, up, le="00.300"),
        series("odd_bucket", 60, up, le="+Inf"),
        series("wobbling", 60, noise, state="late"),
        # Nine days, one event in five minutes, a tenth of them bad.
        series("slow_total", 300, np.arange(0, 9 * 288) * 0.9, code="200"),
        series("slow_total", 300, np.arange(0, 9 * 288) * 0.1, code="500"),
        *(series("wide_total", 60, up[:60], user=str(user)) for user in range(120)),
        *(series("share_total", 60, np.arange(100) * 100 * share, of=str(share)) for share in (100, 103, 101, 51, 49)),
    ]
    data_dir = tmp_path_factory.mktemp("imported")
    create_blocks(samples, data_dir)
    with prometheus(data_dir) as server:
        yield server.url


def test_a_counter_without_total_in_its_name_passes_strict(scraping: str, tmp_path: Path) -> None:
    """Metadata calls it a counter; without Prometheus its name is a warning."""
    text = (
        "service: self\nslos:\n  - name: x\n    objective: 99\n    window: 7d\n"
        "    sli: {total: requests, bad: 'requests{code=\"500\"}'}\n"
    )
    path = write(tmp_path, text)

    assert check("--strict", path).exit_code == 3
    result = check("--strict", "--live", "--prometheus-url", scraping, path)
    assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize("server", ["scraping", "imported"])
def test_a_gauge_is_refused_by_metadata_or_by_behaviour(
    server: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url, name = request.getfixturevalue(server), {"scraping": "queue_depth", "imported": "wobbling"}[server]
    document = live_document(url, tmp_path, f"{{total: {name}, bad: '{name}{{state=\"late\"}}'}}")

    assert codes(document["errors"]) == ["gauge"]
    assert not document["ok"]


@pytest.mark.parametrize("name", ["rare_total", "mixed_total"])
def test_scrapes_too_rare_for_the_short_windows_are_told(name: str, imported: str, tmp_path: Path) -> None:
    document = live_document(imported, tmp_path, f"{{total: {name}, bad: '{name}{{code=\"500\"}}'}}")

    assert codes(document["warnings"]) == ["scraped_seldom"]
    assert "every 300 s" in document["warnings"][0]["problem"]
    assert "10m" in document["warnings"][0]["remedy"]


def test_an_instance_without_the_bucket_is_told_with_the_buckets_that_exist(imported: str, tmp_path: Path) -> None:
    document = live_document(imported, tmp_path, "{histogram: half, threshold: 0.3}")

    (warning,) = document["warnings"]
    assert warning["code"] == "bucket_missing"
    assert '1 series of half_count have no bucket le="0.3"' in warning["problem"]
    assert warning["remedy"] == "write one of 0.3, 0.5"


def test_a_threshold_above_all_buckets_names_none_in_which_everything_is_good(imported: str, tmp_path: Path) -> None:
    document = live_document(imported, tmp_path, "{histogram: half, selector: {instance: a}, threshold: 300}")

    (error,) = document["errors"]
    assert (error["code"], error["remedy"][:14]) == ("bucket_missing", "write 0.3, 0.5")


def test_a_bound_that_the_client_writes_otherwise_is_told_with_what_to_write(imported: str, tmp_path: Path) -> None:
    """nginx-lua-prometheus pads bounds with zeros, so that they sort."""
    document = live_document(imported, tmp_path, "{histogram: odd, threshold: 300ms}")
    (finding,) = (one for one in document["warnings"] + document["errors"] if one["code"] == "bucket_missing")
    assert 'good: odd_bucket{le="00.300"}' in finding["remedy"]

    document = live_document(imported, tmp_path, "{total: odd_count, good: 'odd_bucket{le=\"00.300\"}'}")
    assert "bucket_missing" not in codes(document["warnings"] + document["errors"])


def test_good_events_above_the_total_are_told(imported: str, tmp_path: Path) -> None:
    document = live_document(imported, tmp_path, "{total: 'rare_total{code=\"200\"}', good: half_count}")

    assert "good_exceeds_total" in codes(document["warnings"])


def test_mostly_bad_events_hint_at_good_and_bad_being_swapped(imported: str, tmp_path: Path) -> None:
    document = live_document(imported, tmp_path, "{total: half_count, bad: 'half_count{instance=~\"a|b\"}'}")

    assert "mostly_bad" in codes(document["hints"])


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ("good: 'share_total{of=\"103\"}'", "good_exceeds_total"),
        # What counters that are scraped apart may differ by.
        ("good: 'share_total{of=\"101\"}'", None),
        ("bad: 'share_total{of=\"51\"}'", "mostly_bad"),
        ("bad: 'share_total{of=\"49\"}'", None),
    ],
)
def test_shares_of_the_last_day_are_told_from_a_bound_on(
    part: str, code: str | None, imported: str, tmp_path: Path
) -> None:
    document = live_document(imported, tmp_path, f"{{total: 'share_total{{of=\"100\"}}', {part}}}")

    found = {*codes(document["warnings"]), *codes(document["hints"])} & {"good_exceeds_total", "mostly_bad"}
    assert found == ({code} if code else set())


@pytest.mark.parametrize(
    ("bad", "exit_code", "why"),
    [
        ('slow_total{code="5xx"}', 3, "code has status codes such as 200"),
        ('slow_total{status="500"}', 3, "no series of slow_total has the label status"),
        # A code that may come with the first error, and an SLI of less than six hours.
        ('slow_total{code="503"}', 0, "normal for a service without errors"),
        ('half_count{status="500"}', 0, "normal for a service without errors"),
        # Of expressions, which have a value all the same.
        ('bad_ratio: sum(rate(slow_total{code="5xx"}[1h])) / sum(rate(slow_total[1h])) or vector(0)', 3, "such as 200"),
        (
            'bad_ratio: sum(rate(slow_total{code="503"}[1h])) / sum(rate(slow_total[1h])) or vector(0)',
            0,
            "without errors",
        ),
    ],
)
def test_what_bad_cannot_match_is_a_warning_once_there_is_traffic_for_hours(
    bad: str, exit_code: int, why: str, imported: str, tmp_path: Path
) -> None:
    """As the running service has it."""
    name, _, ratio = bad.partition(": ")
    sli = f"{{{name}: '{ratio}', every: 1m}}" if ratio else f"{{total: {bad.partition('{')[0]}, bad: '{bad}'}}"
    text = f"service: self\nslos:\n  - name: x\n    objective: 80\n    window: 7d\n    sli: {sli}\n"
    ignored = ("--ignore", "scraped_seldom")
    options = ("--strict", "--live", "--prometheus-url", imported, "--format", "json", *ignored)
    result = check(*options, write(tmp_path, text))
    document = json.loads(result.stdout)
    level = "warnings" if exit_code else "hints"
    (found,) = [one for one in document[level] if one["code"] == "bad_never_matched"]
    assert why in found["remedy"]
    assert (result.exit_code, codes(document["warnings"])) == (exit_code, ["bad_never_matched"] if exit_code else [])


def test_what_happens_in_time_slices_is_looked_at(imported: str, tmp_path: Path) -> None:
    """Slices have no query of their own that could be asked."""
    text = (
        "service: self\nslos:\n  - name: x\n    objective: 99\n    window: 7d\n"
        "    time_slices: {length: 5m, target: 95}\n"
        "    sli: {total: 'rare_total{code=\"201\"}', bad: 'rare_total{code=\"500\"}'}\n"
    )
    result = check("--live", "--prometheus-url", imported, "--format", "json", write(tmp_path, text))

    document = json.loads(result.stdout)
    assert not document["errors"]
    assert "no_series" in codes(document["warnings"])


def test_a_total_that_matches_nothing_is_told_with_the_values_that_exist(imported: str, tmp_path: Path) -> None:
    document = live_document(imported, tmp_path, "{total: 'rare_total{code=\"201\"}', bad: 'rare_total{code=\"201\"}'}")

    (warning,) = [one for one in document["warnings"] if one["code"] == "no_series"]
    assert warning["remedy"] == 'the values of code are 200, 500; none matches {code="201"}'


def test_an_error_in_one_slo_hides_nothing_of_the_others(imported: str, tmp_path: Path) -> None:
    wrong, gauge = "{total: rare_total, bad: 'avg(rare_total)'}", "{total: wobbling, bad: 'wobbling{state=\"late\"}'}"
    lines = [
        f"  - {{name: {name}, objective: 99, window: 7d, sli: {sli}}}" for name, sli in (("a", wrong), ("b", gauge))
    ]
    path = write(tmp_path, "\n".join(["service: self", "slos:", *lines]))
    result = check("--live", "--prometheus-url", imported, "--format", "json", path)

    errors = json.loads(result.stdout)["errors"]
    assert [one["field"] for one in errors] == ["slos[0].sli.bad", ""]
    assert codes(errors)[1] == "gauge"
    assert result.exit_code == 1


def test_a_source_that_does_not_answer_hides_nothing_of_the_others(imported: str, tmp_path: Path) -> None:
    config = tmp_path / "sloburn.yaml"
    away = f"http://127.0.0.1:{closed_port()}"
    config.write_text(f"sources: [{{name: eu, url: '{away}'}}, {{name: us, url: '{imported}'}}]\n")
    gauge = "{total: wobbling, bad: 'wobbling{state=\"late\"}'}"
    lines = [f"  - {{name: {name}, source: {name}, objective: 99, window: 7d, sli: {gauge}}}" for name in ("eu", "us")]
    lines.append(f"  - {{name: all, source: [us, eu], objective: 99, window: 7d, sli: {gauge}}}")
    lines.append("  - {name: journey, objective: 99, window: 7d, sli: {worst_of: [self-all]}}")
    path = write(tmp_path, "\n".join(["service: self", "slos:", *lines]))
    result = check("--live", "--config", config, "--format", "json", path)

    errors = {(one["subject"], one["code"]): one["problem"] for one in json.loads(result.stdout)["errors"]}
    # The default source is none of these: nothing asks for it.
    assert errors.keys() == {("self-eu", "source_unanswered"), ("self-us", "gauge"), ("self-all", "gauge")}
    assert errors["self-all", "gauge"].startswith("source us: ")
    assert result.exit_code == 1


_SLOW = "sli: {total: slow_total, bad: 'slow_total{code=\"500\"}'}"


def test_an_objective_above_history_and_a_budget_of_less_than_an_event_are_told(imported: str, tmp_path: Path) -> None:
    """Of 2,016 events a week a tenth is bad, and 99.99% allow 0.2."""
    text = f"service: self\nslos:\n  - {{name: x, objective: 99.99, window: 7d, {_SLOW}}}\n"
    path = write(tmp_path, text)

    document = json.loads(check("--live", "--prometheus-url", imported, path, "--format", "json").stdout)

    problems = {one["code"]: one["problem"] for one in document["warnings"]}
    assert problems.keys() == {"scraped_seldom", "objective_above_history", "budget_below_one_event"}
    over = "over the last 7d 90% of the events were good, and 99.99% are promised"
    assert over in problems["objective_above_history"]
    assert "at 2,016 events a week the error budget of it allows less" in problems["budget_below_one_event"]
    (figures,) = document["live"]
    assert (figures["slo"], figures["metrics"], figures["series"], figures["groups"]) == ("self-x", "counter", 2, None)
    week_s = 7 * 86_400.0
    assert (figures["scraped_every_s"], figures["history"], figures["over"]) == (300.0, week_s, week_s)
    assert figures["events_a_day"] == pytest.approx(288, abs=1)
    assert figures["sli"] == pytest.approx(0.9, abs=0.001)
    assert figures["budget_remaining"] == pytest.approx(-999, rel=0.01)


def test_figures_of_every_slo_are_a_table(imported: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a narrow terminal they are a line for each SLO."""
    slos = [f"{{name: x, objective: 80, window: 7d, {_SLOW}}}"]
    slos += ["{name: y, objective: 80, window: 1d, by: [instance], sli: {total: half_count, bad: nothing_total}}"]
    slos += ["{name: g, objective: 80, window: 7d, sli: {gauge: wobbling, good_when: '< 4'}}"]
    slos += ["{name: h, objective: 80, window: 1d, sli: {histogram: half, threshold: 0.5}}"]
    slos += ["{name: e, objective: 80, window: 1d, sli: {bad_ratio: avg(half_count) * 0 + 0.5, every: 1m}}"]
    slos += ["{name: c, objective: 80, window: 1d, sli: {all_of: [self-x, self-h]}}"]
    text = "\n".join(["service: self", "slos:", *(f"  - {slo}" for slo in slos)])

    path = write(tmp_path, text)
    monkeypatch.setenv("COLUMNS", "200")
    result = check("--live", "--prometheus-url", imported, path)

    lines = [line.split() for line in result.stdout.splitlines()]
    rows = {words[0]: words[1:] for words in lines if words and ":" not in words[0]}
    assert rows["self-x"] == ["counter", "2", "–", "300s", "5m", "7d", "of", "7d", "288", "90%", "50%"]  # noqa: RUF001
    assert rows["self-y"][:3] == ["counter", "2", "2"]
    assert rows["self-g"][0] == "gauge"
    assert rows["self-h"][0] == "histogram"
    assert rows["self-e"][0] == "expression"
    assert rows["self-c"][:2] == ["composite", "–"]  # noqa: RUF001
    monkeypatch.setenv("COLUMNS", "80")
    narrow = check("--live", "--prometheus-url", imported, path).stdout
    assert "self-x: metrics counter, series 2, " in narrow
    assert "history 7d of 7d, events/day 288, SLI 90%, budget 50%" in narrow
    assert "self-c: no figures" in narrow.splitlines()
    assert "–" not in narrow  # noqa: RUF001


def test_many_groups_are_told(imported: str, tmp_path: Path) -> None:
    sli = "{total: wide_total, bad: 'wide_total{code=\"500\"}'}"
    document = live_document(imported, tmp_path, sli, "    by: [user]")
    assert "high_cardinality" in codes(document["warnings"])
    assert document["live"][0]["groups"] == 120
