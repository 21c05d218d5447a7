"""Gauges, expressions, time slices and composites on a real Prometheus and a real VictoriaMetrics.

Each sample counts once, also on the edges of slots and cells.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from testbed.openmetrics import create_blocks, import_into
from testbed.process import closed_port
from testbed.servers import prometheus, victoria_metrics
from testbed.traces import Samples
from testbed.waiting import wait_until
from tests.evaluation.faulty import connected
from tests.evaluation.memory import Floats
from tests.evaluation.plain import document, slos
from tests.evaluation.running import Running
from tests.evaluation.test_on_real_servers import Asked

HOUR, DAY = 3600, 86_400
END = 1_699_909_200
LIVED = 300
"""How long it is evaluated slot by slot."""
QUIET = "sum(rate(quiet_bad_total[5m])) / sum(rate(quiet_total[5m]))"


@contextmanager
def on_prometheus(samples: Sequence[Samples], folder: Path) -> Iterator[str]:
    create_blocks(samples, folder)
    with prometheus(folder) as server:
        yield server.url


@contextmanager
def on_victoria_metrics(samples: Sequence[Samples], folder: Path) -> Iterator[str]:
    with victoria_metrics(folder) as server:
        import_into(server, samples)
        yield server.url


Serve = Callable[[Sequence[Samples], Path], AbstractContextManager[str]]


def gauge(
    metric: str, instance: str, every_s: float, phase_s: float, value: Callable[[Floats], object], **labels: str
) -> Samples:
    """Four days of a gauge, its *value* by the time before the end in seconds."""
    times_s = np.arange(END - 4 * DAY + phase_s, END + HOUR, every_s)
    values = np.array(value(END - times_s)).astype(np.int64)
    return Samples(
        metric=metric,
        labels=(("instance", instance), ("job", "x"), *labels.items()),
        times_ms=np.rint(times_s * 1000).astype(np.int64),
        values=values,
    )


def counter(metric: str, each: Callable[[Floats], object], **labels: str) -> Samples:
    """A counter that grows by *each* at a scrape, and restarts five hours and seven seconds before the end."""
    one = gauge(metric, "a:80", 15.0, 0.0, each, **labels)
    values, restart = np.cumsum(one.values), int(np.searchsorted(one.times_ms, (END - 5 * HOUR - 7) * 1000))
    values[restart:] -= values[restart - 1]
    return Samples(metric=metric, labels=one.labels, times_ms=one.times_ms, values=values)


def generated() -> list[Samples]:
    """Samples on the edges of slots and cells and beside them; outages hours and days ago."""

    def up(ago_s: Floats) -> object:
        return ~(((ago_s > 2 * HOUR) & (ago_s < 2.5 * HOUR)) | ((ago_s > 80 * HOUR + 77) & (ago_s < 81 * HOUR)))

    def failing(ago_s: Floats) -> Floats:
        return np.where((ago_s > 2 * HOUR) & (ago_s < 2 * HOUR + 700), 4.0, 0.0)

    return [
        gauge("up", "a:80", 15.0, 0.0, up),
        gauge("up", "b:80", 15.0, 3.217, lambda ago_s: np.ones(len(ago_s))),
        counter("all_total", lambda ago_s: np.full(len(ago_s), 10.0)),
        counter("bad_total", failing),
        counter("load_seconds_count", lambda ago_s: np.full(len(ago_s), 10.0)),
        counter("load_seconds_bucket", lambda ago_s: 10.0 - failing(ago_s), le="0.3"),
        counter("quiet_total", lambda ago_s: ((ago_s < 2 * HOUR) | (ago_s > 3 * HOUR)) * 10.0),
        counter("quiet_bad_total", np.zeros_like),
        _until(gauge("probe", "a:80", 15.0, 0.0, lambda ago_s: np.ones(len(ago_s))), END - 10 * HOUR),
        gauge("probe", "b:80", 15.0, 5.0, lambda ago_s: np.ones(len(ago_s))),
        gauge("desired", "a:80", 30.0, 0.0, lambda ago_s: np.full(len(ago_s), 5.0)),
        gauge("unavailable", "a:80", 30.0, 0.0, lambda ago_s: ((ago_s > 30 * HOUR) & (ago_s < 31 * HOUR)) * 2.0),
    ]


def minutes(service: str, sli: dict[str, object]) -> dict[str, object]:
    """An SLO of minutes, which are good from 75% on."""
    slices = {"length": "1m", "target": 75}
    slo = {"name": "availability", "objective": 99.9, "window": "3d12h", "sli": sli, "time_slices": slices}
    return {"service": service, "slos": [slo]}


def step(service: str) -> dict[str, object]:
    return {"slo": f"{service}-availability", "target": 40}


def weighing(service: str, weight: float) -> dict[str, object]:
    return {"slo": f"{service}-availability", "weight": weight}


@pytest.mark.parametrize("serve", [on_prometheus, on_victoria_metrics])
def test_every_sample_of_the_history_counts_once(serve: Serve, tmp_path: Path) -> None:
    samples = generated()
    documents: list[dict[str, object]] = [
        document("instances", {"gauge": 'up{job="x"}'}, window="3d12h"),
        document("pods", {"gauge": {"total": "desired", "bad": "unavailable"}}, window="3d12h"),
        minutes("minutes", {"total": "all_total", "bad": "bad_total"}),
        # VictoriaMetrics has no native histograms: there the classic one is asked for alone.
        minutes("fast", {"histogram": "load_seconds", "threshold": 0.3}),
        document("absent", {"gauge": 'probe{job="x"}', "absent": "bad"}, window="3d12h"),
        document("quiet", {"bad_ratio": QUIET, "every": "1m"}, window="3d12h"),
        document("mean", {"good_ratio": 'avg(up{job="x"})', "every": "1m"}, window="3d12h"),
        document("requests", {"total": "all_total", "bad": "bad_total"}, objective=75, window="3d12h"),
        # One of the two instances is down at times: less than the target of 40%.
        document("journey", {"all_of": ["requests-availability", *map(step, ("minutes", "mean"))]}, window="3d12h"),
        document("mixed", {"weighted": [weighing("minutes", 3), weighing("requests", 1)]}, window="3d12h"),
        document("worst", {"worst_of": ["minutes-availability", "requests-availability"]}, window="3d12h"),
        document("sum", {"sum_of": [weighing("instances", 2), weighing("requests", 1)]}, window="3d12h"),
    ]
    with (
        serve(samples, tmp_path / "data") as url,
        connected(slos(documents, tmp_path / "slos"), url, tmp_path / "sloburn.db") as running,
    ):
        running.run(END - LIVED, END)
        running.backfill(END)
        for slo, total, bad in (("instances", "up", None), ("pods", "desired", "unavailable")):
            snapshot = running.snapshot(f"{slo}-availability")
            for window_s, shown in [
                (3.5 * DAY, (snapshot.total, snapshot.bad)),
                *((view.window.total_seconds(), (view.total, view.bad)) for view in snapshot.windows),
            ]:
                counted = [_within(one, window_s) for one in samples if one.metric == total]
                marked = [_within(one, window_s) for one in samples if one.metric == bad]
                if bad is None:
                    wanted = (sum(map(len, counted)), sum(int((values != 1).sum()) for values in counted))
                else:
                    wanted = (int(sum(values.sum() for values in counted)), int(sum(values.sum() for values in marked)))
                assert (slo, window_s, shown) == (slo, window_s, wanted)
            assert snapshot.coverage == pytest.approx(1.0, abs=1e-3)
        snapshot = running.snapshot("mean-availability")
        assert snapshot.total == 3.5 * DAY / 60
        assert snapshot.bad == pytest.approx(_mean_of_bad(samples, 3.5 * DAY))
        assert snapshot.coverage == pytest.approx(1.0, abs=1e-3)
        # An hour without traffic is measured: 0 / 0 is NaN in Prometheus, and nothing in VictoriaMetrics.
        snapshot = running.snapshot("quiet-availability")
        assert snapshot.total == pytest.approx(3.5 * DAY / 60 - 60, abs=6)
        assert snapshot.coverage == pytest.approx(1.0, abs=1e-3)
        snapshot = running.snapshot("absent-availability")
        # What has no marker of its end is there for up to 5 minutes, then bad up to an hour.
        assert 55 * 2 - 1 <= snapshot.bad <= 60 * 2
        assert snapshot.total == pytest.approx(2 * 3.5 * DAY / 30 - (9 * HOUR) / 30, abs=12)
        bad_minutes, shares = _bad_minutes(samples), _bad_shares(samples)
        for slo in ("minutes", "fast"):
            snapshot = running.snapshot(f"{slo}-availability")
            assert (slo, snapshot.total, snapshot.bad) == (slo, 3.5 * DAY / 60, bad_minutes)
        for slo, wanted_bad in (
            ("mixed", 0.75 * bad_minutes + 0.25 * sum(shares)),
            ("worst", bad_minutes + sum(share for share in shares if share <= 0.25)),
        ):
            snapshot = running.snapshot(f"{slo}-availability")
            assert (slo, snapshot.total) == (slo, 3.5 * DAY / 60)
            assert snapshot.bad == pytest.approx(wanted_bad)
        each = running.snapshot("instances-availability"), running.snapshot("requests-availability")
        snapshot = running.snapshot("sum-availability")
        assert snapshot.total == pytest.approx(2 * each[0].total + each[1].total, rel=1e-4)
        assert snapshot.bad == pytest.approx(2 * each[0].bad + each[1].bad, rel=1e-4)
        snapshot = running.snapshot("journey-availability")
        assert (snapshot.total, snapshot.bad) == (3.5 * DAY / 60, _bad_minutes(samples))
        assert snapshot.coverage == pytest.approx(1.0, abs=1e-3)
        assert not running.instruments.failures


def test_every_scrape_of_a_target_counts_once(tmp_path: Path) -> None:
    """Samples at the times of real scrapes: those of a target that is down, by `up` and by how long a scrape took."""
    documents = [
        document("gone", {"gauge": 'up{job="gone"}'}),
        document("quick", {"gauge": 'scrape_duration_seconds{job="gone"}', "good_when": ">= 0"}),
    ]
    scrape = [("gone", f"http://127.0.0.1:{closed_port()}/metrics")]
    with (
        prometheus(tmp_path / "data", scrape=scrape) as server,
        Running(slos(documents, tmp_path / "slos"), Asked(server.url), tmp_path / "sloburn.db") as running,
    ):
        wait_until(lambda: _scrapes(running, _slot_end()) >= 3, "three scrapes")
        # In the end of the present slot, so that nothing is waited for; scrapes go on meanwhile.
        at = _slot_end()
        fewest = _scrapes(running, at)
        running.tick(at)
        most = _scrapes(running, at)
        for slo, bad in (("gone", 1.0), ("quick", 0.0)):
            snapshot = running.snapshot(f"{slo}-availability")
            (view,) = (view for view in snapshot.windows if view.window.total_seconds() == 300)
            assert fewest <= view.total <= most
            assert view.bad == bad * view.total


def _slot_end() -> float:
    return (time.time() // 30 + 1) * 30


def _scrapes(running: Running, at: float) -> int:
    matrix = running.do(running.source.instant('up{job="gone"}[5m]', datetime.fromtimestamp(at, UTC)))
    return len(matrix.times)


def _until(one: Samples, end_s: float) -> Samples:
    kept = one.times_ms <= end_s * 1000
    return Samples(metric=one.metric, labels=one.labels, times_ms=one.times_ms[kept], values=one.values[kept])


def _bad_minutes(samples: Sequence[Samples]) -> int:
    """Minutes with more than a quarter of bad events."""
    return sum(share > 0.25 for share in _bad_shares(samples))


def _bad_shares(samples: Sequence[Samples]) -> list[float]:
    """The share of bad events in each minute that has some, by the increases of its scrapes."""
    (bad,) = (one for one in samples if one.metric == "bad_total")
    increases = np.maximum(np.diff(bad.values, prepend=0), 0)
    minute = np.ceil(bad.times_ms / 60_000)
    return [float(increases[minute == one].sum()) / 40 for one in np.unique(minute[increases > 0]).tolist()]


def _mean_of_bad(samples: Sequence[Samples], window_s: float) -> float:
    """The sum over all minutes of the share of instances that were down at its end, by their newest sample."""
    times_ms = np.arange(END - window_s + 60, END + 1, 60) * 1000
    instances = [one for one in samples if one.metric == "up"]
    newest = [one.values[np.searchsorted(one.times_ms, times_ms, side="right") - 1] for one in instances]
    return float((1.0 - np.mean(newest, axis=0)).sum())


def _within(one: Samples, window_s: float) -> Floats:
    since, until = np.searchsorted(one.times_ms, [(END - window_s) * 1000, END * 1000], side="right")
    return np.asarray(one.values, dtype=np.float64)[since:until]


def test_names_with_dots_are_asked_for_on_victoria_metrics(tmp_path: Path) -> None:
    """Where it does not read names in quotes, as MetricsQL has them; live and in history, by route."""
    times_ms = np.arange(END - HOUR, END + 60, 30, dtype=np.int64) * 1000
    samples = [
        Samples(
            metric="http.server.requests",
            labels=(("http.route", route), ("http.status", code), ("instance", "a:80"), ("job", "x")),
            times_ms=times_ms,
            values=np.arange(len(times_ms), dtype=np.int64) * each,
        )
        for route, code, each in (("/pay", "200", 9), ("/pay", "500", 1), ("/cart", "200", 5))
    ]
    total = '{"http.server.requests","http.status"!=""}'
    bad = total.replace('!=""', '=~"5.."')
    by_route = document("shop", {"total": total, "bad": bad}, window="1h", by=["http.route"])
    with (
        on_victoria_metrics(samples, tmp_path / "data") as url,
        Running(slos([by_route], tmp_path / "slos"), Asked(url), tmp_path / "sloburn.db") as running,
    ):
        running.run(END - 120, END, backfill=False)
        running.backfill(END)
        shown = {one.group: (one.total, one.bad, one.problems) for one in running.board.snapshots}
        # The first sample of the hour follows on none.
        of_pay, of_cart = (shown[("http.route", route),] for route in ("/pay", "/cart"))
        assert of_pay[:2] == pytest.approx((10 * HOUR / 30, HOUR / 30), abs=10)
        assert of_cart[:2] == pytest.approx((5 * HOUR / 30, 0), abs=5)
        assert of_pay[2] == ()
