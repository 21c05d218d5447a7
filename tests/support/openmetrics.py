"""Samples as text, and from there into the databases of Prometheus and VictoriaMetrics."""

import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

import httpx

from tests.support.servers import Server, promtool_binary
from tests.support.traces import Samples

BLOCK = "162h"
"""The longest block that promtool writes; it reads the whole file for every block, two hours long by default."""


def write(samples: Iterable[Samples], out: TextIO) -> None:
    """Write OpenMetrics text: timestamps in seconds, to the millisecond."""
    for one in samples:
        head = one.text + " "
        pairs = zip(one.values.tolist(), one.times_ms.tolist(), strict=True)
        out.write("".join([f"{head}{value} {at // 1000}.{at % 1000:03d}\n" for value, at in pairs]))
    out.write("# EOF\n")


def create_blocks(samples: Iterable[Samples], data_dir: Path) -> None:
    """Write *samples* as blocks into a Prometheus data folder; the server must not be running yet."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sloburn-openmetrics-") as folder:
        text = Path(folder) / "samples.om"
        with text.open("w") as out:
            write(samples, out)
        flags = ["--quiet", f"--max-block-duration={BLOCK}"]
        command = [promtool_binary(), "tsdb", "create-blocks-from", "openmetrics", *flags, str(text), str(data_dir)]
        subprocess.run(command, check=True, capture_output=True)


def import_into(victoria_metrics: Server, samples: Iterable[Samples]) -> None:
    """Send *samples* to a running VictoriaMetrics and make them visible to queries."""
    with httpx.Client(base_url=victoria_metrics.url, timeout=120, trust_env=False) as client:
        for one in samples:
            head = one.text + " "
            pairs = zip(one.values.tolist(), one.times_ms.tolist(), strict=True)
            text = "".join([f"{head}{value} {at}\n" for value, at in pairs])
            client.post("/api/v1/import/prometheus", content=text.encode()).raise_for_status()
        client.get("/internal/force_flush").raise_for_status()
