import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner, Result

from app.documents import NAMES
from testbed.fault_proxy import Edit, FaultProxy
from testbed.process import closed_port
from testbed.servers import prometheus
from testbed.waiting import wait_until
from tests.support.cli import app

GOOD = """
service: checkout
slos:
  - name: availability
    objective: 99.9
    window: 30d
    sli:
      total: http_requests_total{job="checkout"}
      bad: http_requests_total{job="checkout", code=~"5.."}
"""
BAD = GOOD.replace("99.9", "100").replace("window: 30d", "window: 30 days")
REQUESTS = "prometheus_http_requests_total"
SUSPICIOUS = GOOD.replace("http_requests_total", "temperature")


def check(*args: str | Path) -> Result:
    """The command over documents that need neither a runbook nor a receiver."""
    return CliRunner().invoke(app, ["check", "--ignore", "no-runbook", "--ignore", "no-receiver", *map(str, args)])


def write(folder: Path, text: str, name: str = "slos.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_good_documents_are_praised(tmp_path: Path) -> None:
    result = check(write(tmp_path, GOOD))

    assert result.exit_code == 0
    assert "1 file, 1 SLO: 0 errors, 0 warnings" in result.stderr
    assert result.stdout == (
        'checkout-availability: counters: all events http_requests_total{job="checkout"}; '
        'bad events http_requests_total{code=~"5..",job="checkout"}\n'
    )


@pytest.mark.parametrize(
    ("sli", "counted"),
    [
        ("{good: a_total, total: a_total + b_total}", "all events b_total + a_total; bad events b_total"),
        ("{good: a_total - b_total, total: a_total}", "all events a_total; bad events b_total"),
        ("{good: \"a_total{code='200'}\", total: a_total}", 'all events a_total; good events a_total{code="200"}'),
    ],
)
def test_an_sli_is_shown_by_its_total_its_part_and_its_groups(sli: str, counted: str, tmp_path: Path) -> None:
    slo = f"{{name: a, objective: 99, window: 30d, by: [handler], sli: {sli}}}"
    result = check(write(tmp_path, f"service: s\nslos:\n  - {slo}\n"))
    assert result.stdout == f"s-a: counters: {counted}; by handler\n"


def test_an_agreement_is_shown_with_its_buffer(tmp_path: Path) -> None:
    path = write(
        tmp_path, GOOD.replace("    window: 30d", "    window: 30d\n    sla: {contract: 99.5%, penalty_free: 0.1}")
    )
    assert check(path).stdout.endswith("; SLA 99.5% (penalty below 99.4%), buffer 0.4 percentage points\n")
    (counted,) = json.loads(check(path, "--format", "json").stdout)["slis"]
    assert counted["sla"] == {"contract": 0.995, "penalty_below": 0.994, "buffer": 0.004}


def test_a_warning_is_printed_with_its_name_by_which_it_is_turned_off(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    command = ["check", str(path), "--strict"]

    result = CliRunner().invoke(app, command)

    assert result.exit_code == 3
    assert f"{path}:4:11: warning: checkout-availability: its page has no runbook" in result.stderr
    assert result.stderr.splitlines()[0].endswith(" [no_runbook]")
    assert CliRunner().invoke(app, [*command, "--ignore", "no_runbook"]).exit_code == 0
    assert CliRunner().invoke(app, [*command, "--ignore", "no_runbok"]).exit_code == 2
    write(tmp_path, f"# sloburn: ignore=no-runbook\n{GOOD}")
    assert CliRunner().invoke(app, command).exit_code == 0


def test_every_error_is_told_with_its_place(tmp_path: Path) -> None:
    path = write(tmp_path, BAD)

    result = check(path)

    assert result.exit_code == 1
    assert f"{path}:5:" in result.stderr
    assert f"{path}:6:" in result.stderr
    assert "error: slos[0].objective: " in result.stderr
    assert "2 errors" in result.stderr


def test_warnings_count_when_strict(tmp_path: Path) -> None:
    path = write(tmp_path, SUSPICIOUS)

    assert check(path).exit_code == 0
    assert check(path, "--strict").exit_code == 3
    assert "warning: " in check(path).stderr


def test_machines_get_json(tmp_path: Path) -> None:
    path = write(tmp_path, BAD)

    result = check(path, "--format", "json")

    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert document["ok"] is False
    assert [error["line"] for error in document["errors"]] == [5, 6]
    assert json.loads(check(write(tmp_path, GOOD), "--format", "json").stdout) == {
        "ok": True,
        "files": [str(path)],
        "slos": ["checkout-availability"],
        "slis": [
            {
                "slo": "checkout-availability",
                "kind": "counters",
                "reason": "its queries are sums of counters, of which every increase is counted",
                "counted": [
                    {"events": "all events", "query": 'http_requests_total{job="checkout"}'},
                    {"events": "bad events", "query": 'http_requests_total{code=~"5..",job="checkout"}'},
                ],
            }
        ],
        "policies": [],
        "errors": [],
        "warnings": [],
        "hints": [],
    }


def test_a_path_that_does_not_exist_is_an_error_in_one_line(tmp_path: Path) -> None:
    result = check(tmp_path / "nowhere.yaml")

    assert result.exit_code == 2
    assert "nowhere.yaml: error: there is no such file" in result.stderr


def test_what_keeps_it_from_starting_ends_with_2(tmp_path: Path) -> None:
    """A setting, or a file that is named and not there; errors in a file that is there end with 1."""
    good = write(tmp_path, GOOD)
    assert check(good, "--config", tmp_path / "none.yaml").exit_code == 2
    assert check(good, "--live", "--prometheus-url", "prometheus:9090").exit_code == 2
    assert check(good, "--format", "xml").exit_code == 2
    (tmp_path / "receivers.yaml").write_text("receivers: [{name: a}]")
    assert check(good, "--config", tmp_path / "receivers.yaml").exit_code == 1


def test_a_prometheus_that_does_not_answer_is_said(tmp_path: Path) -> None:
    result = check("--live", "--prometheus-url", f"http://127.0.0.1:{closed_port()}", write(tmp_path, GOOD))

    assert result.exit_code == 1
    assert "sloburn: cannot check against Prometheus: " in result.stderr
    assert "--prometheus-url or SLOBURN_PROMETHEUS_URL" in result.stderr
    assert "Traceback" not in result.output


@pytest.fixture
def prometheus_url(_prometheus_url: str, patient_check: None) -> str:  # noqa: ARG001  it waits while this is asked
    return _prometheus_url


@pytest.fixture(scope="module")
def _prometheus_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that keeps ten days and scrapes another, as the job "self"."""
    with prometheus(tmp_path_factory.mktemp("scraped")) as scraped:
        scrape = [("self", f"{scraped.url}/metrics")]
        with prometheus(tmp_path_factory.mktemp("asked"), scrape=scrape, retention="10d") as server:
            _wait_for_series(server.url)
            yield server.url


def _wait_for_series(url: str) -> None:
    with httpx2.Client(base_url=url, timeout=60) as http:
        for query in ("prometheus_http_request_duration_seconds_count", REQUESTS, "up"):
            wait_until(lambda query=query: _found(http, query), f"series of {query}")  # type: ignore[misc]


def _found(http: httpx2.Client, query: str) -> bool:
    """Whether two scrapes have found it, so that it has a pace."""
    answer = http.get("/api/v1/query", params={"query": f"count_over_time({query}[1m]) >= 2"})
    return bool(answer.json()["data"]["result"])


def live(url: str, folder: Path, sli: str, *more: str) -> list[str]:
    document = live_document(url, folder, sli, *more)
    assert document["errors"] == []
    return [warning["problem"].removeprefix("self-x: ") for warning in document["warnings"]]


def live_document(url: str, folder: Path, sli: str, *more: str) -> dict[str, Any]:
    lines = ["service: self", "slos:", "  - name: x", "    objective: 99", "    window: 7d", *more, f"    sli: {sli}"]
    result = check("--live", "--prometheus-url", url, "--format", "json", write(folder, "\n".join(lines)))
    document: dict[str, Any] = json.loads(result.stdout)
    assert {*codes(document["warnings"]), *codes(document["hints"])} <= NAMES.keys()
    return document


def test_series_that_are_there_raise_no_doubt(prometheus_url: str, tmp_path: Path) -> None:
    sli = "{total: prometheus_http_requests_total, bad: 'prometheus_http_requests_total{code=\"599\"}'}"

    assert live(prometheus_url, tmp_path, sli) == []


def test_series_that_do_not_exist_are_told_with_the_selector(prometheus_url: str, tmp_path: Path) -> None:
    sli = '{total: \'nothing_total{job="self"}\', bad: \'nothing_total{job="self", code="500"}\'}'

    assert live(prometheus_url, tmp_path, sli) == ['no series match nothing_total{job="self"}']


def test_bad_events_of_a_metric_that_nobody_knows_are_told(prometheus_url: str, tmp_path: Path) -> None:
    sli = "{total: prometheus_http_requests_total, bad: nothing_total}"

    assert live(prometheus_url, tmp_path, sli) == ["no series match nothing_total"]


def test_a_threshold_between_two_buckets_is_an_error_that_names_both(prometheus_url: str, tmp_path: Path) -> None:
    sli = "{histogram: prometheus_http_request_duration_seconds, threshold: 333ms}"

    (error,) = live_document(prometheus_url, tmp_path, sli)["errors"]

    assert error["code"] == "bucket_missing"
    assert "between those at 0.2 and 0.4" in error["problem"]
    assert error["remedy"].startswith("write 0.2 or 0.4")


def test_a_threshold_below_all_buckets_is_told_with_the_buckets(prometheus_url: str, tmp_path: Path) -> None:
    sli = "{total: prometheus_http_request_duration_seconds_count, "
    sli += "good: 'prometheus_http_request_duration_seconds_bucket{le=\"0.01\"}'}"

    (problem,) = live(prometheus_url, tmp_path, sli)

    assert problem == 'prometheus_http_request_duration_seconds_bucket has no bucket le="0.01"'


def test_answers_with_partial_data_are_told_with_the_setting(prometheus_url: str, tmp_path: Path) -> None:
    sli = "{total: prometheus_http_requests_total, bad: 'prometheus_http_requests_total{code=\"599\"}'}"
    text = "\n".join(["service: self", "slos:", f"  - {{name: x, objective: 99, window: 7d, sli: {sli}}}"])

    def with_warning(body: bytes) -> bytes:
        return json.dumps({**json.loads(body), "warnings": ["remote_read: connection refused"]}).encode()

    with FaultProxy(prometheus_url) as proxy:
        proxy.fault = Edit(change=with_warning)
        result = check("--live", "--prometheus-url", proxy.url, "--format", "json", write(tmp_path, text))

    (warning,) = json.loads(result.stdout)["warnings"]
    assert "remote_read: connection refused" in warning["problem"]
    assert "SLOBURN_PROMETHEUS_PARTIAL" in warning["remedy"]


def test_a_retention_shorter_than_the_window_is_told(prometheus_url: str, tmp_path: Path) -> None:
    text = GOOD.replace("http_requests_total", "prometheus_http_requests_total").replace('job="checkout"', 'job="self"')

    result = check("--live", "--strict", "--prometheus-url", prometheus_url, write(tmp_path, text))

    assert result.exit_code == 0, "no document can change how long Prometheus keeps its samples"
    assert "Prometheus keeps samples for 10d, the SLO looks back 30d" in result.stderr


def test_a_short_retention_is_told_once_for_all_slos(prometheus_url: str, tmp_path: Path) -> None:
    sli = "{total: prometheus_http_requests_total, bad: 'prometheus_http_requests_total{code=\"599\"}'}"
    windows = (("week", "7d"), ("month", "30d"), ("two-months", "60d"))
    lines = [f"  - {{name: {name}, objective: 99, window: {window}, sli: {sli}}}" for name, window in windows]
    path = write(tmp_path, "\n".join(["service: self", "slos:", *lines]))
    result = check("--live", "--prometheus-url", prometheus_url, "--format", "json", path)

    (hint,) = (one for one in json.loads(result.stdout)["hints"] if one["code"] == "short_retention")
    assert hint["problem"].endswith("2 SLOs look back up to 60d")


def test_series_without_the_label_of_the_group_are_told(prometheus_url: str, tmp_path: Path) -> None:
    sli = "{total: prometheus_http_requests_total, bad: 'prometheus_http_requests_total{code=\"500\"}'}"

    (problem,) = live(prometheus_url, tmp_path, sli, "    by: [route]")

    assert problem.endswith("series of total have no label route")


def codes(found: list[dict[str, Any]]) -> list[str]:
    return [one["code"] for one in found]


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ('status="500"', f"no series of {REQUESTS} has the label status; its labels are code, handler, instance, job"),
        ('code=~"5xx"', 'none matches {code=~"5xx"}'),
        ('code="200 "', 'none matches {code="200 "}'),
        # Not 5..: a Prometheus that starts slowly answers 503 to those who ask whether it is ready.
        ('code=~"59."', "normal for a service without errors"),
    ],
)
def test_bad_events_that_no_series_counts_are_a_hint_that_says_why(
    bad: str, why: str, prometheus_url: str, tmp_path: Path
) -> None:
    """It may be a service without errors, so it does not count, not with --strict either."""
    document = live_document(prometheus_url, tmp_path, f"{{total: {REQUESTS}, bad: '{REQUESTS}{{{bad}}}'}}")

    assert codes(document["hints"]) == ["bad_never_matched"]
    assert why in document["hints"][0]["remedy"]
    assert codes(document["warnings"]) == (["space_in_value"] if " " in bad else [])
    assert document["ok"]


@pytest.mark.parametrize("name", ["go_goroutines", "up"])
def test_a_gauge_is_an_error(name: str, prometheus_url: str, tmp_path: Path) -> None:
    document = live_document(prometheus_url, tmp_path, f"{{total: {name}, bad: '{name}{{job=\"none\"}}'}}")

    assert codes(document["errors"]) == ["gauge"]
    assert f"{name} is a gauge" in document["errors"][0]["problem"]


@pytest.mark.parametrize(
    ("sli", "errors", "warnings"),
    [
        ("{gauge: up}", [], []),
        ("{gauge: go_goroutines, good_when: '< 10000'}", [], []),
        ("{gauge: prometheus_http_requests_total}", ["counter"], ["counter_as_gauge"]),
        ("{gauge: {total: go_goroutines, bad: nothing_here}}", [], ["no_series"]),
        ("{bad_ratio: '1 - avg(up)', every: 1m}", [], []),
        ("{good_ratio: avg(nothing_here)}", [], ["no_series"]),
        ("{bad_ratio: sum by (instance) (up), total: count(up)}", [], []),
    ],
)
def test_gauges_and_expressions_are_asked_for(
    sli: str, errors: list[str], warnings: list[str], prometheus_url: str, tmp_path: Path
) -> None:
    document = live_document(prometheus_url, tmp_path, sli)

    assert (codes(document["errors"]), codes(document["warnings"])) == (errors, warnings)


def test_a_name_that_metadata_calls_a_counter_is_fine(prometheus_url: str, tmp_path: Path) -> None:
    """Without Prometheus it is doubtful, with it `--strict` passes."""
    sli = "{total: prometheus_tsdb_head_max_time, bad: prometheus_tsdb_head_max_time}"
    gauge = live_document(prometheus_url, tmp_path, sli)
    assert "counter_name" not in codes(gauge["warnings"])
    assert codes(gauge["errors"]) == ["gauge"]


def test_sums_and_good_and_bad_that_are_swapped_are_hints(prometheus_url: str, tmp_path: Path) -> None:
    sums = "prometheus_http_request_duration_seconds_sum"
    of_sum = live_document(prometheus_url, tmp_path, f"{{total: {sums}, bad: '{sums}{{handler=\"/none\"}}'}}")

    assert "sum_of_values" in codes(of_sum["hints"])


def test_bad_events_outside_the_total_are_told(prometheus_url: str, tmp_path: Path) -> None:
    queries = "prometheus_engine_query_duration_seconds_count"
    sli = f"{{total: '{queries}{{slice=\"inner_eval\"}}', bad: '{queries}{{slice=~\"queue.*\"}}'}}"

    assert "outside_total" in codes(live_document(prometheus_url, tmp_path, sli)["warnings"])


def test_a_latency_bucket_as_bad_is_an_error_that_says_what_it_counts(tmp_path: Path) -> None:
    text = GOOD.replace('http_requests_total{job="checkout", code=~"5.."}', 'http_seconds_bucket{le="0.5"}')
    document = json.loads(check(write(tmp_path, text), "--format", "json").stdout)

    assert codes(document["errors"]) == ["bucket_as_bad"]
    assert "counts the fast events" in document["errors"][0]["problem"]
    assert "threshold: 0.5" in document["errors"][0]["remedy"]


HOOK = "webhook: {url: http://127.0.0.1:9/}"
RECEIVERS = f"receivers: [{{name: oncall, {HOOK}}}, {{name: mail, {HOOK}}}]\n"
ONCALL = "routes: [{match: {severity: page}, receivers: [oncall]}]\n"


@pytest.mark.parametrize(
    ("config", "codes"),
    [
        (RECEIVERS, []),
        (RECEIVERS + ONCALL + "default: [mail]", ["page_without_fallback"]),
        (RECEIVERS.replace("oncall,", "oncall, fallback: mail,") + ONCALL + "default: [mail]", []),
        (RECEIVERS + "default: []", ["page_without_receiver"]),
        ("receivers: [{name: am, alertmanager: {urls: [http://127.0.0.1:9/]}}]", []),
        ("receivers: []", []),
    ],
    ids=["two receivers", "one receiver", "one with a fallback", "none", "an Alertmanager", "none are configured"],
)
def test_pages_that_reach_no_receiver_or_depend_on_one_are_said(tmp_path: Path, config: str, codes: list[str]) -> None:
    file = write(tmp_path, config, "sloburn.yaml")
    found = json.loads(check(write(tmp_path, GOOD), "--config", file, "--format", "json").stdout)
    assert found["ok"]
    assert [each["code"] for each in (*found["warnings"], *found["hints"])] == codes
    assert all("checkout-availability" in each["problem"] for each in (*found["warnings"], *found["hints"]))


@pytest.mark.parametrize(
    ("document", "codes"), [(GOOD, ["no_receiver"]), (GOOD + "    alerting: {page: off}\n", [])], ids=["pages", "none"]
)
def test_pages_without_anybody_to_send_them_to_are_a_hint(tmp_path: Path, document: str, codes: list[str]) -> None:
    slos = write(tmp_path, document)
    arguments = ["check", str(slos), "--config", os.devnull, "--ignore", "no-runbook", "--format", "json"]
    found = json.loads(CliRunner().invoke(app, arguments).stdout)
    assert (found["errors"], [hint["code"] for hint in found["hints"]]) == ([], codes)


def test_what_is_said_of_several_slos_in_the_same_words_is_one_line(tmp_path: Path) -> None:
    names = [f"n{i}" for i in range(12)]
    slos = [f"{{name: {name}, objective: 99, window: 30d, sli: {{total: a_total, bad: b_total}}}}" for name in names]
    file = write(tmp_path, f"service: a\nslos: [{', '.join(slos)}]\n")
    lines = CliRunner().invoke(app, ["check", str(file)]).stderr.splitlines()
    (line,) = (line for line in lines if line.endswith("[no_runbook]"))
    assert line.startswith(f"{file}:2:15: warning: a-n0, a-n1, ")
    assert ", a-n9 and 2 more: its page has no runbook" in line


def test_a_line_is_no_emoji(tmp_path: Path) -> None:
    """Rich would make a sign of `:100:`, which is where editors jump to."""
    file = write(tmp_path, "\n" * 99 + "service: a b\nslos: []\n")
    assert f"{file}:100:" in check(file).stderr
