"""Native histograms on a real Prometheus: live and from history alike, and as `histogram_fraction` has them."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx2
import numpy as np
import pytest

from app.sli import TimeSlices
from testbed.native_histograms import FLAGS, Histogram, exponential, remote_write
from testbed.servers import Server, prometheus
from tests.cli.test_check import codes, live_document
from tests.evaluation.faulty import connected
from tests.evaluation.plain import document, slos
from tests.evaluation.running import differences

HOUR, DAY = 3600, 86_400
END = 1_699_909_200
LIVED = 300
"""How long it is evaluated slot by slot."""
BOUNDS = (0.1, 0.25, 0.5, 1.0)
EXACT, BETWEEN = 0.25, 0.3
"""A power of two is a bound by every schema."""
TARGET = 50.3
"""In percent; no slice has so few events that its ratio is just that."""


@dataclass(slots=True)
class Process:
    """What one instance has observed since it began, and all that was ever observed, as scrapes show it."""

    instance: str
    custom: bool = False
    schema: int = 3
    _counts: Counter[int] = field(default_factory=Counter)
    samples: list[Histogram] = field(default_factory=list)
    fast: list[tuple[float, int, int]] = field(default_factory=list)

    def scrape(self, time_s: float, observed: Sequence[float]) -> None:
        """Observe and be scraped; unlike a histogram the truth knows every observation."""
        values = np.array(observed)
        if self.custom:
            indexes = np.searchsorted(BOUNDS, values, side="left")
        else:
            indexes = np.ceil(np.log2(values) * 2.0**self.schema - 1e-9).astype(np.int64)
        self._counts.update(indexes.tolist())
        self.samples.append(
            Histogram(
                time_ms=round(time_s * 1000),
                buckets=dict(self._counts),
                schema=-53 if self.custom else self.schema,
                bounds=BOUNDS if self.custom else (),
            )
        )
        self.fast.append((time_s, len(values), int((values <= EXACT).sum())))

    def widen(self) -> None:
        """Go on with buckets of twice the width."""
        self.schema -= 1
        widened: Counter[int] = Counter()
        for index, count in self._counts.items():
            widened[-(-index // 2)] += count
        self._counts = widened

    def restart(self) -> None:
        self._counts = Counter()
        self.schema = 3

    @property
    def labels(self) -> dict[str, str]:
        name = "custom_seconds" if self.custom else "native_seconds"
        return {"__name__": name, "instance": self.instance, "job": "x"}

    def within(self, window_s: float) -> tuple[int, int]:
        """All observations, and those of at most `EXACT`, of the scrapes in the window."""
        mine = [(total, fast) for time_s, total, fast in self.fast if END - window_s < time_s <= END]
        return sum(total for total, _ in mine), sum(fast for _, fast in mine)


def observed(custom: bool) -> list[Process]:
    """Four days of two instances: one widens its buckets, restarts, and widens them again; the other has a gap."""
    chance = np.random.default_rng(52)
    found = []
    for number, instance in enumerate(("a:80", "b:80")):
        process = Process(instance=instance, custom=custom)
        recent = END - 2400
        times = [*range(END - 4 * DAY + 7 * number, recent, 300), *range(recent + 7 * number, END, 30)]
        for time_s in times:
            ago = END - time_s
            if instance == "a:80":
                if ago == 5 * HOUR:
                    process.restart()
                if not custom and ago in {70 * HOUR, 4 * HOUR, HOUR, 150}:
                    process.widen()
            elif 50 * HOUR < ago < 51 * HOUR:
                continue
            slow = 1.2 if ago < 3 * HOUR else 0.0
            process.scrape(time_s, chance.lognormal(-1.8 + slow, 0.9, size=chance.integers(5, 40)).tolist())
        found.append(process)
    return found


def recent() -> list[Histogram]:
    """Samples of the last minutes, and of the next ones, as tests may take a while."""
    now_ms, observed = int(time.time() * 1000), np.array([0.1, 0.2, 0.3, 0.4])
    return [exponential(now_ms + step * 30_000, np.tile(observed, step + 11), 3) for step in range(-10, 17)]


def is_three(server: Server) -> bool:
    build = httpx2.get(f"{server.url}/api/v1/status/buildinfo", trust_env=False, timeout=180).json()
    return not build["data"]["version"].startswith("2.")


@dataclass(frozen=True, slots=True)
class Named:
    """Names as OpenTelemetry has them, with dots where the server can have such: Prometheus 3."""

    requests: str
    up: str
    duration: str
    route: str

    @classmethod
    def of(cls, three: bool) -> "Named":
        names = ("http.server.requests", "process.up", "http.server.request.duration", "http.route")
        return cls(*(name if three else name.replace(".", "_") for name in names))

    def series(self, process: Process) -> list[tuple[dict[str, str], Sequence[Histogram | tuple[int, float]]]]:
        """Half a day of ten requests a minute on each of two routes, of which one fails at times, and of their process.

        The histogram has the samples of another one.
        """
        minutes = range(720)
        times_ms = [(END - 60 * ago) * 1000 for ago in reversed(minutes)]
        own = {"instance": "a:80", "job": "x"}
        found: list[tuple[dict[str, str], Sequence[Histogram | tuple[int, float]]]] = [
            (
                {"__name__": self.requests, self.route: route, "code": code, **own},
                [(time_ms, float(each * number)) for number, time_ms in enumerate(times_ms)],
            )
            for route, code, each in (("/pay", "200", 9), ("/pay", "500", 1), ("/cart", "200", 10))
        ]
        found.append(({"__name__": self.up, **own}, [(time_ms, float(time_ms % 600_000 > 0)) for time_ms in times_ms]))
        return [*found, ({"__name__": self.duration, **own}, process.samples)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A server with the histograms of some processes."""

    url: str
    processes: list[Process]
    custom: bool
    exponential: bool
    named: Named

    def fraction(self, metric: str, threshold: float) -> float:
        """What Prometheus makes of the newest ten minutes."""
        return self.value(f"histogram_fraction(-Inf, {threshold}, sum(rate({metric}[10m])))")

    def value(self, query: str) -> float:
        """The one value of a query at the end."""
        answer = httpx2.get(f"{self.url}/api/v1/query", params={"query": query, "time": END}, trust_env=False).json()
        return float(answer["data"]["result"][0]["value"][1])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with prometheus(tmp_path_factory.mktemp("native") / "data", flags=FLAGS) as server:
        # Prometheus 2 has no custom buckets, and interpolates linearly between exponential ones.
        three = is_three(server)
        processes = [process for custom in ((False, True) if three else (False,)) for process in observed(custom)]
        named = Named.of(three)
        written = [(process.labels, process.samples) for process in processes]
        remote_write(server, [*written, *named.series(processes[0])])
        remote_write(server, [({"__name__": "recent_seconds", "instance": "a:80", "job": "x"}, recent())])
        yield Served(url=server.url, processes=processes, custom=three, exponential=three, named=named)


def test_live_and_history_are_the_truth_at_a_bound_of_the_buckets(served: Served, tmp_path: Path) -> None:
    metrics = ["native_seconds", *(["custom_seconds"] if served.custom else [])]
    documents = [
        document(f"{metric}-{threshold}", {"histogram": metric, "threshold": threshold}, objective=90, window="3d12h")
        for metric in metrics
        for threshold in (EXACT, BETWEEN)
    ]
    loaded = slos(documents, tmp_path / "slos")
    with (
        connected(loaded, served.url, tmp_path / "live.db") as live,
        connected(loaded, served.url, tmp_path / "fresh.db") as fresh,
    ):
        live.run(END - LIVED, END)
        live.backfill(END)
        fresh.tick(END)
        fresh.backfill(END)
        for metric in metrics:
            mine = [process for process in served.processes if process.labels["__name__"] == metric]
            for running in (live, fresh):
                snapshot = running.snapshot(f"{metric}-{EXACT}-availability")
                for window_s, shown in [
                    (3.5 * DAY, (snapshot.total, snapshot.bad)),
                    *((view.window.total_seconds(), (view.total, view.bad)) for view in snapshot.windows),
                ]:
                    counts = [process.within(window_s) for process in mine]
                    total, fast = (sum(column) for column in zip(*counts, strict=True))
                    assert shown == pytest.approx((total, total - fast)), (metric, window_s)
        assert differences(live.figures, fresh.figures) == {}
        assert not live.instruments.failures
        for metric in metrics:
            snapshot = live.snapshot(f"{metric}-{BETWEEN}-availability")
            (view,) = (view for view in snapshot.windows if view.window.total_seconds() == 1800)
            wanted = 1 - served.fraction(metric, BETWEEN)
            assert view.bad / view.total == pytest.approx(wanted, abs=0.05)


def test_slices_and_rules_read_native_histograms(served: Served, tmp_path: Path) -> None:
    """Slices of five minutes through changes of resolution and a restart; rules as `histogram_fraction` has it."""
    metrics = ["native_seconds", *(["custom_seconds"] if served.custom else [])]
    documents: list[dict[str, object]] = [
        {
            "service": metric,
            "slos": [
                {
                    "name": "fast",
                    "objective": 90,
                    "window": "6h",
                    "sli": {"histogram": metric, "threshold": EXACT},
                    "time_slices": {"length": "5m", "target": TARGET},
                }
            ],
        }
        for metric in metrics
    ]
    loaded = slos(documents, tmp_path / "slos")
    with connected(loaded, served.url, tmp_path / "sloburn.db") as running:
        running.tick(END)
        running.backfill(END)
        for metric in metrics:
            snapshot = running.snapshot(f"{metric}-fast")
            mine = [process for process in served.processes if process.labels["__name__"] == metric]
            assert (snapshot.total, snapshot.bad) == (72, sum(_is_bad_slice(mine, number) for number in range(72)))
            sli = snapshot.slo.sli
            assert isinstance(sli, TimeSlices)
            ratio = sli.of.including_native().error_ratio(timedelta(minutes=10))
            assert served.value(ratio) == pytest.approx(1 - served.fraction(metric, EXACT), abs=1e-6)
            assert served.value(sli.including_native().error_ratio(timedelta(hours=1))) >= 0
        assert not running.instruments.failures


def _is_bad_slice(processes: Sequence[Process], number: int) -> bool:
    """Whether a slice of five minutes, counted from the end, is below the target."""
    end = END - number * 300
    counts = [(total, fast) for one in processes for time_s, total, fast in one.fast if end - 300 < time_s <= end]
    total, fast = (sum(column) for column in zip(*counts, strict=True))
    return bool(fast / total < TARGET / 100)


def test_names_of_opentelemetry_count_live_and_in_history(served: Served, tmp_path: Path) -> None:
    """Counters by route, a gauge and a histogram, on Prometheus 3 with dots in their names."""
    named = served.named
    requests = f'"{named.requests}"'
    counters: dict[str, object] = {"total": f"{{{requests}}}", "bad": f'{{{requests}, code="500"}}'}
    documents = [
        document("shop", counters, objective=90, window="6h", by=[named.route]),
        document("process", {"gauge": f'{{"{named.up}"}}'}, objective=50, window="6h"),
        document("latency", {"histogram": named.duration, "threshold": EXACT}, objective=50, window="6h"),
    ]
    loaded = slos(documents, tmp_path / "slos")
    pay, cart = routes = [f"shop-availability:{named.route}={route}" for route in ("/pay", "/cart")]
    with connected(loaded, served.url, tmp_path / "sloburn.db") as running:
        running.run(END - LIVED, END)
        running.backfill(END)
        shown = {
            slo: (snapshot.total, snapshot.bad)
            for slo in (*routes, "process-availability", "latency-availability")
            for snapshot in (running.snapshot(slo),)
        }
        total, fast = served.processes[0].within(6 * HOUR)
        assert shown == {
            pay: (3600, 360),
            cart: (3600, 0),
            "process-availability": (360, 36),
            "latency-availability": pytest.approx((total, total - fast)),
        }
        assert not running.instruments.failures


def test_a_check_says_between_which_bounds_a_threshold_lies(served: Served, tmp_path: Path) -> None:
    """And nothing of series that only a classic histogram would have."""
    found = {
        threshold: live_document(served.url, tmp_path, f"{{histogram: recent_seconds, threshold: {threshold}}}")
        for threshold in (EXACT, BETWEEN)
    }
    for checked in found.values():
        assert (checked["errors"], checked["warnings"]) == ([], [])
    assert "threshold_interpolated" not in codes(found[EXACT]["hints"])
    (hint,) = [one for one in found[BETWEEN]["hints"] if one["code"] == "threshold_interpolated"]
    assert "it is between 0.297302 and 0.32421" in hint["problem"]
    assert "25.00% of the events" in hint["problem"]
