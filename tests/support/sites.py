"""Pages and API of one board as the service has them, without its engine."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from fastapi import FastAPI
from typing_extensions import override

from app.api import path_prefix
from app.clock import SystemClock
from app.slo import SloId
from app.status import Board, Snapshot
from app.ui import BurnDowns, pages
from tests.support.api import Served, listening


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
    served = Served(board=board, external_url="http://127.0.0.1")
    served.readiness.unhealthy.extend(unhealthy)
    app = served.app()
    prefix = path_prefix(served.external_url)
    app.include_router(
        pages(board, clock=SystemClock(), prefix=prefix, unhealthy=lambda: unhealthy, burn_downs=TwoIncidents())
    )
    return app


@contextmanager
def serving(board: Board, *, unhealthy: tuple[str, ...] = ()) -> Iterator[str]:
    """The URL of such an application behind a real server."""
    with listening(site(board, unhealthy=unhealthy)) as url:
        yield url
