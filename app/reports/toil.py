"""Whom alerts disturbed: pages at night, at weekends and in working hours."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from app.reports.facts import IncidentFacts
from app.slo import Severity

NIGHT_FROM_H, NIGHT_UNTIL_H = 22, 7
"""Hours of the reader's zone in which a page wakes somebody."""
_SATURDAY = 5
WORTH_A_PAGE = 0.02
"""The share of the budget that a page is for: what the fastest rule of the SRE Workbook lets an hour spend.

Source: https://sre.google/workbook/alerting-on-slos/#5-multiple-burn-rate-alerts
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Toil:
    """Pages of a period; a night is that which begins on a day, a page of a weekend may be one of a night too."""

    pages: int
    tickets: int
    nights: int
    weekend_days: int
    pages_at_night: int
    pages_at_weekends: int
    time_under_way: timedelta
    """How long pages fired, added up."""
    pages_worth: int
    pages_judged: int
    """Pages that spent `WORTH_A_PAGE` of the budget or more, of those whose spending is known."""

    @property
    def precision_by_burn(self) -> float:
        """The share of pages that were worth it by what they spent; NaN where that is known of none."""
        return self.pages_worth / self.pages_judged if self.pages_judged else math.nan


def toil_of(incidents: Iterable[IncidentFacts], timezone: str) -> Toil:
    """The toil of incidents, in a time zone."""
    zone, known = ZoneInfo(timezone), list(incidents)
    pages = [one for one in known if one.severity is Severity.PAGE]
    local = [one.started_at.astimezone(zone) for one in pages]
    nights = [night for at in local if (night := night_of(at)) is not None]
    weekends = [at.date() for at in local if at.weekday() >= _SATURDAY]
    spent = [one.spent for one in pages if one.spent is not None]
    return Toil(
        pages=len(pages),
        tickets=len(known) - len(pages),
        nights=len(set(nights)),
        weekend_days=len(set(weekends)),
        pages_at_night=len(nights),
        pages_at_weekends=len(weekends),
        time_under_way=sum((one.ended_at - one.started_at for one in pages if one.ended_at is not None), timedelta()),
        pages_worth=sum(share >= WORTH_A_PAGE for share in spent),
        pages_judged=len(spent),
    )


def night_of(at: datetime) -> date | None:
    """The date on which the night began that a local time is in; None by day.

    A page at 02:00 belongs to the night that began the day before.
    """
    return None if NIGHT_UNTIL_H <= at.hour < NIGHT_FROM_H else (at - timedelta(hours=NIGHT_UNTIL_H)).date()
