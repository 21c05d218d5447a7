"""How readers get at the past of SLOs."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from app.budget.forecast import NoForecast, Outlook
from app.slo import Labels, SloId
from app.status.contributors import ContributorsInRange
from app.status.range_series import BudgetCost, DaySummary, RangeMark, RangeSeries


class Pasts(Protocol):
    """The past of SLOs; called in a worker thread. *members* is the SLO itself, or all members of its group."""

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
        """The steps that end in (start, end], oldest first; none where nothing is kept. *adjusted* as budgets are."""
        ...

    def days(
        self, members: Sequence[SloId], start: datetime, end: datetime, *, adjusted: bool = True
    ) -> Sequence[DaySummary]:
        """The days that lie in (start, end], in the zone of the SLO, oldest first."""
        ...

    def cost(self, members: Sequence[SloId], start: datetime, end: datetime) -> BudgetCost | None:
        """What the time in (start, end] cost; None where nothing is kept of it."""
        ...

    def forecast(self, slo_id: SloId) -> Outlook | NoForecast:
        """The forecast of an SLO or a member by what is counted now, with its steps; adjustments included."""
        ...

    def marks(self, slos: Sequence[SloId], start: datetime, end: datetime) -> Sequence[RangeMark]:
        """What happened to SLOs or members in a range, oldest first."""
        ...


class Contributors(Protocol):
    """Label values with most bad events, asked from Prometheus."""

    async def contributors(
        self, slo_id: SloId, start: datetime, end: datetime, *, by: Sequence[str], within: Labels
    ) -> ContributorsInRange | None:
        """What contributed in (start, end]; None if the SLO is not known."""
        ...
