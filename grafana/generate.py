"""Writes the dashboards as the JSON that Grafana loads: `python -m grafana.generate`."""

import json
from pathlib import Path

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana import overview, slo, sloburn

DASHBOARDS = Path(__file__).parent / "dashboards"


def rendered() -> dict[str, str]:
    """The text of every dashboard's file, by file name."""
    return {
        "overview.json": _render(overview.dashboard()),
        "slo.json": _render(slo.dashboard()),
        "sloburn.json": _render(sloburn.dashboard()),
    }


def write(folder: Path = DASHBOARDS) -> None:
    """Write every dashboard into *folder*."""
    for name, text in rendered().items():
        (folder / name).write_text(text, encoding="utf-8")


def _render(builder: Dashboard) -> str:
    board = builder.build()
    # Links to a panel hold its number, so it must be the same in every Grafana.
    for number, panel in enumerate(board.panels or [], start=1):
        panel.id_val = number
    return json.dumps(board, cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    write()
