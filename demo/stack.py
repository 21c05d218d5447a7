"""Runs the whole demo on loopback: history first, then shop, Prometheus, Alertmanager, pager and Sloburn."""

import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
from rich.console import Console
from rich.progress import Progress, TimeElapsedColumn

from demo.history import Scrapes
from demo.options import DemoOptions
from demo.ports import Ports, require_free
from demo.processes import Processes
from demo.programs import Programs
from demo.report import print_guide, slo_table
from demo.servers import Layout
from demo.tsdb_blocks import import_history

_START_SECONDS = 60.0
_BACKFILL_SECONDS = 180.0


def run(options: DemoOptions, console: Console) -> None:
    """Start everything, say where to look, and go on until Ctrl-C or SIGTERM; then nothing is left running.

    Raises:
        DemoError: it could not start or had to end; nothing is left running.
    """
    require_free(options.ports)
    programs = Programs.find()
    processes = Processes()
    with _data_folder(options.data) as data, _termination_interrupts():
        layout = Layout(data=data, ports=options.ports, programs=programs)
        try:
            _bring_history(layout, options.days, console)
            _start(layout, processes, options.traffic, console)
            _show_budgets(layout.ports, processes, console)
            print_guide(console, layout.ports, layout.api_token)
            processes.watch()
        except KeyboardInterrupt:
            console.print("\nStopping.")
        finally:
            with _undisturbed():
                processes.stop()
    console.print("Stopped; nothing is left running.")


def _bring_history(layout: Layout, days: float, console: Console) -> None:
    # A bar is drawn on a terminal only: into a file or a pipe these lines say what takes a minute.
    _say(console, f"Preparing {days:g} days of history; to generate them takes up to a minute.")
    with Progress(*Progress.get_default_columns(), TimeElapsedColumn(), console=console, transient=True) as progress:
        writing = progress.add_task(f"Generating {days:g} days of history", total=1.0)
        loading = progress.add_task("Importing it into Prometheus", total=None, start=False)

        def written(share: float) -> None:
            progress.update(writing, completed=share)
            if share >= 1:
                progress.start_task(loading)
                _say(console, "Importing it into Prometheus, which takes up to a minute.")

        def importing(seconds: float) -> None:
            _say(console, f"Importing it into Prometheus: {seconds:.0f} s so far.")

        scrapes = Scrapes.until(int(time.time()), days=days)
        promtool = layout.programs.promtool
        imported = import_history(
            layout.prometheus_data, scrapes, promtool=promtool, written=written, importing=importing
        )
    console.print(
        f"{days:g} days of history are in Prometheus."
        if imported
        else f"The history in {layout.prometheus_data} is used.",
        soft_wrap=True,
    )


def _start(layout: Layout, processes: Processes, traffic: float, console: Console) -> None:
    commands = (
        layout.shop(traffic=traffic),
        layout.prometheus(),
        layout.pager(),
        layout.alertmanager(),
        layout.sloburn(),
    )
    for command in commands:
        _say(console, f"Starting {command.name}.")
        with console.status(f"Starting {command.name}"):
            processes.start(command, timeout=_START_SECONDS)
        console.print(f"{command.name} is up.")
        console.file.flush()


def _show_budgets(ports: Ports, processes: Processes, console: Console) -> None:
    deadline = time.monotonic() + _BACKFILL_SECONDS
    _say(console, "Sloburn reads the month.")
    with console.status("Sloburn reads the month"):
        while not (items := _slos(ports)) or any(item["data"] == "backfilling" for item in items):
            processes.check()
            if time.monotonic() > deadline:
                break
            time.sleep(1)
    console.print("\n[bold]Error budgets[/]", slo_table(items), sep="\n")


def _say(console: Console, text: str) -> None:
    """Print what goes on now where no terminal shows it by itself, at once also into a file."""
    if not console.is_terminal:
        console.print(text, soft_wrap=True)
        console.file.flush()


def _slos(ports: Ports) -> list[dict[str, Any]]:
    try:
        answer = httpx.get(ports.url("sloburn") + "/api/v1/slos", timeout=10.0, trust_env=False)
    except httpx.TransportError:
        return []
    items: list[dict[str, Any]] = answer.json()["items"] if answer.is_success else []
    return items


@contextmanager
def _data_folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="sloburn-demo-") as folder:
        yield Path(folder)


@contextmanager
def _termination_interrupts() -> Iterator[None]:
    """SIGTERM and SIGHUP do what Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A second Ctrl-C must not leave half of the parts running."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
