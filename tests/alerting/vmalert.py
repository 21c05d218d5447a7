"""The other oracle: what `vmalert` makes of rules when it replays them over the history of a VictoriaMetrics."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from testbed.openmetrics import make_visible
from testbed.servers import Server, vmalert_binary


def replay(
    groups: Sequence[Mapping[str, Any]], victoria_metrics: Server, *, start: float, end: float, folder: Path
) -> None:
    """Write what the rules would have recorded and alerted in the slots from *start* to *end*."""
    rules = folder / "rules.json"
    rules.write_text(json.dumps({"groups": groups}))
    command = [
        vmalert_binary(),
        f"-rule={rules}",
        f"-datasource.url={victoria_metrics.url}",
        f"-remoteWrite.url={victoria_metrics.url}",
        "-remoteWrite.flushInterval=100ms",
        f"-replay.timeFrom={_moment(start)}",
        f"-replay.timeTo={_moment(end)}",
        "-replay.rulesDelay=0s",
        "-replay.disableProgressBar",
        "-evaluationInterval=30s",
        "-datasource.queryStep=30s",
        "-loggerLevel=WARN",
        "-httpListenAddr=127.0.0.1:0",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    make_visible(victoria_metrics)


def alerts(victoria_metrics: Server) -> list[tuple[dict[str, str], list[float]]]:
    """The series of `ALERTS`: labels, and the times at which there is a sample, in seconds."""
    with httpx.Client(base_url=victoria_metrics.url, timeout=60, trust_env=False) as client:
        answer = client.get("/api/v1/export", params={"match[]": "ALERTS"})
        answer.raise_for_status()
    lines = map(json.loads, answer.text.splitlines())
    return [(line["metric"], [at / 1000 for at in line["timestamps"]]) for line in lines]


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
