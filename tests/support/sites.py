"""Pages and API of one board as the service has them, without its engine."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache, partial

from fastapi import FastAPI
from typing_extensions import override

from app.api import ApiData, create_app, path_prefix, seen_by_readers, show_problems_to_browsers
from app.clock import SystemClock
from app.slo import SloId
from app.status import Board, ContributorShare, HistoryPoint, Snapshot
from app.ui import (
    BacktestData,
    BurnDowns,
    IncidentData,
    ObjectivesData,
    PolicyData,
    SloData,
    StatusData,
    Surroundings,
    TimelineData,
    pages,
    rendering,
)
from app.ui.assets import Assets
from app.ui.incident import IncidentHistory
from tests.support.api import Served, listening
from tests.support.incidents import KeptIncidents
from tests.support.pasts import IncidentPasts
from tests.support.set_clock import SetClock

# Each application reads and compresses the same files.
rendering.Assets = cache(Assets)  # type: ignore[assignment,attr-defined]  # imported there

PAGES = (
    "/",
    "/alerts",
    "/objectives",
    "/events",
    "/adjustments",
    "/backtests",
    "/policy",
    "/policy/decisions",
    "/status",
)
"""Every page that is about no SLO or incident in particular."""
TOKEN = "open sesame"  # noqa: S105  of no service
ALERTMANAGER = "http://alertmanager.example:9093"

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
"""What burned the budget, in any range."""


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


class OneBurst(IncidentHistory):
    """A past in which every fifth event fails for some time before the end, and few before."""

    @override
    def history(
        self, slo_id: SloId, start: datetime, end: datetime, step: timedelta, *, adjusted: bool = True
    ) -> Sequence[HistoryPoint] | None:
        count = int((end - start) / step)
        return [self._point(start + step * (number + 1), number / count) for number in range(count)]

    def _point(self, at: datetime, part: float) -> HistoryPoint:
        bad = 200.0 if 0.3 < part < 0.8 else 1.0
        left = 0.44 - 0.04 * min(1.0, max(0.0, (part - 0.3) * 2))
        return HistoryPoint(
            at=at,
            good=1_000.0 - bad,
            bad=bad,
            total=1_000.0,
            sli=1 - bad / 1_000,
            burn_rate=bad,
            budget_remaining_ratio=left,
            coverage=1.0,
        )


def site(
    board: Board,
    *,
    unhealthy: tuple[str, ...] = (),
    incidents: KeptIncidents | None = None,
    token: str | None = TOKEN,
) -> FastAPI:
    """The application of pages and API over a board, with *incidents* that are kept."""
    return site_of(a_served(board, unhealthy=unhealthy, incidents=incidents, token=token))


def a_served(
    board: Board,
    *,
    unhealthy: tuple[str, ...] = (),
    incidents: KeptIncidents | None = None,
    token: str | None = TOKEN,
) -> Served:
    """The fakes behind such an application, to be changed by a test before it is made."""
    newest = max((one.as_of for one in board.snapshots if one.as_of is not None), default=datetime.now(UTC))
    served = Served(
        board=board,
        external_url="http://127.0.0.1",
        pasts=IncidentPasts(newest),
        token=token,
        alertmanager_url=ALERTMANAGER,
        clock=SetClock(newest),
    )
    served.contributors.items = CONTRIBUTORS
    served.incidents = incidents or served.incidents
    served.readiness.unhealthy.extend(unhealthy)
    return served


def site_of(served: Served) -> FastAPI:
    """The application of pages and API over fakes."""
    data = seen_by_readers(served.data)
    app = create_app(data, telemetry=served.telemetry)
    prefix = path_prefix(data.external_url)
    app.include_router(
        pages(
            data.board,
            clock=SystemClock(),
            prefix=prefix,
            unhealthy=data.readiness.unhealthy_reasons,
            burn_downs=TwoIncidents(),
            slo_data=_slo_data(data),
            incident_data=IncidentData(
                log=data.incidents,
                history=OneBurst(),
                external_url=data.external_url,
                alertmanager_url=data.alertmanager_url,
            ),
            status_data=_status_data(served, data),
            objectives_data=ObjectivesData(reports=data.reports),
            timeline_data=TimelineData(
                changes=data.timeline.log,
                adjustments=data.timeline.adjustments,
                contributors=data.contributors,
                pasts=data.pasts,
                turn=asyncio.Semaphore(1),
            ),
            policy_data=PolicyData(data.gate),
            backtest_data=BacktestData(backtests=data.backtests),
            show_problems=partial(show_problems_to_browsers, app),
        )
    )
    return app


def _status_data(served: Served, data: ApiData) -> StatusData:
    return StatusData(
        config=data.config,
        readiness=data.readiness,
        reloader=data.reloader,
        deliveries=data.deliveries,
        remote_write=data.remote_write,
        sources=data.sources,
        instruments=served.instruments,
        build=data.build,
        audit=data.audit,
    )


def _slo_data(data: ApiData) -> SloData:
    surroundings = Surroundings(
        graphs=lambda: {"default": "http://prometheus.example.org"},
        alertmanager_url=lambda: "http://alertmanager.example.org",
        place_of=lambda slo: f"config/slos/{slo}.yaml:4",
    )
    return SloData(pasts=data.pasts, contributors=data.contributors, surroundings=surroundings)


@contextmanager
def serving(board: Board, *, unhealthy: tuple[str, ...] = (), incidents: KeptIncidents | None = None) -> Iterator[str]:
    """The URL of such an application behind a real server."""
    with listening(site(board, unhealthy=unhealthy, incidents=incidents)) as url:
        yield url
