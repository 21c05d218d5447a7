"""Reports for pages and the API: made without waiting for a database that hangs, and kept for when it is away."""

import asyncio
from collections import OrderedDict
from contextlib import suppress
from datetime import datetime
from functools import partial

from typing_extensions import override

from app.reports import ObjectivesReport, ReportQuestion, report_question
from app.schedule import ScheduleInstruments, guarded
from app.service.adapters.impatient_reads import ImpatientReads
from app.status import Reports
from app.store import StoreError

# Some kilobytes for each SLO.
_KEPT = 8
# Days change once a day, and incidents are on other pages, too; a start has other things to do.
_MADE_EVERY_S = 900.0


class PageReports(Reports):
    """Reports of others; the newest of each question are kept."""

    def __init__(self, reports: Reports, reads: ImpatientReads) -> None:
        self._reports = reports
        self._reads = reads
        self._newest: OrderedDict[ReportQuestion, ObjectivesReport] = OrderedDict()

    @override
    def report(self, question: ReportQuestion) -> ObjectivesReport:
        made = self._reads.run(partial(self._reports.report, question))
        self._newest[question] = made
        self._newest.move_to_end(question)
        while len(self._newest) > _KEPT:
            self._newest.popitem(last=False)
        return made

    @override
    def newest(self, question: ReportQuestion) -> ObjectivesReport | None:
        return self._newest.get(question)

    @override
    def now(self) -> datetime:
        return self._reports.now()

    async def run(self, instruments: ScheduleInstruments) -> None:
        """Make the report that the page begins with again and again, until cancelled."""
        while True:
            await asyncio.sleep(_MADE_EVERY_S)
            question = report_question(period="month", at=None, now=self.now())
            await guarded("making the report of this month", self._make(question), instruments=instruments)

    async def _make(self, question: ReportQuestion) -> None:
        with suppress(StoreError):
            await asyncio.to_thread(self.report, question)
