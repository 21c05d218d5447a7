"""Pages and API of one board as the service has them, without its engine."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from fastapi import FastAPI
from typing_extensions import override

from app.api import path_prefix
from app.clock import SystemClock
from app.slo import SloId
from app.status import Board, ContributorShare, Snapshot
from app.ui import BurnDowns, SloData, Surroundings, pages
from tests.support.api import Served, listening
from tests.support.pasts import IncidentPasts

CONTRIBUTORS = tuple(
    ContributorShare(
        values=((name, value),), bad=bad, total=total, share_of_bad=share, share_of_total=of_all, stands_out=share > 0.5
    )
    for name, value, bad, total, share, of_all in (
        ("route", "/pay", 566.0, 3_240.0, 0.82, 0.09),
        ("version", "2.4.1", 310.0, 9_100.0, 0.45, 0.25),
        ("route", "/cart", 83.0, 21_000.0, 0.12, 0.58),
    )
)
"""What burned the budget, whatever range is asked for."""


class TwoIncidents(BurnDowns):
    """Budgets that were spent in two incidents, and a little all the time."""

    @override
    def burn_downs(self, snapshots: Sequence[Snapshot]) -> Mapping[SloId, Sequence[float]]:
        return {
            snapshot.id: [1.0 - self._spent(step) * snapshot.budget.consumed_ratio for step in range(41)]
            for snapshot in snapshots
            if snapshot.as_of is not None
        }

    def _spent(self, step: int) -> float:
        return step / 400 + (0.3 if step > 12 else 0.0) + (min(6, step - 31) / 10 if step > 31 else 0.0)


def site(board: Board, *, unhealthy: tuple[str, ...] = ()) -> FastAPI:
    """The application of pages and API over a board."""
    newest = max((one.as_of for one in board.snapshots if one.as_of is not None), default=datetime.now(UTC))
    served = Served(board=board, external_url="http://127.0.0.1", pasts=IncidentPasts(newest))
    served.contributors.items = CONTRIBUTORS
    served.readiness.unhealthy.extend(unhealthy)
    app = served.app()
    prefix = path_prefix(served.external_url)
    app.include_router(
        pages(
            board,
            clock=SystemClock(),
            prefix=prefix,
            unhealthy=lambda: unhealthy,
            burn_downs=TwoIncidents(),
            slo_data=_slo_data(served),
        )
    )
    return app


def _slo_data(served: Served) -> SloData:
    surroundings = Surroundings(
        prometheus_url="http://prometheus.example.org",
        alertmanager_url="http://alertmanager.example.org",
        place_of=lambda slo: f"config/slos/{slo}.yaml:4",
    )
    return SloData(pasts=served.pasts, contributors=served.contributors, surroundings=surroundings)


@contextmanager
def serving(board: Board, *, unhealthy: tuple[str, ...] = ()) -> Iterator[str]:
    """The URL of such an application behind a real server."""
    with listening(site(board, unhealthy=unhealthy)) as url:
        yield url
