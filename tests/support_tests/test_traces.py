"""The synthetic traces are what they claim: seeded, scraped, and true to the second."""

from pathlib import Path

import httpx
import numpy as np
import pytest

from testbed.openmetrics import create_blocks, import_into
from testbed.servers import prometheus, victoria_metrics
from testbed.trace_kinds import DAY, HOUR, KINDS, generate
from testbed.traces import EventCounts, Samples, Trace
from testbed.waiting import PATIENCE_S

END = 1_700_000_010


def events_seen(trace: Trace) -> EventCounts:
    """What the samples of a trace show when every counter is known to have begun at zero, unless it was carried in."""
    first_second = {samples.times_ms[0] for samples in trace.series if trace.service == "late-scraped"}

    def seen(code: str) -> int:
        runs = [samples for samples in trace.series if ("code", code) in samples.labels]
        return int(sum(run.values[-1] - (run.values[0] if run.times_ms[0] in first_second else 0) for run in runs))

    return EventCounts(seen("200"), seen("500"))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "histogram"])
def test_the_samples_show_the_truth_up_to_the_last_scrape(kind: str) -> None:
    [trace] = generate([kind], start=END - DAY, end=END)
    seen, true = events_seen(trace), trace.truth(trace.start, trace.end)
    unseen = trace.truth(trace.end - 60, trace.end)
    assert true.bad - unseen.bad <= seen.bad <= true.bad
    assert true.good - unseen.good <= seen.good <= true.good


def test_a_histogram_counts_fast_requests_in_the_bucket_of_its_threshold() -> None:
    [trace] = generate(["histogram"], start=END - HOUR, end=END)
    last = {samples.text: int(samples.values[-1]) for samples in trace.series if "web-0" in samples.text}
    bucket = next(value for text, value in last.items() if 'le="0.3"' in text)
    count = next(value for text, value in last.items() if "_count" in text)
    assert 0 < bucket < count


def test_the_same_seed_makes_the_same_traces_and_another_does_not() -> None:
    one, same, other = (list(generate(["churn"], start=END - HOUR, end=END, seed=seed).samples) for seed in (1, 1, 2))
    assert [run.values.tolist() for run in one] == [run.values.tolist() for run in same]
    assert [run.values.tolist() for run in one] != [run.values.tolist() for run in other]


def test_an_outage_leaves_no_samples_and_keeps_its_events_in_the_truth() -> None:
    [trace] = generate(["outage-45m"], start=END - DAY, end=END)
    gaps = [int(np.diff(samples.times_ms).max()) // 1000 for samples in trace.series]
    assert min(gaps) >= 44 * 60
    assert trace.truth(trace.start + int(0.83 * DAY), trace.start + int(0.83 * DAY) + 45 * 60).bad > 1000


def test_a_late_scraped_service_has_no_truth_before_its_first_scrape() -> None:
    [trace] = generate(["late-scraped"], start=END - DAY, end=END)
    first = min(int(samples.times_ms[0]) for samples in trace.series) // 1000
    assert trace.truth(trace.start, first).total == 0
    assert min(int(samples.values[0]) for samples in trace.series) > 10_000


def test_a_prometheus_over_the_blocks_answers_the_last_value(tmp_path: Path) -> None:
    traces = generate(["steady", "histogram"], start=END - 6 * HOUR, end=END)
    create_blocks(traces.samples, tmp_path / "data")
    with prometheus(tmp_path / "data") as server:
        for samples in traces.samples:
            assert _last_value(server.url, samples, END) == samples.values[-1]


def test_a_victoria_metrics_that_imported_them_answers_the_last_value(tmp_path: Path) -> None:
    traces = generate(["steady"], start=END - HOUR, end=END)
    with victoria_metrics(tmp_path / "data") as server:
        import_into(server, traces.samples)
        for samples in traces.samples:
            assert _last_value(server.url, samples, END) == samples.values[-1]


def _last_value(url: str, samples: Samples, at: int) -> float:
    query = {"query": samples.text, "time": str(at)}
    answer = httpx.post(f"{url}/api/v1/query", data=query, timeout=PATIENCE_S).json()
    return float(answer["data"]["result"][0]["value"][1])
