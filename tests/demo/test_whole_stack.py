"""The demo as its user sees it: budgets of the past, a page, its end, and nothing left behind."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from demo.ports import Ports, require_free
from demo.switch import ShopSwitch
from testbed.servers import free_port
from testbed.waiting import PATIENCE_S, wait_until


@dataclass(frozen=True, slots=True)
class Demo:
    """A running `sloburn demo` and what it has printed."""

    process: subprocess.Popen[bytes]
    output: Path
    ports: Ports

    @property
    def printed(self) -> str:
        return self.output.read_text()

    def wait_for(self, pattern: str, *, takes_s: float = 0.0) -> None:
        """Wait until *pattern* is printed, which takes so long by nature; fails where the demo ends before."""

        def is_printed() -> bool:
            ended = self.process.poll() is not None
            found = re.search(pattern, self.printed) is not None
            assert found or not ended, f"the demo ended:\n{self.printed}"
            return found

        wait_until(is_printed, lambda: f"{pattern!r}:\n{self.printed}", takes_s=takes_s)

    def counts_of_yesterday(self) -> list[float]:
        """How many samples each series of a budget has between two days and half a day ago."""
        query = 'count_over_time(slo_error_budget_remaining_ratio{slo="catalog-availability"}[36h] offset 12h)'
        answer = httpx.get(
            f"{self.ports.url('prometheus')}/api/v1/query", params={"query": query}, timeout=60, trust_env=False
        )
        return [float(series["value"][1]) for series in answer.json()["data"]["result"]]

    def reload(self) -> httpx.Response:
        """What changes something needs the token that was printed."""
        token = re.search(r"token +(\w{16}) ", self.printed)
        assert token is not None
        address, headers = f"{self.ports.url('sloburn')}/-/reload", {"Authorization": f"Bearer {token[1]}"}
        return httpx.post(address, headers=headers, timeout=60, trust_env=False)

    def stop(self) -> int:
        """Send what `kill` sends; the exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE_S)


@contextmanager
def _demo(folder: Path) -> Iterator[Demo]:
    ports = Ports(**{part: free_port() for part, _ in Ports()})
    flags = [f"--{part}-port={port}" for part, port in ports]
    temporary = folder / "tmp"
    temporary.mkdir()
    output = folder / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "demo", "up", "--days=2", "--traffic=0.3", *flags],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={"PATH": "/usr/bin:/bin", "TMPDIR": str(temporary), "COLUMNS": "140"},
        )
    try:
        yield Demo(process, output, ports)
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def test_breaking_the_shop_pages_and_mending_resolves_and_nothing_is_left(tmp_path: Path) -> None:
    """The whole demo, with two days of history instead of a month and a total outage instead of a fifth of requests."""
    with _demo(tmp_path) as demo:
        # Into a file, where no bar can be drawn, lines say what goes on.
        demo.wait_for("Preparing 2 days of history")
        demo.wait_for("Ctrl-C stops everything")
        assert re.search(r"Starting shop\..*Starting sloburn\.", demo.printed, re.DOTALL)
        assert re.search(r"checkout-availability .*meeting", demo.printed)
        assert "cart-availability:route=/cart/items" in demo.printed
        assert demo.reload().is_success
        switch = ShopSwitch(demo.ports.url("shop"))
        switch.break_service("checkout", errors=1.0, latency_seconds=0, for_seconds=600)
        demo.wait_for(r"─ PAGE checkout-availability")
        switch.mend("checkout")
        # Until the short window of 2 minutes has no errors left, a slot, its offset and the delivery, in real time.
        demo.wait_for(r"RESOLVED PAGE checkout-availability", takes_s=180)
        # What was before the first scrape of Sloburn is there, in the one series that is scraped.
        wait_until(lambda: [count > 200 for count in demo.counts_of_yesterday()] == [True])
        assert demo.stop() == 0
    assert "nothing is left running" in demo.printed
    require_free(demo.ports)
    assert list((tmp_path / "tmp").iterdir()) == []
