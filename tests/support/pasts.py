"""The past of SLOs, made by hand."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from typing_extensions import override

from app.budget.forecast import NoForecast, Outlook
from app.evaluation import Past, cost, days, outlooks, range_series
from app.ledger import COARSE_WIDTH_S, RowPast
from app.slo import RollingWindow, Slo, SloId
from app.slo.arrays import Floats
from app.status import BudgetCost, DaySummary, Pasts, RangeMark, RangeMarkKind, RangeSeries
from tests.support.snapshots import an_slo


def a_past(
    *,
    since_s: float,
    until_s: float,
    width_s: int = COARSE_WIDTH_S,
    per_cell: tuple[float, float] = (900.0, 0.0),
    slo: Slo | None = None,
) -> Past:
    """Cells of one width, all measured, with the same total and bad events in each; known as far back as they reach."""
    edges_s = np.arange(since_s, until_s + 1, width_s, dtype=np.float64)
    cells = len(edges_s) - 1

    def column(value: float) -> Floats:
        return np.full(cells, value)

    row = RowPast(
        edges_s=edges_s,
        total=column(per_cell[0]),
        bad=column(per_cell[1]),
        measured_s=column(float(width_s)),
        first_sample_s=since_s,
        complete_from_s=0.0,
        watermark_s=float(edges_s[-1]),
    )
    slo = slo or an_slo(window=RollingWindow(timedelta(days=1)))
    return Past(slo=slo, group=(), row=row, known_from_s=since_s)


class IncidentPasts(Pasts):
    """Forty days of ten requests a second up to a time: two incidents, and a night in which nothing was measured."""

    def __init__(self, newest: datetime, slo: Slo | None = None) -> None:
        slo = slo or an_slo()
        newest_s = newest.timestamp() // 300 * 300
        past = a_past(since_s=newest_s - 40 * 86_400, until_s=newest_s, width_s=300, per_cell=(3_000.0, 1.0), slo=slo)
        assert past.row is not None
        row, ago = past.row, newest_s - past.row.edges_s[1:]
        traffic = 3_000.0 * (1.0 + 0.6 * np.sin(row.edges_s[1:] / 86_400 * 2 * np.pi))
        failing = np.where(ago < 1_800, 0.02, 0.0) + np.where(
            (ago > 9 * 86_400) & (ago < 9 * 86_400 + 7_200), 0.008, 0.0
        )
        # Longer than two steps of six hours, of which one is within it at any time of the day.
        unmeasured = (ago > 4 * 86_400) & (ago < 4.6 * 86_400)
        total, measured = (np.where(unmeasured, 0.0, column) for column in (traffic, row.measured_s))
        rare = np.random.default_rng(7).random(len(total)) ** 6 * 0.0046
        bad = np.floor(total * (failing + rare))
        self._past = replace(past, row=replace(row, total=total, bad=bad, measured_s=measured))

    @override
    def series(
        self,
        slo_id: SloId,
        members: Sequence[SloId],
        start: datetime,
        end: datetime,
        step: timedelta,
        *,
        adjusted: bool = True,
    ) -> RangeSeries:
        return range_series(slo_id, self._past, start=start, end=end, step=step)

    @override
    def days(
        self, members: Sequence[SloId], start: datetime, end: datetime, *, adjusted: bool = True
    ) -> Sequence[DaySummary]:
        return days(self._past, start=start, end=end)

    @override
    def cost(self, members: Sequence[SloId], start: datetime, end: datetime) -> BudgetCost | None:
        return cost(self._past, start=start, end=end)

    @override
    def forecast(self, slo_id: SloId) -> Outlook | NoForecast:
        (found,) = outlooks([self._past], with_steps=True)
        return found

    @override
    def marks(self, slos: Sequence[SloId], start: datetime, end: datetime) -> Sequence[RangeMark]:
        row = self._past.row
        assert row is not None
        newest = datetime.fromtimestamp(float(row.edges_s[-1]), UTC)
        older = newest - timedelta(days=9)
        found = [
            RangeMark(
                at=older - timedelta(hours=1, minutes=50),
                until=older + timedelta(minutes=5),
                kind=RangeMarkKind.TICKET,
                title="checkout availability was burning its error budget at 9x",
                path="/incidents/77aa",
            ),
            RangeMark(
                at=newest - timedelta(minutes=24),
                until=None,
                kind=RangeMarkKind.PAGE,
                title="checkout availability is burning its error budget at 20x",
                path="/incidents/5f2d",
            ),
        ]
        found.append(
            RangeMark(
                at=newest - timedelta(minutes=40),
                until=newest - timedelta(minutes=40),
                kind=RangeMarkKind.TRANSITION,
                title="The page is suppressed: 1 error in the last 1h",
            )
        )
        found.sort(key=lambda mark: mark.at)
        return [mark for mark in found if mark.at < end and (mark.until is None or mark.until > start)]
