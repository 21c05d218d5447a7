"""Holes across the time at which live counting begins, or a piece of history does: their events count once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.evaluation.memory import MemorySource
from tests.evaluation.plain import availability, counter, requests, slos
from tests.evaluation.running import Running, differences

BEGIN = 1_800_000_000.0
HOUR = 3600.0
# Where history ends when the service starts at BEGIN, and where its first pieces begin.
EDGES = (BEGIN - 300, BEGIN - 900, BEGIN - 900 - 3 * HOUR)


def _restart_at_once(live: Running) -> None:
    live.restart()


def _restart_between_pieces(live: Running) -> None:
    live.run(BEGIN, BEGIN + 60)
    live.restart()


@pytest.mark.parametrize("trouble", [_restart_at_once, _restart_between_pieces])
@pytest.mark.parametrize("hole_s", [130.0, 400.0])
def test_a_restart_loses_nothing_of_a_hole_that_ends_behind_history(
    trouble: Callable[[Running], None], hole_s: float, tmp_path: Path
) -> None:
    """A service that was restarted counts what one counts that starts later, however much history had been read."""
    holes = [(edge - 40.0, edge - 40.0 + hole_s) for edge in EDGES]
    span = (BEGIN - 5 * HOUR, BEGIN + HOUR)
    source = MemorySource(
        series=[
            counter(requests("web", instance="a:80"), span, per_second=5.0, without=holes),
            counter(requests("web", "500", instance="a:80"), span, per_second=0.1, without=holes),
            *([counter(requests("web", instance="b:80"), span)] if hole_s > 300 else []),
        ]
    )

    def move(at: float) -> None:
        source.now = at - 1

    watched = slos([availability("web")], tmp_path / "slos")
    with (
        Running(watched, source, tmp_path / "live", move=move) as live,
        Running(watched, source, tmp_path / "fresh", move=move) as fresh,
    ):
        live.tick(BEGIN)
        trouble(live)
        live.restart()
        live.run(BEGIN + 60, BEGIN + 1500, every=120, backfill=False)
        live.backfill(BEGIN + 1500)
        fresh.tick(BEGIN + 1500)
        fresh.backfill(BEGIN + 1500)
        found, wanted = live.figures, fresh.figures
    assert differences(found, wanted, coverage=1e-4) == {}
