"""What watching SLOs costs: CPU of Prometheus above scraping, for Sloth's rules, Pyrra's rules and Sloburn.

All run side by side over copies of the same data, scrape the same fleet, and are measured over the same minutes.
Sloburn's own CPU is counted too.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.table import Table

from bench import harness
from bench.exporter import Fleet
from bench.peers import RuleFile, pyrra_rules, sloth_rules
from testbed.process import Server
from testbed.service import sloburn, write_documents

SETTLE_S: Final = 90
"""Seconds between everybody being ready and the first reading: the first evaluation finds no cache warm."""

_RULES: Final[dict[str, Callable[[Fleet], RuleFile]]] = {"sloth": sloth_rules, "pyrra": pyrra_rules}


@dataclass(frozen=True, slots=True, kw_only=True)
class Arena:
    """What is the same for all: the fleet, its exporter, its past in *base*, and how often rules run."""

    fleet: Fleet
    exporter: Server
    work_dir: Path
    base: Path
    evaluation_interval: str


@dataclass(slots=True)
class Contestant:
    """One way to watch the fleet: its Prometheus, and its own process if it has one."""

    name: str
    prometheus: Server
    service: Server | None = None
    readings: list[tuple[float, float]] = field(default_factory=list)

    def read(self) -> None:
        """Note how much CPU both have used so far."""
        self.readings.append((self.prometheus.cpu_seconds(), self.service.cpu_seconds() if self.service else 0.0))

    @property
    def spent(self) -> tuple[float, float]:
        """CPU seconds of Prometheus and of the service between the first reading and the last."""
        (first, own_first), (last, own_last) = self.readings[0], self.readings[-1]
        return last - first, own_last - own_first


def run(
    *,
    services: int,
    minutes: float,
    history_days: float,
    own_metric_names: bool,
    burning: float,
    only: frozenset[str],
    evaluation_interval: str,
) -> None:
    """Measure, and print CPU milliseconds per minute and SLO."""
    fleet = Fleet(services, own_metric_names, burning)
    with tempfile.TemporaryDirectory(prefix="sloburn-bench-") as folder, ExitStack() as stack:
        work_dir = Path(folder)
        exporter = stack.enter_context(harness.exporting(fleet, work_dir))
        base = work_dir / "base"
        if history_days:
            with harness.step(f"writing {history_days:g} days of {services * 10} series"):
                harness.write_past(
                    fleet, base, end=int(time.time()), seconds=int(history_days * 86_400), recorded="sloth" in only
                )
        arena = Arena(
            fleet=fleet, exporter=exporter, work_dir=work_dir, base=base, evaluation_interval=evaluation_interval
        )
        contestants = [
            stack.enter_context(_contestant(name, arena))
            for name in ("scraping", "sloth", "pyrra", "sloburn")
            if name == "scraping" or name in only
        ]
        harness.sleep(SETTLE_S, "settling")
        _measure(contestants, minutes)
    harness.show(_table(contestants, fleet, minutes))


def _measure(contestants: list[Contestant], minutes: float) -> None:
    for contestant in contestants:
        contestant.read()
    harness.sleep(minutes * 60, f"measuring {', '.join(one.name for one in contestants)}")
    for contestant in contestants:
        contestant.read()


@contextmanager
def _contestant(name: str, arena: Arena) -> Iterator[Contestant]:
    fleet, data_dir = arena.fleet, arena.work_dir / f"prometheus-{name}"
    if arena.base.exists():
        shutil.copytree(arena.base, data_dir)
    rules = [harness.rule_file(_RULES[name](fleet), arena.work_dir / f"{name}.yaml")] if name in _RULES else []
    config = harness.scraping(fleet, arena.exporter, rules, evaluation_interval=arena.evaluation_interval)
    with harness.quiet_prometheus(data_dir, config) as prometheus:
        if name != "sloburn":
            yield Contestant(name, prometheus)
            return
        specs = write_documents(harness.documents(fleet), arena.work_dir / "slos")
        # Two scrapes must be there before there is anything to count.
        harness.sleep(2 * harness.INTERVAL + 10, "first scrapes")
        with sloburn(prometheus.url, specs, arena.work_dir / "sloburn", wait=False) as service:
            with harness.step("Sloburn counts the past"):
                harness.wait_until_counted(service, fleet.services, timeout=600)
            yield Contestant(name, prometheus, service)


def _table(contestants: list[Contestant], fleet: Fleet, minutes: float) -> Table:
    names = "a metric name each" if fleet.own_metric_names else "one metric name"
    table = Table(
        title=f"CPU of {fleet.services} SLOs x 10 series, {names}, over {minutes:g} min (ms per minute and SLO)"
    )
    for column in ("who", "Prometheus", "own", "together"):
        table.add_column(column, justify="left" if column == "who" else "right")
    scale = 1000 / minutes / fleet.services
    scraping = contestants[0].spent[0] * scale
    table.add_row("scraping alone", f"{scraping:.2f}", "", "")
    for contestant in contestants[1:]:
        total, own = (spent * scale for spent in contestant.spent)
        above = total - scraping
        table.add_row(contestant.name, f"{above:.2f}", f"{own:.2f}", f"{above + own:.2f}")
    return table
