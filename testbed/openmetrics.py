"""Samples as text, and from there into the databases of Prometheus and VictoriaMetrics."""

import json
import re
import subprocess
import tempfile
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from typing import Final, TextIO

import httpx
import numpy as np

from testbed.servers import Server, promtool_binary
from testbed.traces import Samples
from testbed.waiting import wait_until

BLOCK_HOURS: Final = 162
"""The longest block to write; promtool reads its whole input once for each block, two hours long by default."""
_BLOCK_MS: Final = BLOCK_HOURS * 3_600_000
_WRITERS: Final = 4
_MARKED_MS: Final = 1_000_000_000_000
"""A time at which nobody asks for anything else."""


def write(samples: Iterable[Samples], out: TextIO) -> None:
    """Write OpenMetrics text: timestamps in seconds, to the millisecond."""
    # Series of one target have the same timestamps, and making these texts takes more than half of the time.
    stamps = lru_cache(maxsize=8)(_stamps)
    for one in samples:
        head = one.text + " "
        pairs = zip(one.values.tolist(), stamps(one.times_ms.tobytes()), strict=True)
        out.write("".join([f"{head}{value}{stamp}" for value, stamp in pairs]))
    out.write("# EOF\n")


def _stamps(times_ms: bytes) -> list[str]:
    """What follows the values at these times (int64) in their lines."""
    times = np.frombuffer(times_ms, dtype=np.int64).tolist()
    return [f" {at // 1000}.{at % 1000:03d}\n" for at in times]


def create_blocks(samples: Iterable[Samples], data_dir: Path) -> None:
    """Write *samples* as blocks into a Prometheus data folder; the server must not be running yet.

    The blocks are those that one promtool run would write, each by a run of its own.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    every = list(samples)
    first = min(int(one.times_ms[0]) for one in every if len(one.times_ms))
    last = max(int(one.times_ms[-1]) for one in every if len(one.times_ms))
    starts = range(first // _BLOCK_MS * _BLOCK_MS, last + 1, _BLOCK_MS)
    with ThreadPoolExecutor(_WRITERS) as writers:
        for done in [writers.submit(_create_block, every, start, data_dir) for start in starts]:
            done.result()


def import_into(victoria_metrics: Server, samples: Iterable[Samples]) -> None:
    """Send *samples* to a running VictoriaMetrics and make them visible to queries."""
    sent = [one for one in samples if len(one.times_ms)]
    with _client(victoria_metrics) as client:
        for one in sent:
            head = one.text + " "
            pairs = zip(one.values.tolist(), one.times_ms.tolist(), strict=True)
            _import(client, "".join([f"{head}{value} {at}\n" for value, at in pairs]))
        make_visible(victoria_metrics)
        # `force_flush` does not wait for the flush of each second, which on a busy machine still writes what it has
        # taken before.
        if sent:
            wait_until(partial(_has_all, client, sent), "imported samples are visible")


def make_visible(victoria_metrics: Server) -> None:
    """Wait until every query of a VictoriaMetrics finds all series that it has been sent.

    Raises:
        TimeoutError: it does not in `PATIENCE_S`.
    """
    # It remembers for up to 10 s which series a selector matches. `force_flush` makes it forget that, but only if it
    # finds new series that the flush of each second has not written before. So series are added until a selector finds
    # the newest one that has been asked before.
    marker = f"sloburn_test_marker_{uuid.uuid4().hex}"
    with _client(victoria_metrics) as client:
        for number in range(2):
            _import(client, f'{marker}{{number="{number}"}} 1 {_MARKED_MS}\n')
            client.get("/internal/force_flush").raise_for_status()
            wait_until(partial(_finds, client, marker, number + 1), "imported series are visible")


def _client(victoria_metrics: Server) -> httpx.Client:
    return httpx.Client(base_url=victoria_metrics.url, timeout=120, trust_env=False)


def _import(client: httpx.Client, text: str) -> None:
    client.post("/api/v1/import/prometheus", content=text.encode()).raise_for_status()


def _has_all(client: httpx.Client, sent: Sequence[Samples]) -> bool:
    first, last = min(int(one.times_ms[0]) for one in sent), max(int(one.times_ms[-1]) for one in sent)
    names = json.dumps("|".join(sorted({re.escape(one.metric) for one in sent})))
    asked = {"query": f"sum(count_over_time({{__name__=~{names}}}[{last - first + 1}ms]))", "time": str(last / 1000)}
    found = client.post("/api/v1/query", data=asked).raise_for_status().json()["data"]["result"]
    return bool(found) and int(found[0]["value"][1]) >= sum(len(one.times_ms) for one in sent)


def _finds(client: httpx.Client, metric: str, count: int) -> bool:
    asked = {"query": f"{metric}[1m]", "time": str(_MARKED_MS / 1000)}
    answer = client.get("/api/v1/query", params=asked).raise_for_status().json()
    return len(answer["data"]["result"]) == count


def _create_block(samples: Sequence[Samples], start_ms: int, data_dir: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="sloburn-openmetrics-") as folder:
        text = Path(folder) / "samples.om"
        with text.open("w") as out:
            write(filter(lambda part: len(part.times_ms), (_part(one, start_ms) for one in samples)), out)
        flags = ["--quiet", f"--max-block-duration={BLOCK_HOURS}h"]
        command = [promtool_binary(), "tsdb", "create-blocks-from", "openmetrics", *flags, str(text), str(data_dir)]
        subprocess.run(command, check=True, capture_output=True)


def _part(samples: Samples, start_ms: int) -> Samples:
    first, last = np.searchsorted(samples.times_ms, [start_ms, start_ms + _BLOCK_MS])
    kept = slice(int(first), int(last))
    return Samples(
        metric=samples.metric,
        labels=samples.labels,
        times_ms=samples.times_ms[kept],
        values=samples.values[kept],
    )
