"""Many series where one might be expected, twins that differ in their name only, more groups than can be (Q9, Q17)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from app.ingest.series.tracked_slis import MOST_GROUPS
from testbed.openmetrics import create_blocks
from testbed.servers import prometheus
from testbed.traces import Samples
from tests.evaluation.memory import Series
from tests.evaluation.plain import availability, counter, document, requests, slos
from tests.evaluation.running import Running
from tests.evaluation.test_on_real_servers import Asked

HOUR = 3600
END = 1_700_000_100
BEGIN = END - 3 * HOUR
TICKED_S = 600


def samples_of(series: Iterable[Any]) -> list[Samples]:
    """Series in memory as samples that servers take."""
    return [
        Samples(
            metric=one.labels["__name__"],
            labels=tuple((label, value) for label, value in sorted(one.labels.items()) if label != "__name__"),
            times_ms=np.round(one.times * 1000).astype(np.int64),
            values=one.values.astype(np.int64),
        )
        for one in series
    ]


@contextmanager
def _on_prometheus(series: Iterable[Any], documents: Sequence[Mapping[str, Any]], folder: Path) -> Iterator[Running]:
    """What a service shows after ten minutes over real data."""
    create_blocks(samples_of(series), folder / "prometheus")
    with prometheus(folder / "prometheus") as server:
        loaded = slos([dict(one) for one in documents], folder / "slos")
        with Running(loaded, Asked(server.url), folder / "live.db") as live:
            live.tick(END - TICKED_S)
            live.backfill(END - TICKED_S)
            live.run(END - TICKED_S, END)
            yield live


def test_all_series_of_a_selector_count_whatever_their_number_and_name(tmp_path: Path) -> None:
    """Three instances add up; two metrics that differ in their name only are two; each `by` value is one of its own."""
    span = (BEGIN, END + 60)
    several = [counter(requests("several", instance=f"api-{n}:80"), span, per_second=1.0 + n) for n in range(3)]
    twins = [
        counter({"__name__": name, "job": "twins"}, span, per_second=per_second)
        for name, per_second in (("http_requests_total", 1.0), ("grpc_requests_total", 2.0))
    ]
    routes = [counter(requests("routes", route=route), span, per_second=per_second) for route, per_second in
              (("/pay", 1.0), ("/cart", 2.0))]  # fmt: skip
    names = '{__name__=~"http_requests_total|grpc_requests_total",job="twins"'
    documents = [
        availability("several"),
        document("twins", {"total": names + "}", "bad": names + ',code="500"}'}),
        availability("routes", by=["route"]),
    ]
    with _on_prometheus([*several, *twins, *routes], documents, tmp_path) as live:
        wanted = {
            "several-availability": 6.0,
            "twins-availability": 3.0,
            "routes-availability:route=/pay": 1.0,
            "routes-availability:route=/cart": 2.0,
        }
        assert {one.id for one in live.board.snapshots} == set(wanted)
        for slo_id, per_second in wanted.items():
            for window in ("5m", "1h", "2h"):
                total, _, coverage = live.figures[f"{slo_id} {_length(live, window)}"]
                assert coverage == pytest.approx(1.0)
                assert total == pytest.approx(per_second * _SECONDS[window], rel=0.02)


def test_groups_are_capped_by_us_and_not_by_a_limit_of_the_server(tmp_path: Path) -> None:
    """Prometheus 2.42 answers all it has, whatever `limit` says; we take five hundred members and say so."""
    span = (END - HOUR, END + 60)
    routes = MOST_GROUPS + 100
    series = [counter(requests("web", route=f"/{number:04}"), span) for number in range(routes)]
    with _on_prometheus(series, [availability("web", by=["route"])], tmp_path) as live:
        assert isinstance(live.source, Asked)
        if _version(live.source.url) < (2, 50):
            asked = {
                "match[]": 'http_requests_total{job="web"}',
                "limit": "1",
                "start": str(END - 600),
                "end": str(END),
            }
            found = httpx.get(f"{live.source.url}/api/v1/series", params=asked, trust_env=False).json()
            assert len(found["data"]) == routes
        assert len(live.board.snapshots) == MOST_GROUPS
        assert any(
            "more than" in (one.problem or "") or str(MOST_GROUPS) in (one.problem or "")
            for one in live.board.snapshots
        )


_SECONDS = {"5m": 300, "1h": HOUR, "2h": 2 * HOUR}


def _length(live: Running, window: str) -> str:
    return next(
        str(view.window) for view in live.board.snapshots[0].windows if view.window.total_seconds() == _SECONDS[window]
    )


def _version(url: str) -> tuple[int, ...]:
    info = httpx.get(f"{url}/api/v1/status/buildinfo", trust_env=False).json()
    return tuple(int(part) for part in info["data"]["version"].split(".")[:2])


def test_starts_of_processes_and_series_are_asked_for(tmp_path: Path) -> None:
    """Pods that served for minutes before their first scrape, a thousand errors in one scrape; in history and live."""
    series = [counter(requests(job), (BEGIN, END + 60)) for job in ("pods", "errors")]
    for number, began in enumerate((END - 2 * HOUR, END - 420)):
        instance, first = f"pod-{number}:80", began + 180.0
        times = np.arange(first, END + 60, 30)
        labels = {"job": "pods", "instance": instance}
        start = {"__name__": "process_start_time_seconds", **labels}
        series += [
            Series(labels=requests("pods", instance=instance), times=times, values=np.floor(10 * (times - began))),
            Series(labels=start, times=times, values=np.full(len(times), began)),
        ]
        failed = requests("errors", "500", route=f"/{number}")
        series += [
            Series(labels=failed, times=times, values=np.full(len(times), 1000.0 + 700 * number)),
            Series(
                labels={**failed, "__name__": "http_requests_created"},
                times=times,
                values=np.full(len(times), first - 10),
            ),
        ]
    with _on_prometheus(series, [availability("pods"), availability("errors")], tmp_path) as live:
        # The slot in which the first scrape of the younger pod becomes final.
        live.run(END, END + 30)
        hour, two_hours = (live.figures[f"pods-availability {_length(live, window)}"] for window in ("1h", "2h"))
        assert hour[0] == pytest.approx(HOUR + 10 * HOUR + 10 * 450, abs=400)
        assert two_hours[0] == pytest.approx(2 * HOUR + 10 * 2 * HOUR + 10 * 450, abs=400)
        errors = [live.figures[f"errors-availability {_length(live, window)}"][1] for window in ("1h", "2h")]
        assert errors == [1700, 2700]
