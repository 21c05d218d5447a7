"""Reports that are sent once for each period, and which of them is to be sent when."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.reports.periods import ReportPeriod, read_period
from app.reports.report import BY_SERVICE_NAME, ReportQuestion

SENT_AFTER = timedelta(hours=2)
"""How long after the end of its period a report is sent: the last samples are late, and the last day is written."""
SENT_WITHIN = timedelta(days=3)
"""How long after it a report may still be sent first: one that is new is not sent for years that are over."""
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledReport:
    """A report that some receivers get after each period; *period* is ``week``, ``month``, ``quarter`` or ``year``."""

    name: str
    period: str
    receivers: tuple[str, ...]
    services: frozenset[str] = frozenset()
    labels: frozenset[tuple[str, str]] = frozenset()
    by: str = BY_SERVICE_NAME
    timezone: str = "UTC"

    def due(self, at: datetime) -> ReportQuestion | None:
        """The report of the newest period that is over; None if it ended too long ago, or just now."""
        # Tomorrow, as it may have begun in the time zone already.
        newest = read_period(self.period, at.date() + _ONE_DAY)
        for period in (newest, newest.previous, newest.previous.previous):
            _, end = period.bounds(self.timezone)
            if at >= end + SENT_AFTER:
                return self.of(period) if at < end + SENT_WITHIN else None
        return None

    def of(self, period: ReportPeriod) -> ReportQuestion:
        """The report of a period."""
        return ReportQuestion(
            period=period, services=self.services, labels=self.labels, by=self.by, timezone=self.timezone
        )
