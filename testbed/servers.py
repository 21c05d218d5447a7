"""Real servers for tests and benchmarks: Prometheus, Alertmanager, VictoriaMetrics; and where a browser is.

Each context manager starts one server on a free loopback port, waits until it is ready, and ends it for sure.
`PROMETHEUS`, `ALERTMANAGER`, `VICTORIA_METRICS`, `VMALERT`, `PROMTOOL` and `CHROMIUM` in the environment choose other
binaries; one that is missing is a failure, never a reason to skip a test.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from testbed.process import NotReadyError, Server, free_port
from testbed.sink import Received, Sink

__all__ = [
    "NotReadyError",
    "Received",
    "Server",
    "Sink",
    "alertmanager",
    "alertmanager_binary",
    "browser_binary",
    "free_port",
    "operator_scrape_config",
    "prometheus",
    "prometheus_binary",
    "promtool_binary",
    "scrape_config",
    "victoria_metrics",
    "victoria_metrics_binary",
    "vmalert_binary",
]

_STARTS = 4
"""Attempts at a start, each on another port: between choosing a port and listening on it, someone else may take it."""


def prometheus_binary() -> str:
    """The Prometheus to test against."""
    return _binary("PROMETHEUS", "prometheus")


def alertmanager_binary() -> str:
    """The Alertmanager to test against."""
    return _binary("ALERTMANAGER", "prometheus-alertmanager", "alertmanager")


def promtool_binary() -> str:
    """Prometheus's promtool, which writes blocks and checks rules and metrics."""
    return _binary("PROMTOOL", "promtool")


def victoria_metrics_binary() -> str:
    """The VictoriaMetrics to test against."""
    return _binary("VICTORIA_METRICS", "victoria-metrics")


def vmalert_binary() -> str:
    """VictoriaMetrics's vmalert, which evaluates rules, also over the past; it comes in the same Debian package."""
    return _binary("VMALERT", "vmalert")


def browser_binary() -> str:
    """The browser that looks at the pages; without windows, if there is one."""
    return _binary("CHROMIUM", "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def scrape_config(
    scrape: Sequence[tuple[str, str]], *, interval: str = "1s", rules: Sequence[Path] = ()
) -> dict[str, Any]:
    """A Prometheus configuration that scrapes each (job, URL) of *scrape* every *interval*."""
    return {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [_job(job, url) for job, url in scrape],
    }


def operator_scrape_config(url: str, *, honor_labels: bool = False) -> dict[str, Any]:
    """A Prometheus configuration that scrapes *url* with the target labels that the Prometheus Operator sets.

    Source: https://github.com/prometheus-operator/prometheus-operator/blob/main/pkg/prometheus/promcfg.go
    """
    job = _job("sloburn", url)
    job["honor_labels"] = honor_labels
    job["static_configs"][0]["labels"] = {
        "namespace": "monitoring",
        "service": "sloburn",
        "pod": "sloburn-0",
        "container": "sloburn",
        "endpoint": "http",
        "node": "worker-1",
    }
    return scrape_config([]) | {"scrape_configs": [job]}


@contextmanager
def prometheus(
    data_dir: Path,
    *,
    config: Mapping[str, Any] | None = None,
    scrape: Sequence[tuple[str, str]] = (),
    scrape_interval: str = "1s",
    rules: Sequence[Path] = (),
    retention: str = "100d",
    flags: Sequence[str] = (),
    binary: str | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """A Prometheus over *data_dir*, which may already hold blocks; *config* replaces all that *scrape* says."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sloburn-prometheus-") as folder:
        config_path = Path(folder) / "prometheus.yml"
        config_path.write_text(json.dumps(config or scrape_config(scrape, interval=scrape_interval, rules=rules)))

        def build(port: int) -> Server:
            command = [
                binary or prometheus_binary(),
                f"--config.file={config_path}",
                f"--storage.tsdb.path={data_dir}",
                f"--storage.tsdb.retention.time={retention}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--web.enable-lifecycle",
                "--web.enable-admin-api",
                "--log.level=warn",
                *flags,
            ]
            log_path = Path(folder) / "prometheus.log"
            return Server(name="prometheus", command=command, port=port, log_path=log_path, env=env or {})

        with _started(build) as server:
            yield server


@contextmanager
def alertmanager(
    webhook_url: str,
    *,
    data_dir: Path | None = None,
    group_by: Sequence[str] = ("...",),
    group_wait: str = "0s",
    group_interval: str = "1s",
    repeat_interval: str = "1h",
    resolve_timeout: str = "5m",
    config: Mapping[str, Any] | None = None,
    flags: Sequence[str] = (),
    binary: str | None = None,
) -> Iterator[Server]:
    """An Alertmanager without a cluster that sends every alert, firing and resolved, to *webhook_url* at once."""
    route = {
        "receiver": "sink",
        "group_by": list(group_by),
        "group_wait": group_wait,
        "group_interval": group_interval,
        "repeat_interval": repeat_interval,
    }
    receiver = {"name": "sink", "webhook_configs": [{"url": webhook_url, "send_resolved": True}]}
    default = {"global": {"resolve_timeout": resolve_timeout}, "route": route, "receivers": [receiver]}
    with tempfile.TemporaryDirectory(prefix="sloburn-alertmanager-") as folder:
        config_path = Path(folder) / "alertmanager.yml"
        config_path.write_text(json.dumps(config or default))

        def build(port: int) -> Server:
            command = [
                binary or alertmanager_binary(),
                f"--config.file={config_path}",
                f"--storage.path={data_dir or Path(folder) / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
                "--log.level=debug",
                *flags,
            ]
            log_path = Path(folder) / "alertmanager.log"
            return Server(name="alertmanager", command=command, port=port, log_path=log_path)

        with _started(build) as server:
            yield server


@contextmanager
def victoria_metrics(
    data_dir: Path,
    *,
    scrape: Sequence[tuple[str, str]] = (),
    scrape_interval: str = "1s",
    retention: str = "100y",
    flags: Sequence[str] = (),
    binary: str | None = None,
) -> Iterator[Server]:
    """A single-node VictoriaMetrics over *data_dir*; data goes in by `openmetrics.import_into` or by *scrape*.

    It takes samples of all times up to two days ahead, so that tests need not depend on the date.

    Raises:
        NotReadyError: no VictoriaMetrics is installed.
    """
    executable = binary or victoria_metrics_binary()
    if executable is None:
        raise NotReadyError("victoria-metrics is not installed; set VICTORIA_METRICS to its path")
    with tempfile.TemporaryDirectory(prefix="sloburn-victoria-") as folder:
        config_path = Path(folder) / "scrape.yml"
        jobs = [_job(job, url) for job, url in scrape]
        config_path.write_text(json.dumps({"global": {"scrape_interval": scrape_interval}, "scrape_configs": jobs}))

        def build(port: int) -> Server:
            command = [
                executable,
                f"-storageDataPath={data_dir}",
                f"-retentionPeriod={retention}",
                f"-httpListenAddr=127.0.0.1:{port}",
                f"-promscrape.config={config_path}",
                "-loggerLevel=WARN",
                # Imported history would otherwise be hidden behind answers cached before it came.
                "-search.disableCache",
                *flags,
            ]
            log_path = Path(folder) / "victoria-metrics.log"
            return Server(name="victoria-metrics", command=command, port=port, log_path=log_path, ready_path="/health")

        with _started(build) as server:
            yield server


@contextmanager
def _started(build: Callable[[int], Server]) -> Iterator[Server]:
    with _first_that_listens(build) as server:
        yield server


def _first_that_listens(build: Callable[[int], Server]) -> Server:
    for attempt in range(1, _STARTS + 1):
        server = build(free_port())
        try:
            return server.start()
        except NotReadyError as error:
            if attempt == _STARTS or "address already in use" not in str(error):
                raise
    raise NotReadyError("unreachable")


def _job(job: str, url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    return {
        "job_name": job,
        "scheme": parts.scheme,
        "metrics_path": parts.path or "/metrics",
        "static_configs": [{"targets": [parts.netloc]}],
    }


def _binary(variable: str, *names: str) -> str:
    found = os.environ.get(variable) or next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise NotReadyError(f"{names[0]} is not installed; set {variable} to its path")
    return found
