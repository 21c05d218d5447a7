"""Pages and API of one board as the service has them, without its engine."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI

from app.api import path_prefix
from app.clock import SystemClock
from app.status import Board
from app.ui import pages
from tests.support.api import Served, listening


def site(board: Board, *, unhealthy: tuple[str, ...] = ()) -> FastAPI:
    """The application of pages and API over a board."""
    served = Served(board=board, external_url="http://127.0.0.1")
    served.readiness.unhealthy.extend(unhealthy)
    app = served.app()
    prefix = path_prefix(served.external_url)
    app.include_router(pages(board, clock=SystemClock(), prefix=prefix, unhealthy=lambda: unhealthy))
    return app


@contextmanager
def serving(board: Board, *, unhealthy: tuple[str, ...] = ()) -> Iterator[str]:
    """The URL of such an application behind a real server."""
    with listening(site(board, unhealthy=unhealthy)) as url:
        yield url
