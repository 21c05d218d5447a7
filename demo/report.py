"""What the demo tells its user: the table of SLOs, where to look, and how to break the shop."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from app.slo import UNKNOWN_FIGURE, rounded_percent
from demo.ports import Ports

Item = Mapping[str, Any]

_COLOURS = {"meeting": "green", "at_risk": "yellow", "exhausted": "red"}


def slo_table(items: Sequence[Item]) -> Table:
    """The SLOs of `/api/v1/slos`, one row each, with the share of the budget that is left."""
    table = Table(box=None, collapse_padding=True, pad_edge=False)
    table.add_column("SLO", overflow="fold")
    for heading in ("objective", "left", "coverage", "status"):
        table.add_column(heading, no_wrap=True)
    for item in items:
        colour = _COLOURS.get(item["status"], "dim")
        firing = [f", {alert['severity']}" for alert in item["alerts"] if alert["state"] == "firing"]
        table.add_row(
            item["id"],
            rounded_percent(item["objective"], 4),
            _percent(item["budget"]["remaining_ratio"]),
            _percent(item["coverage"]),
            f"[{colour}]{item['status']}{''.join(firing)}[/]",
        )
    return table


def print_guide(console: Console, ports: Ports, api_token: str) -> None:
    """Where to look, how to break the shop and how to mend it."""
    sloburn, shop = _own_command(), ports.url("shop")
    elsewhere = "" if ports.shop == Ports().shop else f" --shop {shop}"
    places = Table.grid(padding=(0, 2))
    for name, url in (
        ("Sloburn", ports.url("sloburn")),
        ("  as JSON", ports.url("sloburn") + "/api/v1/slos"),
        ("  API", ports.url("sloburn") + "/docs"),
        ("  token", f"{api_token} (for everything that changes something)"),
        ("Prometheus", ports.url("prometheus")),
        ("Alertmanager", ports.url("alertmanager")),
        ("Shop", shop),
        ("Pager", ports.url("pager")),
    ):
        places.add_row(name, url)
    console.print("\n[bold]Where to look[/]", places, sep="\n")
    console.print(
        "Grafana is not part of this; `docker compose up` is the same stack with it.\n\n"
        "[bold]Break the shop[/] (in another terminal); it pages within three minutes:\n"
        f"  {sloburn} demo break checkout --errors 20% --latency 2s --for 10m{elsewhere}\n"
        "[bold]Mend it[/]; the page resolves a few minutes later:\n"
        f"  {sloburn} demo mend{elsewhere}\n\n"
        "Notifications that would reach a pager are printed here. Ctrl-C stops everything.",
        soft_wrap=True,
        highlight=False,
    )


def _percent(ratio: float | None) -> str:
    return UNKNOWN_FIGURE if ratio is None else rounded_percent(ratio, 1)


def _own_command() -> str:
    # A `sloburn` that is found on PATH may be an installed package, which has no demo.
    beside = Path(sys.executable).with_name("sloburn")
    found = shutil.which("sloburn")
    if found is not None and beside.exists() and Path(found).samefile(beside):
        return "sloburn"
    return str(beside.relative_to(Path.cwd())) if beside.is_relative_to(Path.cwd()) else str(beside)
