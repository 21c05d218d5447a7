"""Reports of what the store has: definitions, days and incidents of a period (ADR-0070)."""

from datetime import datetime
from typing import Protocol

from typing_extensions import override

from app.clock import Clock
from app.reports import (
    Adjust,
    DayRange,
    DaySums,
    ObjectivesReport,
    ReportQuestion,
    make_report,
    slis_by_days,
    wanted_segments,
)
from app.store import Database
from app.store.daily_totals import sum_days
from app.store.definitions import load_definitions
from app.store.incidents import incident_facts


class Reports(Protocol):
    """Reports of periods; called in a worker thread."""

    def report(self, question: ReportQuestion) -> ObjectivesReport:
        """The report that is asked for."""
        ...

    def now(self) -> datetime:
        """The present, for what is asked without a date."""
        ...


class StoredReports(Reports):
    """Reports of what the database has."""

    def __init__(self, database: Database, clock: Clock, *, adjust: Adjust | None = None) -> None:
        self._database = database
        self._clock = clock
        self._adjust = adjust

    @override
    def now(self) -> datetime:
        return self._clock.now()

    @override
    def report(self, question: ReportQuestion) -> ObjectivesReport:
        with self._database.read() as transaction:
            known = load_definitions(transaction)
            now, before = wanted_segments(question, known)
            sums: dict[tuple[str, DayRange], list[DaySums]] = {}
            for days, slis in slis_by_days((*now, *before)).items():
                for sli, found in sum_days(transaction, days, slis).items():
                    sums[sli, days] = found
            start, end = question.period.bounds(question.timezone)
            incidents = incident_facts(transaction, since=start, until=end)
        return make_report(question, now, before, sums, incidents, at=self._clock.now(), adjust=self._adjust)
