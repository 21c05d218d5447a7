"""What was, as readers see it: history, charts, contributors, reports."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from typing_extensions import override

from app.access import seen_tenants
from app.api.ports import History
from app.api.problems import not_found
from app.api.tenants.reading import are_seen, is_seen
from app.budget.forecast import NoForecast, Outlook
from app.reports import ObjectivesReport, ReportQuestion
from app.slo import Labels, SloId
from app.status import (
    BudgetCost,
    Contributors,
    ContributorsInRange,
    DaySummary,
    HistoryPoint,
    Pasts,
    RangeMark,
    RangeSeries,
    Reports,
)


def _refuse_unseen(*ids: SloId) -> None:
    """Routes look SLOs up on the board first: to get here means that one has not."""
    if not are_seen(ids):
        raise not_found("there is no such SLO")


@dataclass(frozen=True, slots=True)
class SeenHistory(History):
    """The past of SLOs of the reader's tenants."""

    whole: History

    @override
    def history(
        self, slo_id: SloId, start: datetime, end: datetime, step: timedelta, *, adjusted: bool = True
    ) -> Sequence[HistoryPoint] | None:
        if not is_seen(slo_id):
            return None
        return self.whole.history(slo_id, start, end, step, adjusted=adjusted)


@dataclass(frozen=True, slots=True)
class SeenPasts(Pasts):
    """Charts and days of SLOs of the reader's tenants."""

    whole: Pasts

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
        _refuse_unseen(slo_id, *members)
        return self.whole.series(slo_id, members, start, end, step, adjusted=adjusted)

    @override
    def days(
        self, members: Sequence[SloId], start: datetime, end: datetime, *, adjusted: bool = True
    ) -> Sequence[DaySummary]:
        _refuse_unseen(*members)
        return self.whole.days(members, start, end, adjusted=adjusted)

    @override
    def cost(self, members: Sequence[SloId], start: datetime, end: datetime) -> BudgetCost | None:
        _refuse_unseen(*members)
        return self.whole.cost(members, start, end)

    @override
    def forecast(self, slo_id: SloId) -> Outlook | NoForecast:
        _refuse_unseen(slo_id)
        return self.whole.forecast(slo_id)

    @override
    def marks(self, slos: Sequence[SloId], start: datetime, end: datetime) -> Sequence[RangeMark]:
        _refuse_unseen(*slos)
        return self.whole.marks(slos, start, end)


@dataclass(frozen=True, slots=True)
class SeenContributors(Contributors):
    """Contributors to SLOs of the reader's tenants."""

    whole: Contributors

    @override
    async def contributors(
        self, slo_id: SloId, start: datetime, end: datetime, *, by: Sequence[str], within: Labels
    ) -> ContributorsInRange | None:
        return await self.whole.contributors(slo_id, start, end, by=by, within=within) if is_seen(slo_id) else None


@dataclass(frozen=True, slots=True)
class SeenReports(Reports):
    """Reports of SLOs of the reader's tenants."""

    whole: Reports

    @override
    def report(self, question: ReportQuestion) -> ObjectivesReport:
        return self.whole.report(replace(question, tenants=seen_tenants()))

    @override
    def newest(self, question: ReportQuestion) -> ObjectivesReport | None:
        return self.whole.newest(replace(question, tenants=seen_tenants()))

    @override
    def now(self) -> datetime:
        return self.whole.now()
